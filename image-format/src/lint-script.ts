// What lint says of an image's scripts: is provision.sh there, does it run, does it read, does it want a Python that hosts do not have any more.
import type { Diagnostic, DiagnosticCode } from "./diagnostic.js";

export interface ShellError {
  file: string;
  line: number;
  message: string;
}

const script = "provision.sh";
/** `python` as a command: at the start of a line, or behind what starts a command. Not in a comment. */
const callsPython =
  /(?:^|[|;&(`]|\$\(|\bthen\b|\bdo\b|\belse\b|\bexec\b|\benv\b)\s*(?:\/usr(?:\/local)?\/bin\/)?python[0-9.]*(?=\s|$|<)/;

export function lintScript(
  files: ReadonlyMap<string, { text: string; executable: boolean }>,
  shellErrors: readonly ShellError[],
): Diagnostic[] {
  const file = files.get(script);
  if (file === undefined)
    return [
      at(script, 1, 1, "error", "missing_script", `The image has no ${script}`, `Copy example/${script} of the store.`),
    ];
  const found: Diagnostic[] = [];
  if (!file.executable)
    found.push(at(script, 1, 1, "error", "script_not_executable", `${script} is not executable`, `chmod +x ${script}`));
  if (!file.text.startsWith("#!")) {
    found.push(
      at(
        script,
        1,
        1,
        "error",
        "script_without_interpreter",
        `${script} does not start with #!`,
        "Make its first line: #!/bin/bash",
      ),
    );
  }
  if (file.text.includes("\r")) {
    const before = file.text.slice(0, file.text.indexOf("\r"));
    // A carriage return behind the interpreter's name makes the system look for "bash\r".
    const severity = /^#![^\n]*\r/.test(file.text) ? "error" : "warning";
    found.push(
      at(
        script,
        before.split("\n").length,
        before.length - before.lastIndexOf("\n"),
        severity,
        "crlf",
        `${script} has DOS line ends`,
        "Save it with Unix line ends.",
      ),
    );
  }
  for (const error of shellErrors) {
    found.push(
      at(
        error.file,
        error.line,
        1,
        error.file === script ? "error" : "warning",
        "script_syntax",
        `bash cannot read it: ${error.message}`,
        "Correct the line, and try: bash -n.",
      ),
    );
  }
  for (const [path, { text }] of files) if (/^#!.*\b(ba|da|k)?sh\b/.test(text)) found.push(...pythonCalls(path, text));
  return found;
}

function pythonCalls(path: string, text: string): Diagnostic[] {
  return text.split("\n").flatMap((line, index) => {
    const match = line.trimStart().startsWith("#") ? null : callsPython.exec(line);
    if (match === null) return [];
    const column = match.index + match[0].indexOf("python") + 1;
    const advice =
      "Hosts of today have no Python 2. For ConVirt's own generic script: convirt image import --modernise.";
    return [at(path, index + 1, column, "warning", "script_calls_python", "The script calls python", advice)];
  });
}

function at(
  file: string,
  line: number,
  column: number,
  severity: Diagnostic["severity"],
  code: DiagnosticCode,
  message: string,
  advice: string,
): Diagnostic {
  return { file, line, column, severity, code, message, advice };
}
