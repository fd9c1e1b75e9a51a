// Answers to `xl` and `xm` where there is no hypervisor: the same arguments, output, streams and exit codes for the calls that an agent makes, as they were
// recorded from Xen 4.17. Domains live in the folder $FAKE_XEN_DIR. `misbehave.json` there makes a subcommand misbehave:
//   { "create": { "delayMs": 500, "exitCode": 3, "stderr": "libxl: error: …" }, "list": { "hang": true } }
// so that what an agent does about a sick toolstack can be seen. No guest runs, and nothing runs in the background.
import { join } from "node:path";
import { Ends, xlJson } from "./answer.js";
import { change, setMaxMemory, setMemory, setVcpus } from "./change.js";
import { create } from "./create.js";
import { domainJson } from "./json.js";
import { pause } from "./lock.js";
import { blockList, info, list, networkList, uptime, vcpuList, vmList } from "./show.js";
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
  const [subject = "", value = ""] = words.filter((word) => !word.startsWith("-"));
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
      return `${byId(xen, subject).name}\n`;
    case "destroy":
      return destroy(xen, subject);
    case "shutdown":
    case "reboot":
      return signal(xen, has("-a") ? guests(xen) : [named(xen, subject)], command, has("-w"));
    case "pause":
    case "unpause":
      return change(xen, named(xen, subject).id, (domain) => {
        domain.state = command === "pause" ? "paused" : "running";
      });
    case "rename":
      return change(xen, named(xen, subject).id, (domain) => {
        domain.name = value;
      });
    case "mem-set":
      return setMemory(xen, named(xen, subject), value);
    case "mem-max":
      return setMaxMemory(xen, named(xen, subject), value);
    case "vcpu-set":
      return setVcpus(xen, named(xen, subject), value);
    case "console":
      throw new Ends(1, `fake-xen: ${named(xen, subject).name} has no console; see its log in ${xen.folder}/console\n`);
    default:
      return asked(xen, command, subject, has("-s"));
  }
}

/** What only looks. */
function asked(xen: FakeXen, command: string, subject: string, short: boolean): string {
  const all = () => (subject === "" ? xen.domains() : [named(xen, subject)]);
  switch (command) {
    case "vcpu-list":
      return vcpuList(all());
    case "uptime":
      return uptime(all(), short);
    case "vm-list":
      return vmList(xen.domains());
    case "block-list":
      return blockList(named(xen, subject));
    case "network-list":
      return networkList(named(xen, subject));
    default:
      throw new Ends(1, "command not implemented\n");
  }
}

function listed(xen: FakeXen, subject: string, flags: readonly string[]): string {
  const unknown = flags.find((flag) => !listFlags.has(flag));
  if (unknown !== undefined) throw new Ends(2, "option `\0' not supported.\n");
  const domains = subject === "" ? xen.domains() : [named(xen, subject)];
  const column = listFlags.get(flags[0] ?? "") ?? "";
  if (column !== "-l") return list(domains, column);
  const shown = domains.map(domainJson);
  return `${xlJson(shown)}\n\n`;
}

const listFlags: ReadonlyMap<string, "" | "-l" | "-v" | "-Z" | "-c" | "-n"> = new Map([
  ["", ""],
  ["-l", "-l"],
  ["--long", "-l"],
  ["-v", "-v"],
  ["--verbose", "-v"],
  ["-Z", "-Z"],
  ["--context", "-Z"],
  ["-c", "-c"],
  ["--cpupool", "-c"],
  ["-n", "-n"],
  ["--numa", "-n"],
] as const);

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

function byId(xen: FakeXen, subject: string): FakeDomain {
  const found = xen.domains().find((domain) => String(domain.id) === subject);
  if (found === undefined)
    throw new Ends(1, `Can't get domain name of domain id '${subject}', maybe this domain does not exist.\n`);
  return found;
}

function guests(xen: FakeXen): FakeDomain[] {
  return xen.domains().filter((domain) => domain.id !== 0);
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

function signal(xen: FakeXen, domains: readonly FakeDomain[], command: "shutdown" | "reboot", wait: boolean): string {
  // The real one obeys and powers the machine off: an agent must never ask for it.
  if (domains.some((domain) => domain.id === 0))
    throw new Ends(70, "fake-xen: the real xl would have shut down the host now\n");
  for (const { id, deaf } of domains) {
    process.stderr.write(`${command === "shutdown" ? "Shutting down" : "Rebooting"} domain ${id}\n`);
    if (!deaf) begin(xen, id, command);
  }
  if (!wait) return "";
  process.stderr.write(`Waiting for ${domains.length} domains\n`);
  pause(domains.some((domain) => domain.deaf) ? longestHangMs : xen.host.shutdownMs);
  const reason = command === "shutdown" ? 0 : 1;
  for (const { id } of domains) process.stderr.write(`Domain ${id} has been shut down, reason code ${reason}\n`);
  return "";
}

/** The guest goes after its time; one that reboots comes again with another id. */
function begin(xen: FakeXen, id: number, command: "shutdown" | "reboot"): void {
  xen.change((world) => {
    const domain = world.domains.find((one) => one.id === id);
    if (domain === undefined) return;
    domain.endsAtMs = Date.now() + xen.host.shutdownMs;
    if (command === "reboot") {
      world.domains.push({ ...domain, id: world.nextId, endsAtMs: null, startedAtMs: Date.now() });
      world.nextId += 1;
    }
  });
}

try {
  process.stdout.write(answer(process.argv.slice(3)));
} catch (error) {
  if (!(error instanceof Ends)) throw error;
  process.stderr.write(error.stderr);
  process.exitCode = error.exitCode;
}
