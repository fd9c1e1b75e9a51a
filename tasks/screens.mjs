// `npm run screens`: the pictures of docs/screens, made anew.
import { prepareMachine } from "./machine.mjs";
import { build, must } from "./steps.mjs";

prepareMachine();
build();
must(process.execPath, ["test/dist/browser/screens.js"]);
