import type { HostView } from "@convirt/contract/host";
import type { Command } from "commander";
import { withContext } from "../context.js";
import { wholeNumber } from "../number.js";
import { duration, plain, size, table } from "../output.js";
import { type ListFlags, listOptions, listQuery, moreLine } from "../paging.js";
import { driftCommand } from "./drift.js";
import { stagedCommand } from "./staged.js";

export function hostCommands(program: Command): void {
  const host = program.command("host").description("hosts: invite, list, show, drift, staged, unstage, drain, remove");

  host
    .command("invite <name>")
    .description("make the one string by which a host enters")
    .addOption(wholeNumber("--ttl <seconds>", "how long it is good for", [60, 86_400]).default(3600))
    .action((name: string, flags: { ttl: number }, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const made = await client.call("inviteHost", { body: { host: name, ttlSeconds: flags.ttl } });
        show(made, (answer) =>
          [
            // As it is, with no indentation: it is pasted whole.
            `For a shell of root on ${name}, within ${duration(flags.ttl)}, once:`,
            "",
            `echo '${answer.invitation}' | convirt-agent enrol`,
            "",
            "A moment later the host is in contact: convirt host list",
          ].join("\n"),
        );
      }),
    );

  listOptions(host.command("list").description("list hosts with the age of their last contact"), "name")
    .option("--contact <state>", "invited, in_contact or silent")
    .option("--name <part>", "names that hold this")
    .action((flags: ListFlags & Record<string, string>, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const hosts = await client.call("listHosts", {
          query: { ...listQuery(flags), contact: flags["contact"], name: flags["name"] },
        });
        show(hosts, (answer) =>
          answer.items.length === 0
            ? "No hosts yet. Invite one: convirt host invite NAME"
            : hostTable(answer.items) + moreLine(answer),
        );
      }),
    );

  driftCommand(host);

  host
    .command("show <name>")
    .description("one host: facts, memory, problems")
    .action((name: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) =>
        show(await client.call("showHost", { params: { name } }), hostText),
      ),
    );

  stagedCommand(host);

  host
    .command("drain <name>")
    .description("take no new jobs on a host; --off takes them again")
    .option("--off", "take jobs again")
    .action((name: string, flags: { off?: boolean }, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const answer = await client.call("drainHost", { params: { name }, body: { draining: !flags.off } });
        show(answer, () => (answer.draining ? `${name} takes no new jobs.` : `${name} takes jobs again.`));
      }),
    );

  host
    .command("remove <name>")
    .description("remove a host: its trust ends at once")
    .option("--force", "although VMs or jobs of it are recorded")
    .action((name: string, flags: { force?: boolean }, command: Command) =>
      withContext(command, async ({ client, show }) => {
        show(
          await client.call("removeHost", { params: { name }, query: { force: flags.force } }),
          () => `${name} is removed.`,
        );
      }),
    );
}

function contactText(host: HostView): string {
  if (host.contact === "invited") return "invited";
  if (host.contact === "in_contact") return "in contact";
  return host.silentSince === null ? "silent" : `silent since ${host.silentSince.slice(0, 19)}Z`;
}

function hostTable(hosts: readonly HostView[]): string {
  return table(
    ["NAME", "CONTACT", "SEEN", "XEN", "CPUS", "MEMORY", "FREE", "DOMAINS", "JOBS", "ADDRESS"],
    hosts.map((one) => [
      one.name + (one.draining ? " (draining)" : ""),
      contactText(one),
      one.lastContactAgeS === null ? null : `${duration(one.lastContactAgeS)} ago`,
      one.facts?.xenVersion ?? null,
      one.facts?.cpus ?? null,
      one.facts === null ? null : size(one.facts.memoryMib * 1024 * 1024),
      one.freeMemoryMib === null ? null : size(one.freeMemoryMib * 1024 * 1024),
      one.domains,
      one.runningJobs,
      one.address,
    ]),
  );
}

function hostText(host: HostView): string {
  const lines = [`Host ${host.name}: ${contactText(host)}${host.draining ? ", draining" : ""}`];
  if (host.address !== null) lines.push(`  address      ${host.address}`);
  if (host.enrolledAt !== null)
    lines.push(`  enrolled     ${host.enrolledAt}, certificate until ${host.certificateNotAfter ?? "-"}`);
  const facts = host.facts;
  if (facts !== null) {
    lines.push(
      `  facts        as of ${host.factsAt ?? "-"} (${host.factsAgeS === null ? "-" : duration(host.factsAgeS)} ago)`,
    );
    if (host.silentSince !== null) lines.push("  silent       what is said of memory and VMs is as old");
    lines.push(
      `  machine      ${facts.machine}, Linux ${facts.release}, Xen ${facts.xenVersion} (${facts.virtCaps}), ${facts.toolstack}`,
    );
    lines.push(`  processors   ${facts.cpus}`);
    lines.push(
      `  memory       ${size(facts.memoryMib * 1024 * 1024)}, free ${host.freeMemoryMib === null ? "-" : size(host.freeMemoryMib * 1024 * 1024)}`,
    );
    lines.push(`  bridges      ${facts.bridges.join(" ") || "none"} (default ${facts.defaultBridge || "none"})`);
    lines.push(
      `  image store  ${facts.imageStore}, free ${host.storeFreeBytes === null ? "-" : size(host.storeFreeBytes)}`,
    );
    lines.push(`  disk roots   ${facts.diskRoots.join(" ")}`);
    lines.push(`  agent        ${facts.agentVersion}: ${facts.features.join(" ")}`);
    for (const problem of facts.problems) lines.push(`  problem      ${problem}`);
  }
  if (host.toolstackError !== null) {
    const age = host.domainsSeenAgeS;
    const known = age === null ? "nothing is known of VMs" : `what is said of memory and VMs is ${duration(age)} old`;
    // xl says it in several lines at times.
    const [first, ...more] = host.toolstackError.trimEnd().split("\n");
    lines.push(`  toolstack    ${first}`, ...[...more, known].map((line) => `               ${line}`));
  }
  return lines.map(plain).join("\n");
}
