// `npm run test:faults -- --rounds N --seed S [scenario …]`: builds what is missing, then makes faults at length.
import { build, must } from "./steps.mjs";

build();
must(process.execPath, ["test/dist/faults/main.js", ...process.argv.slice(2)]);
