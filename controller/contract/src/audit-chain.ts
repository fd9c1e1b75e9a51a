// Checks the chain of the audit, for whoever has the records: the controller, and those who do not trust it. Records before the first may have been pruned. Then the
// chain itself must say so: each pruning is a record, which tells the number and the hash of the last that it took.
import { type AuditAnchor, type AuditView, auditAnchor, auditPruned, auditText, firstPreviousHash } from "./audit.js";

export interface Broken {
  number: number;
  why: string;
}

const missing = "it is not there";

export class AuditChain {
  readonly #sha256: (text: string) => string;
  /** What stands before the first record that was given. */
  #start: AuditAnchor | undefined;
  #told: AuditAnchor | undefined;
  records = 0;
  head: AuditAnchor | null = null;

  /** `sha256` answers in hex. */
  constructor(sha256: (text: string) => string) {
    this.#sha256 = sha256;
  }

  /** The next record, from the oldest to the newest; answers what is wrong with it, if anything is. */
  add(record: AuditView): Broken | undefined {
    this.#start ??= { number: record.number - 1, hash: record.previousHash };
    const before = this.head ?? this.#start;
    const { number } = record;
    if (number !== before.number + 1) return { number: before.number + 1, why: missing };
    if (record.previousHash !== before.hash) return { number, why: "it does not follow the record before it" };
    if (record.hash !== this.#sha256(auditText(record))) return { number, why: "it is not as it was written" };
    this.head = { number, hash: record.hash };
    this.records += 1;
    this.#told = anchorIn(record) ?? this.#told;
    return undefined;
  }

  /** To be asked behind the last record: what is wrong with the beginning. `stored` is where its keeper says that it begins; undefined when nobody says. */
  beginning(stored?: AuditAnchor | null): Broken | null {
    const start = this.#start ?? { number: 0, hash: firstPreviousHash };
    const told = this.#told ?? { number: 0, hash: firstPreviousHash };
    if (start.number > told.number) return { number: told.number + 1, why: missing };
    if (start.number < told.number) return { number: start.number + 1, why: "it was pruned, and is there again" };
    if (start.hash !== told.hash)
      return { number: start.number + 1, why: "it does not follow the last that was pruned" };
    if (stored === undefined) return null;
    const isSame = (stored?.number ?? 0) === told.number && (stored?.hash ?? firstPreviousHash) === told.hash;
    return isSame
      ? null
      : { number: start.number, why: "what is noted of the last that was pruned is not what the audit tells" };
  }
}

/** What a record of a pruning tells; undefined of any other. */
function anchorIn({ action, via, asked }: AuditView): AuditAnchor | undefined {
  if (action !== auditPruned || via !== "controller") return undefined;
  try {
    return auditAnchor.parse((JSON.parse(asked) as { last?: unknown }).last);
  } catch {
    // It tells nothing: what is missing is then found missing.
    return undefined;
  }
}
