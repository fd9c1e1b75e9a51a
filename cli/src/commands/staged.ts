import type { StagedTree } from "@convirt/contract/host";
import type { Command } from "commander";
import { withContext } from "../context.js";
import { plain, size, table } from "../output.js";

export function stagedCommand(host: Command): void {
  host
    .command("staged <name>")
    .description("the images that are staged on a host, and when each was last used")
    .action((name: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) =>
        show(await client.call("listStaged", { params: { name } }), ({ items }) =>
          items.length === 0 ? `Nothing is staged on ${name}.` : stagedTable(items),
        ),
      ),
    );

  host
    .command("unstage <name> <image>")
    .description("remove an image's files from a host; the next job of it there sends them anew")
    .action((name: string, image: string, _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) =>
        show(await client.call("removeStaged", { params: { name, image } }), ({ freedBytes }) =>
          plain(`${image} is removed from ${name}: ${size(freedBytes)} freed.`),
        ),
      ),
    );
}

function stagedTable(trees: readonly StagedTree[]): string {
  return table(
    ["NAME", "VERSION", "SIZE", "STAGED", "LAST USED"],
    trees.map((one) => [
      one.name,
      one.version.slice(0, 12),
      size(one.bytes),
      `${one.stagedAt.slice(0, 19)}Z`,
      one.lastUsedAt === null ? "not known" : `${one.lastUsedAt.slice(0, 19)}Z`,
    ]),
  );
}
