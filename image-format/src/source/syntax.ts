// The tree of a file as the evaluator walks it. Chains (`a + b + c`, `x.y[0](z)`) are lists, not nests, so that the depth of the
// tree is bounded by brackets and blocks alone. `at` is an offset into the source.

import type { Long } from "../run/thing.js";

export type Literal = string | bigint | number | boolean | null | Long;

export interface SliceBounds {
  lower: Expression | undefined;
  upper: Expression | undefined;
  step: Expression | undefined;
}

export interface Keyword {
  name: string;
  value: Expression;
}

export type Trailer =
  | { kind: "attribute"; name: string; at: number }
  | { kind: "index"; index: Expression; at: number }
  | { kind: "slice"; bounds: SliceBounds; at: number }
  | { kind: "call"; positional: Expression[]; keywords: Keyword[]; at: number };

export type ComprehensionClause =
  | { kind: "for"; target: Target; iterable: Expression; at: number }
  | { kind: "if"; test: Expression };

export interface Operand {
  operator: string;
  operand: Expression;
  at: number;
}

export type Expression =
  | { kind: "literal"; value: Literal; at: number }
  | { kind: "name"; name: string; at: number }
  | { kind: "list" | "tuple"; items: Expression[]; at: number }
  | { kind: "dict"; pairs: { key: Expression; value: Expression }[]; at: number }
  | { kind: "comprehension"; item: Expression; clauses: ComprehensionClause[]; at: number }
  | { kind: "unary"; operators: string[]; operand: Expression; at: number }
  | { kind: "chain"; first: Expression; rest: Operand[]; at: number }
  | { kind: "compare"; first: Expression; rest: Operand[]; at: number }
  | { kind: "boolean"; operator: "and" | "or"; operands: Expression[]; at: number }
  | { kind: "not"; operand: Expression; twice: boolean; at: number }
  | { kind: "conditional"; test: Expression; then: Expression; otherwise: Expression; at: number }
  | { kind: "path"; first: Expression; trailers: Trailer[]; at: number };

export type Target =
  | { kind: "name"; name: string; at: number }
  | { kind: "unpack"; targets: Target[]; at: number }
  | { kind: "element"; owner: Expression; trailer: Trailer & { kind: "index" | "slice" }; at: number };

interface Span {
  from: number;
  to: number;
}

export type Statement = Span &
  (
    | { kind: "assign"; targets: Target[]; value: Expression }
    | { kind: "augment"; target: Target; operator: string; value: Expression; at: number }
    | { kind: "expression"; value: Expression }
    | { kind: "delete"; targets: Target[] }
    | { kind: "import"; modules: { path: string[]; as: string | undefined; at: number }[] }
    | { kind: "pass" | "break" | "continue" }
    | { kind: "if"; branches: { test: Expression; body: Statement[] }[]; otherwise: Statement[] }
    | { kind: "for"; target: Target; iterable: Expression; body: Statement[]; otherwise: Statement[] }
  );
