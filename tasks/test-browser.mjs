// `npm run test:browser`: the web UI in a real browser, against a real controller and real agents. Part of `npm test` as well.
import { prepareMachine } from "./machine.mjs";
import { bin, build, must } from "./steps.mjs";

prepareMachine();
build();
must(bin("vitest"), ["run", "test/src/browser", ...process.argv.slice(2)]);
