// `npm run bench`: builds what is missing, then measures.
import { build, must } from "./steps.mjs";

build();
must(process.execPath, ["bench/dist/main.js", ...process.argv.slice(2)]);
