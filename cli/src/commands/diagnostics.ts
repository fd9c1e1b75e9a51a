import { plain } from "../output.js";

interface Finding {
  file: string;
  line: number;
  column: number;
  severity: string;
  code: string;
  message: string;
  advice: string;
}

/** Findings as compilers write them, so that editors can jump to the place; the advice below each. */
export function diagnosticLines(diagnostics: readonly Finding[]): string[] {
  return diagnostics.flatMap((one) => [
    plain(`${one.file}:${one.line}:${one.column}: ${one.severity}: ${one.message} [${one.code}]`),
    ...(one.advice === "" ? [] : [plain(`    ${one.advice}`)]),
  ]);
}
