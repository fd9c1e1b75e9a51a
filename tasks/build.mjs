// `npm run build`: all that the other verbs need.
import { build } from "./steps.mjs";

build();
