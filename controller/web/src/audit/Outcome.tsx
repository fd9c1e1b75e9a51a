import type { AuditView } from "@convirt/contract/audit";
import { Status } from "../parts/Status";

const tones = { done: "good", refused: "off", failed: "bad" } as const;

export function Outcome({ record }: { record: Pick<AuditView, "outcome" | "code"> }) {
  return (
    <Status tone={tones[record.outcome]}>
      {record.outcome}
      {record.code !== null && <code className="cv-quiet"> {record.code}</code>}
    </Status>
  );
}
