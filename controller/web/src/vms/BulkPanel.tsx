// One act on many VMs, a result for each. The panel stays until it is closed; a few at a time are asked, so that no host is flooded.
import type { VmView } from "@convirt/contract/vm";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { ApiError, call } from "../api/client";
import { ErrorCode } from "../parts/ErrorCode";
import { Status } from "../parts/Status";
import { count } from "../parts/words";

export type BulkAct = "start" | "shutdown" | "destroy";
type Outcome =
  | { kind: "waits" }
  | { kind: "runs" }
  | { kind: "done"; already: boolean }
  | { kind: "failed"; error: Error };

const atOnce = 4;
const words: Readonly<Record<BulkAct, { title: string; act: string; says: string; done: string; already: string }>> = {
  start: {
    title: "Start",
    act: "Start",
    says: "Each is started on its host, from its configuration there.",
    done: "Started",
    already: "Ran already",
  },
  shutdown: {
    title: "Shut down",
    act: "Shut down",
    says: "Each guest is asked to shut down by itself.",
    done: "Asked to shut down",
    already: "Was off already",
  },
  destroy: {
    title: "Stop at once",
    act: "Stop at once",
    says: "Each is stopped as by pulling the plug: what a guest has not written is lost. Its disks stay.",
    done: "Stopped",
    already: "Was off already",
  },
};
const paths = {
  start: "POST /vms/:id/start",
  shutdown: "POST /vms/:id/shutdown",
  destroy: "POST /vms/:id/destroy",
} as const;

interface Props {
  act: BulkAct;
  vms: readonly VmView[];
  onClose: () => void;
}

export function BulkPanel({ act, vms, onClose }: Props) {
  const queries = useQueryClient();
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, Outcome>>(new Map());
  const hasBegun = useRef(false);
  const set = (id: string, outcome: Outcome) => setOutcomes((before) => new Map(before).set(id, outcome));
  const one = async (vm: VmView) => {
    set(vm.id, { kind: "runs" });
    try {
      const { already } = await call(paths[act], { params: { id: vm.id } });
      set(vm.id, { kind: "done", already });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      set(vm.id, { kind: "failed", error });
    }
  };
  const run = async () => {
    hasBegun.current = true;
    const waiting = [...vms];
    for (const vm of vms) set(vm.id, { kind: "waits" });
    const worker = async () => {
      for (let vm = waiting.shift(); vm !== undefined; vm = waiting.shift()) await one(vm);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    await queries.invalidateQueries({ queryKey: ["vms"] });
  };
  const all = [...outcomes.values()];
  const isOver = all.length > 0 && all.every(({ kind }) => kind === "done" || kind === "failed");
  const failed = all.filter(({ kind }) => kind === "failed").length;
  return (
    <section className="cv-bulk" aria-label={`${words[act].title} ${count(vms.length, "VM")}`}>
      <header>
        <h2>
          {isOver
            ? `${vms.length - failed} of ${count(vms.length, "VM")} went well${failed > 0 ? `, ${failed} did not` : ""}`
            : `${words[act].title} ${count(vms.length, "VM")}`}
        </h2>
        {outcomes.size === 0 ? (
          <div className="cv-acts">
            <Button size="sm" variant={act === "destroy" ? "danger" : "primary"} onClick={() => void run()}>
              {words[act].act}
            </Button>
            <Button size="sm" variant="link" onClick={onClose}>
              Leave
            </Button>
          </div>
        ) : (
          <Button size="sm" variant="link" onClick={onClose} isDisabled={!isOver}>
            Close
          </Button>
        )}
      </header>
      {outcomes.size === 0 && <p className="cv-quiet">{words[act].says}</p>}
      <ul>
        {vms.map((vm) => (
          <li key={vm.id}>
            <span>{vm.name}</span>
            <Result outcome={outcomes.get(vm.id)} act={act} host={vm.host} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Result({ outcome, act, host }: { outcome: Outcome | undefined; act: BulkAct; host: string }) {
  if (outcome === undefined) return <span className="cv-quiet">on {host}</span>;
  if (outcome.kind === "waits") return <span className="cv-quiet">waits for its turn</span>;
  if (outcome.kind === "runs") return <Status tone="working">Asking {host}</Status>;
  if (outcome.kind === "done")
    return (
      <Status tone={outcome.already ? "off" : "good"}>{outcome.already ? words[act].already : words[act].done}</Status>
    );
  return (
    <span>
      <Status tone="bad">{outcome.error.message}</Status> <ErrorCode error={outcome.error} />
    </span>
  );
}
