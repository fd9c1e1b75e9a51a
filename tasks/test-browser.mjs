// `npm run test:browser`: the web UI in a real browser, against a real controller and real agents. `npm test` does it too, after all else.
import { prepareMachine } from "./machine.mjs";
import { bin, build, must } from "./steps.mjs";

prepareMachine();
build();
must(bin("vitest"), ["run", "--config", "vitest.browser.config.ts", ...process.argv.slice(2)]);
