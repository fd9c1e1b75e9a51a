// Evaluation of an image's `image.conf` and `vm_conf.template`: files that are Python 2, read by an evaluator of the part of
// Python that such files use. Nothing is executed, no disk or clock is asked, and every bound is a count: the same file gives the
// same answer everywhere. The answer is all options, or the diagnostics that say why there are none; never a part of them.

import type { Diagnostic } from "./diagnostic.js";
import { Execution } from "./run/execute.js";
import { exportOptions } from "./run/export.js";
import { type HostFacts, Run } from "./run/run.js";
import { type Assignment, assignmentsOf } from "./source/assignment.js";
import { parseSource } from "./source/parse.js";
import { diagnosticOf, Stopped } from "./source/stopped.js";
import type { DroppedType, Options } from "./value.js";

export type { Assignment };

/** What a file may learn about the host it is evaluated for, from the facts that its agent reported. */
export interface HostView {
  /** `os.uname()[4]`, such as `x86_64`. */
  machine: string;
  nodename?: string;
  sysname?: string;
  release?: string;
  version?: string;
  /** The paths for which `os.path.exists` is true. */
  existingPaths?: ReadonlySet<string>;
}

export interface EvaluationRequest {
  /** Name of the file, for the diagnostics. */
  file: string;
  /** The host the file is evaluated for; without one, an x86_64 Linux that has none of the paths asked about. */
  host?: HostView;
  /** A `vm_conf` finds `os` and `sys` imported, as ConVirt did it; an `image_conf` imports what it uses. */
  predefined?: "vm_conf" | "image_conf";
}

export type Evaluation =
  | {
      ok: true;
      options: Options;
      /** Names bound to what the format does not carry, with Python's name of the type. */
      dropped: Map<string, DroppedType>;
      assignments: Assignment[];
      /** Names of the file that its own expressions read: variables of the author's, whatever else they are. */
      read: ReadonlySet<string>;
      steps: number;
    }
  | { ok: false; diagnostics: Diagnostic[] };

/** Evaluates a file. Never throws on any text: what cannot be evaluated is a diagnostic at its place. */
export function evaluate(source: string, request: EvaluationRequest): Evaluation {
  try {
    const statements = parseSource(source);
    const run = new Run(factsOf(request.host));
    const execution = new Execution(request.predefined === "vm_conf" ? ["os", "sys"] : [], run);
    execution.file(statements);
    const { options, dropped } = exportOptions(execution.names, execution.imported, run);
    const assignments = assignmentsOf(statements, source);
    return { ok: true, options, dropped, assignments, read: execution.read, steps: run.steps };
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    return { ok: false, diagnostics: [diagnosticOf(error, request.file, source)] };
  }
}

function factsOf(host: HostView = { machine: "x86_64" }): HostFacts {
  const { machine, sysname = "Linux", nodename = "localhost", release = "", version = "" } = host;
  return {
    uname: [sysname, nodename, release, version, machine],
    pathExists: (path) => host.existingPaths?.has(path) ?? false,
  };
}
