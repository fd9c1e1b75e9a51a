import { lineStartsOf, placeIn } from "./stopped.js";
import type { Expression, Statement, Target } from "./syntax.js";

/** One place where a file binds a name. */
export interface Assignment {
  name: string;
  /** Where the name stands, from 1. */
  line: number;
  column: number;
  /** Source offsets of the whole statement, without a comment behind it. */
  from: number;
  to: number;
  /** `NAME = literal` at the top level, and no other name: the statement can be replaced as a whole. */
  plain: boolean;
}

/** Every binding of a name in a file, in the order of the text: assignments, `+=`, and the names of loops. */
export function assignmentsOf(statements: readonly Statement[], source: string): Assignment[] {
  const found: Assignment[] = [];
  const starts = lineStartsOf(source);
  const put = (target: Target, { from, to }: Statement, plain: boolean): void => {
    if (target.kind === "unpack") for (const part of target.targets) put(part, { from, to } as Statement, false);
    if (target.kind !== "name") return;
    found.push({ name: target.name, ...placeIn(starts, target.at), from, to, plain });
  };
  const visit = (block: readonly Statement[], top: boolean): void => {
    for (const statement of block) {
      if (statement.kind === "assign") {
        const plain = top && statement.targets.length === 1 && isLiteral(statement.value);
        for (const target of statement.targets) put(target, statement, plain);
      } else if (statement.kind === "augment") put(statement.target, statement, false);
      else if (statement.kind === "for") {
        put(statement.target, statement, false);
        visit(statement.body, false);
        visit(statement.otherwise, false);
      } else if (statement.kind === "if") {
        for (const { body } of statement.branches) visit(body, false);
        visit(statement.otherwise, false);
      }
    }
  };
  visit(statements, true);
  return found;
}

/** A value that is written out: no name, no call, no operator but a sign. */
export function isLiteral(expression: Expression): boolean {
  switch (expression.kind) {
    case "literal":
      return true;
    case "list":
    case "tuple":
      return expression.items.every(isLiteral);
    case "dict":
      return expression.pairs.every(({ key, value }) => isLiteral(key) && isLiteral(value));
    case "unary":
      return expression.operand.kind === "literal";
    default:
      return false;
  }
}
