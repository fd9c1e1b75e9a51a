// What the test's agent says to jobs and VMs: yes to everything, at once, with one line of log. A job whose VM's name begins with `slow` runs until it is
// cancelled.
import { createHash } from "node:crypto";
import type { DomainServiceServer } from "@convirt/proto/domain";
import {
  CancelOutcome,
  type Ended,
  type FollowRequest,
  type JobEvent,
  Outcome,
  Phase,
  type ProvisionServiceServer,
  type ProvisionSpec,
} from "@convirt/proto/provision";
import type { StagingServiceServer } from "@convirt/proto/staging";
import type { ServerWritableStream } from "@grpc/grpc-js";

type Follower = ServerWritableStream<FollowRequest, JobEvent>;

const log = Buffer.from("one line\n");
const logSha256 = createHash("sha256").update(log).digest("hex");

/** `started` takes what was sent to be run. `configured`: uuids of the VMs whose configuration is there; undefined: of all. */
export function agreeableServices(
  configured: () => string[] | undefined,
  started: ProvisionSpec[],
): {
  provision: Partial<ProvisionServiceServer>;
  staging: Partial<StagingServiceServer>;
  domain: DomainServiceServer;
} {
  const specs = new Map<string, ProvisionSpec>();
  const waiting = new Map<string, Follower>();
  /** Whoever follows later is told, too: a controller that was started anew, say. */
  const cancelled = new Set<string>();
  const provision: Partial<ProvisionServiceServer> = {
    check: (_call, done) =>
      done(null, {
        ...{ refusals: [], vmConfig: "name = 'x'\n", vmConfigPath: "/c/x", logPath: "/l/Tiny/Tiny_x.log" },
        lackingTrees: [],
      }),
    start: ({ request }, done) => {
      const { spec } = request;
      if (spec !== undefined) {
        specs.set(spec.jobId, spec);
        started.push(spec);
      }
      done(null, { known: false });
    },
    follow: (call) => {
      const spec = specs.get(call.request.jobId);
      if (spec === undefined) {
        call.end();
        return;
      }
      for (const event of begun()) call.write(event);
      if (cancelled.has(spec.jobId)) finish(call, Outcome.CANCELLED);
      else if (spec.vmName.startsWith("slow")) waiting.set(spec.jobId, call);
      else finish(call, Outcome.SUCCEEDED);
    },
    cancel: ({ request }, done) => {
      cancelled.add(request.jobId);
      const follower = waiting.get(request.jobId);
      if (follower !== undefined) finish(follower, Outcome.CANCELLED);
      done(null, { outcome: CancelOutcome.ASKED_TO_STOP });
    },
    clean: (_call, done) =>
      done(null, { removed: [{ kind: "file", path: "/d/x.img", bytes: 10n, detail: "" }], remaining: [] }),
    forget: (_call, done) => done(null, {}),
    listJobs: (_call, done) => done(null, { jobs: [] }),
  };
  return {
    provision,
    staging: {
      offer: (_call, done) => done(null, { answer: { $case: "staged", value: {} } }),
      listStaged: (_call, done) => done(null, { trees: staged }),
      removeStaged: (_call, done) => done(null, { freedBytes: 4096n }),
    },
    domain: {
      act: (_call, done) => done(null, { already: false, domainId: 1, commands: ["xl create /c/x"] }),
      look: ({ request }, done) => done(null, { configured: configured() ?? request.vms.map((vm) => vm.vmUuid) }),
      remove: (_call, done) => done(null, { removed: ["/c/x"], kept: ["/d/x.img"], commands: [] }),
      readConsoleLog: (_call, done) =>
        done(null, { data: Buffer.from("login: "), size: 100n, path: "/log/guest-x.log" }),
    },
  };
}

const stagedAt = "2026-01-01T00:00:00.000Z";
/** The first as an agent of before tells of it. */
const staged = [
  { name: "Tiny", digest: "a".repeat(64), bytes: 42n, stagedAt, lastUsedAt: "" },
  { name: "common", digest: "b".repeat(64), bytes: 7n, stagedAt, lastUsedAt: "2026-01-02T00:00:00.000Z" },
];

const at = "2026-01-01T00:00:00.000Z";

function begun(): JobEvent[] {
  return [
    { sequence: 1n, at, event: { $case: "phaseStarted", value: { phase: Phase.SCRIPT } } },
    { sequence: 0n, at, event: { $case: "log", value: { offset: 0n, data: log } } },
  ];
}

function finish(call: Follower, outcome: Outcome): void {
  const ended: Ended = {
    ...{ outcome, code: outcome === Outcome.SUCCEEDED ? "" : "cancelled", phase: Phase.SCRIPT, message: "" },
    ...{ exitCode: 0, logBytes: BigInt(log.length), logSha256, vmConfigPath: "/c/x", vmConfig: "name = 'x'\n" },
    proofs: [{ subject: "disk xvda", holds: true, found: "10 MiB" }],
    leftovers: [{ kind: "file", path: "/d/x.img", bytes: 10n, detail: "" }],
    disks: [{ target: "/d/x.img", device: "xvda", format: "raw", bytes: 10n, writable: true }],
    ...{
      domainId: 1,
      cleaned: [],
      logCut: false,
      vmConf: "name = 'x'\nmemory = 256\n",
      commands: ["provision.sh -x xl"],
    },
  };
  call.write({ sequence: 2n, at, event: { $case: "phaseEnded", value: { phase: Phase.SCRIPT, durationMs: 5n } } });
  call.write({ sequence: 3n, at, event: { $case: "ended", value: ended } });
  call.end();
}
