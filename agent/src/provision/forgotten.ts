// The ids of jobs that this host has had and was told to forget, so that none of them runs again: one a line, the newest ten thousand at least.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { appendSynced, writeDurably } from "../disk/durable.js";

const idLength = 36;
const kept = 10_000;

export class Forgotten {
  readonly #path: string;

  constructor(stateDir: string) {
    this.#path = join(stateDir, "forgotten");
  }

  has(id: string): boolean {
    return idsIn(this.#text()).includes(id);
  }

  /** On the disk when this returns. */
  add(id: string): void {
    const text = this.#text();
    const lines = idsIn(text);
    if (lines.includes(id)) return;
    // A line that a crash cut off must not swallow the next one: it is ended first.
    const start = text === "" || text.endsWith("\n") ? "" : "\n";
    if (text !== "" && lines.length < 2 * kept) appendSynced(this.#path, `${start}${id}\n`);
    else writeDurably(this.#path, `${[...lines.slice(-kept), id].join("\n")}\n`);
  }

  #text(): string {
    return existsSync(this.#path) ? readFileSync(this.#path, "latin1") : "";
  }
}

function idsIn(text: string): string[] {
  return text.split("\n").filter((line) => line.length === idLength);
}
