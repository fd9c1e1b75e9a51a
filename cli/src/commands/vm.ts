import type { VmDetail, VmView } from "@convirt/contract/vm";
import type { Command } from "commander";
import { withContext } from "../context.js";
import { ago, duration, plain, plainLog, size, table } from "../output.js";
import { type ListFlags, listOptions, listQuery, moreLine } from "../paging.js";

const actions = [
  { verb: "start", route: "startVm", done: "is started", already: "runs already" },
  { verb: "shutdown", route: "shutdownVm", done: "was asked to shut down", already: "is stopped already" },
  { verb: "destroy", route: "destroyVm", done: "is stopped", already: "is stopped already" },
  { verb: "pause", route: "pauseVm", done: "is paused", already: "is paused already" },
  { verb: "unpause", route: "unpauseVm", done: "goes on", already: "is not paused" },
  { verb: "reboot", route: "rebootVm", done: "was asked to reboot", already: "reboots already" },
] as const;

export function vmCommands(program: Command): void {
  const vm = program
    .command("vm")
    .description("VMs: list, show, console, start, shutdown, reboot, pause, unpause, destroy, remove");

  listOptions(vm.command("list").description("list VMs with what their host last reported"), "name")
    .option("--host <host>")
    .option("--image <image>")
    .option("--state <state>", "running, paused, stopped, crashed, …")
    .option("--name <part>", "names that hold this")
    .action((flags: ListFlags & Record<string, string>, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const { host, image, state, name } = flags;
        const vms = await client.call("listVms", { query: { ...listQuery(flags), host, image, state, name } });
        show(vms, (answer) =>
          answer.items.length === 0
            ? "No VMs. Make one: convirt provision IMAGE --host HOST --name VM"
            : vmTable(answer.items) + moreLine(answer),
        );
      }),
    );

  vm.command("show <vm>")
    .description("one VM, by name or id")
    .action((id: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) => show(await client.call("showVm", { params: { id } }), vmText)),
    );

  for (const action of actions) {
    vm.command(`${action.verb} <vm>`)
      .description(`${action.verb} a VM, by name or id`)
      .action((id: string, _flags: unknown, command: Command) =>
        withContext(command, async ({ client, show }) => {
          const answer = await client.call(action.route, { params: { id } });
          show(answer, () => plain(`${answer.vm.name} ${answer.already ? action.already : action.done}.`));
        }),
      );
  }

  vm.command("console <vm>")
    .description("the end of what a VM has written to its console")
    .option("--bytes <n>", "how much of it, at most 262144", "65536")
    .action((id: string, flags: { bytes: string }, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const { bytes } = flags;
        show(await client.call("readConsoleLog", { params: { id }, query: { bytes } }), (answer) =>
          plainLog(answer.text.replace(/\r+\n/g, "\n")).trimEnd(),
        );
      }),
    );

  vm.command("remove <vm>")
    .description("remove a VM: its configuration and record, with --disks its disks too")
    .option("--disks", "delete its writable disks as well")
    .option("--force", "although it runs, or although its host is away (then the record alone)")
    .action((id: string, flags: { disks?: boolean; force?: boolean }, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const answer = await client.call("removeVm", {
          params: { id },
          query: { disks: flags.disks, force: flags.force },
        });
        show(answer, () =>
          [
            `${id} is removed.`,
            ...answer.removed.map((path) => `  deleted ${path}`),
            ...answer.kept.map((path) => `  kept    ${path}`),
          ]
            .map(plain)
            .join("\n"),
        );
      }),
    );
}

function stateText(vm: VmView): string {
  return vm.state.replaceAll("_", " ");
}

/** A host in contact looks each 10 s at least; what is older is old news. */
function seenText(vm: VmView): string | null {
  if (vm.stateAgeS === null) return null;
  return vm.stateAgeS < 1 ? "just now" : `${duration(vm.stateAgeS)} ago`;
}

function vmTable(vms: readonly VmView[]): string {
  return table(
    ["NAME", "STATE", "SEEN", "HOST", "IMAGE", "MEMORY", "VCPUS", "MADE"],
    vms.map((one) => [
      one.name,
      stateText(one),
      seenText(one),
      one.host,
      one.image,
      one.memoryMib === null ? null : size(one.memoryMib * 1024 * 1024),
      one.vcpus,
      ago(one.createdAt),
    ]),
  );
}

function vmText(vm: VmDetail): string {
  const lines = [
    `VM ${vm.name}: ${stateText(vm)}${vm.domainId === null ? "" : `, domain ${vm.domainId}`} on ${vm.host}${vm.stateAgeS === null ? "" : `, seen ${seenText(vm)}`}`,
    `  id       ${vm.id}`,
    `  image    ${vm.image}, version ${vm.imageVersion.slice(0, 12)}`,
    `  made     ${vm.createdAt} by job ${vm.jobId}`,
    `  memory   ${vm.memoryMib === null ? "-" : size(vm.memoryMib * 1024 * 1024)}, ${vm.vcpus ?? "-"} vcpus`,
    ...vm.disks.map((disk) => `  disk     ${disk.device} ${disk.format} ${size(disk.bytes)} ${disk.target}`),
    `  config   ${vm.vmConfigPath}`,
    "",
    ...vm.vmConfig
      .trimEnd()
      .split("\n")
      .map((line) => `    ${line}`),
  ];
  return lines.map(plain).join("\n");
}
