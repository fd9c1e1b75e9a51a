// `npm run test:browser`: the web UI in a real browser, against a real controller and real agents. Run for itself: `npm test` only weighs the build.
import { prepareMachine } from "./machine.mjs";
import { bin, build, must } from "./steps.mjs";

prepareMachine();
build();
must(bin("vitest"), ["run", "--config", "vitest.browser.config.ts", ...process.argv.slice(2)]);
