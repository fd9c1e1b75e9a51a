// Answers to `xl` and `xm` where there is no hypervisor: the same arguments, output, streams and exit codes for the calls that an agent makes, as they were
// recorded from Xen 4.17. Domains live in the folder $FAKE_XEN_DIR. `misbehave.json` there makes a subcommand misbehave:
//   { "create": { "delayMs": 500, "exitCode": 3, "stderr": "libxl: error: …" }, "list": { "hang": true } }
// so that what an agent does about a sick toolstack can be seen. No guest runs, and nothing runs in the background.
import { join } from "node:path";
import { Ends, xlJson } from "./answer.js";
import { asJson, create } from "./create.js";
import { pause } from "./lock.js";
import { info, list } from "./show.js";
import { type FakeDomain, FakeXen, readJson } from "./world.js";

interface Misbehaviour {
  delayMs?: number;
  exitCode?: number;
  stderr?: string;
  hang?: boolean;
}

const longestHangMs = 600_000;

function answer(words: string[]): string {
  const folder = process.env["FAKE_XEN_DIR"];
  if (folder === undefined || folder === "")
    throw new Ends(1, "fake-xen: FAKE_XEN_DIR must name the folder that holds the domains\n");
  const xen = new FakeXen(folder);
  const global = words.findIndex((word) => !/^-[vfNtT]+$/.test(word));
  const command = global < 0 ? undefined : words[global];
  if (command === undefined) throw new Ends(1, "Usage xl [-vfNtT] <subcommand> [args]\n");
  misbehave(xen, command);
  const dryRun = words.slice(0, global).some((word) => word.includes("N"));
  return run(xen, command, words.slice(global + 1), dryRun);
}

function misbehave(xen: FakeXen, command: string): void {
  const how = (readJson(join(xen.folder, "misbehave.json")) as Record<string, Misbehaviour> | undefined)?.[command];
  if (how === undefined) return;
  if (how.hang) pause(longestHangMs);
  if (how.delayMs !== undefined) pause(how.delayMs);
  if (how.stderr !== undefined || how.exitCode !== undefined) throw new Ends(how.exitCode ?? 1, how.stderr ?? "");
}

function run(xen: FakeXen, command: string, words: string[], dryRun: boolean): string {
  const flags = words.filter((word) => word.startsWith("-"));
  const [subject = ""] = words.filter((word) => !word.startsWith("-"));
  const has = (...names: string[]) => flags.some((flag) => names.includes(flag));
  switch (command) {
    case "create":
      return create(xen, subject, { dryRun: dryRun || has("-n", "--dryrun"), paused: has("-p"), quiet: has("-q") });
    case "list":
      return listed(xen, subject, flags);
    case "info":
      return information(xen, subject);
    case "domid":
      return `${byName(xen, subject).id}\n`;
    case "domname":
      return `${named(xen, subject).name}\n`;
    case "destroy":
      return destroy(xen, subject);
    case "shutdown":
    case "reboot":
      return signal(xen, subject, command, has("-w"));
    case "pause":
    case "unpause":
      setState(xen, subject, command === "pause" ? "paused" : "running");
      return "";
    default:
      throw new Ends(1, "command not implemented\n");
  }
}

function listed(xen: FakeXen, subject: string, flags: readonly string[]): string {
  const unknown = flags.find((flag) => !["-l", "-v", "--long", "--verbose"].includes(flag));
  if (unknown !== undefined) throw new Ends(2, "option ` ' not supported.\n");
  const domains = subject === "" ? xen.domains() : [named(xen, subject)];
  if (!flags.includes("-l") && !flags.includes("--long"))
    return list(domains, flags.includes("-v") || flags.includes("--verbose"));
  return `${xlJson(domains.map((domain) => ({ domid: domain.id, config: asJson({ ...domain, maxMemoryMib: domain.memoryMib, disks: [] }) })))}\n`;
}

function information(xen: FakeXen, subject: string): string {
  const whole = info(xen, xen.domains());
  if (subject === "") return whole;
  const line = whole.split("\n").find((one) => one.split(":")[0]?.trim() === subject);
  return `${line?.slice(line.indexOf(":") + 1).trim() ?? ""}\n`;
}

/** Like the real one: all digits are an id, the empty name is domain 0. */
function named(xen: FakeXen, subject: string): FakeDomain {
  const found = xen
    .domains()
    .find((domain) => (/^\d*$/.test(subject) ? domain.id === Number(subject) : domain.name === subject));
  if (found === undefined) throw new Ends(1, `${subject} is an invalid domain identifier (rc=-6)\n`);
  return found;
}

function byName(xen: FakeXen, subject: string): FakeDomain {
  const found = xen.domains().find((domain) => domain.name === subject);
  if (found === undefined)
    throw new Ends(1, `Can't get domid of domain name '${subject}', maybe this domain does not exist.\n`);
  return found;
}

function destroy(xen: FakeXen, subject: string): string {
  const { id } = named(xen, subject);
  if (id === 0) {
    throw new Ends(
      1,
      "Not destroying domain 0; use -f to force.\nThis can only be done when using a disaggregated hardware domain and toolstack.\n\n",
    );
  }
  xen.change((world) => {
    world.domains = world.domains.filter((domain) => domain.id !== id);
  });
  return "";
}

function signal(xen: FakeXen, subject: string, command: "shutdown" | "reboot", wait: boolean): string {
  const { id, deaf } = named(xen, subject);
  // The real one obeys and powers the machine off: an agent must never ask for it.
  if (id === 0) throw new Ends(70, "fake-xen: the real xl would have shut down the host now\n");
  process.stderr.write(`${command === "shutdown" ? "Shutting down" : "Rebooting"} domain ${id}\n`);
  if (deaf) {
    if (wait) pause(longestHangMs);
    return "";
  }
  xen.change((world) => {
    const domain = world.domains.find((one) => one.id === id);
    if (domain === undefined) return;
    domain.endsAtMs = Date.now() + xen.host.shutdownMs;
    if (command === "reboot") {
      world.domains.push({ ...domain, id: world.nextId, endsAtMs: null, startedAtMs: Date.now() });
      world.nextId += 1;
    }
  });
  if (wait) pause(xen.host.shutdownMs);
  return "";
}

function setState(xen: FakeXen, subject: string, state: FakeDomain["state"]): void {
  const { id } = named(xen, subject);
  xen.change((world) => {
    const domain = world.domains.find((one) => one.id === id);
    if (domain !== undefined) domain.state = state;
  });
}

try {
  process.stdout.write(answer(process.argv.slice(3)));
} catch (error) {
  if (!(error instanceof Ends)) throw error;
  process.stderr.write(error.stderr);
  process.exitCode = error.exitCode;
}
