import type { Command } from "commander";
import { withContext } from "../context.js";
import { CommandFailed, exitCodes } from "../exit.js";
import { table } from "../output.js";
import { type ListFlags, listOptions, listQuery, moreLine } from "../paging.js";

export function tagCommands(program: Command): void {
  const tag = program.command("tag").description("tags of hosts and images: list, set");

  listOptions(tag.command("list").description("list which hosts and images bear which tags"), "tag")
    .option("--tag <part>", "tags that hold this")
    .action((flags: ListFlags & Record<string, string>, command: Command) =>
      withContext(command, async ({ client, show }) => {
        const tags = await client.call("listTags", { query: { ...listQuery(flags), tag: flags["tag"] } });
        show(tags, (answer) =>
          answer.items.length === 0
            ? "No tags."
            : table(
                ["TAG", "KIND", "NAME"],
                answer.items.map((one) => [one.tag, one.kind, one.name]),
              ) + moreLine(answer),
        );
      }),
    );

  tag
    .command("set <kind> <name> [tags...]")
    .description("say which tags a host or an image bears from now on; `convirt tag set host xen1 live`")
    .action((kind: string, name: string, tags: string[], _flags: unknown, command: Command) =>
      withContext(command, async ({ client, show }) => {
        if (kind !== "host" && kind !== "image")
          throw new CommandFailed(exitCodes.usage, `A host or an image bears tags, and not a "${kind}".`);
        const set = await client.call(kind === "host" ? "tagHost" : "tagImage", { params: { name }, body: { tags } });
        show(set, ({ items }) =>
          items.length === 0
            ? `${kind} ${name} bears no tag.`
            : `${kind} ${name} bears ${items.map((one) => one.tag).join(", ")}.`,
        );
      }),
    );
}
