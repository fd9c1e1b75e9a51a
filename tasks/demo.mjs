// `npm run demo`: installs and builds what is missing, then starts the demo in this terminal.
import { spawn } from "node:child_process";
import { build, root } from "./steps.mjs";

build();
const demo = spawn(process.execPath, ["demo/dist/main.js", ...process.argv.slice(2)], { cwd: root, stdio: "inherit" });
// Ctrl-C reaches both; the demo cleans up and says how it ended.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => demo.kill("SIGTERM"));
demo.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)));
