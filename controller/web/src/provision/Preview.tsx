// What will happen, before it does: asked of the controller and of the host itself. Only then can it be provisioned.
import type { DryRunReply, ProvisionBody } from "@convirt/contract/job";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { ApiError, call } from "../api/client";
import { ErrorLine } from "../parts/ErrorLine";
import { count } from "../parts/words";
import { type ChangeDraft, type Draft, forgetDraft, namesOf } from "./draft";
import { PreviewTabs } from "./PreviewTabs";
import { Section } from "./Section";

interface Props {
  draft: Draft;
  change: ChangeDraft;
  request: (vm: string) => ProvisionBody;
}

export function Preview({ draft, change, request }: Props) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const names = namesOf(draft);
  const [first = ""] = names;
  const asked = JSON.stringify(request(first));
  const dryRun = useMutation({ mutationFn: (body: ProvisionBody) => call("POST /jobs/dry-run", { body }) });
  const [previewed, setPreviewed] = useState<{ of: string; reply: DryRunReply }>();
  // One key for each VM as long as the request is the same: sent twice, it is made once.
  const keys = useRef(new Map<string, string>());
  // biome-ignore lint/correctness/useExhaustiveDependencies: another request is another act.
  useEffect(() => keys.current.clear(), [asked]);
  const provision = useMutation({
    mutationFn: async () => {
      const made: string[] = [];
      for (const vm of names) {
        const key = keys.current.get(vm) ?? crypto.randomUUID();
        keys.current.set(vm, key);
        made.push((await call("POST /jobs", { body: request(vm), key })).id);
      }
      return made;
    },
    onSuccess: (made) => {
      forgetDraft();
      void queries.invalidateQueries({ queryKey: ["jobs"] });
      void navigate(made.length === 1 ? `/jobs/${made[0]}` : "/jobs");
    },
  });
  const isCurrent = previewed?.of === asked;
  const error = dryRun.error ?? provision.error;
  const what = names.length === 1 ? first : count(names.length, "VM");
  return (
    <Section number={5} title="Preview">
      <p className="cv-quiet">
        Renders the files for {draft.host} and asks it whether it can. Nothing is written, here or there.
      </p>
      <div className="cv-acts">
        <Button
          variant={isCurrent && previewed.reply.accepted ? "secondary" : "primary"}
          isDisabled={first === "" || dryRun.isPending}
          isLoading={dryRun.isPending}
          onClick={() => dryRun.mutate(request(first), { onSuccess: (reply) => setPreviewed({ of: asked, reply }) })}
        >
          {previewed === undefined ? "Preview" : "Preview again"}
        </Button>
        {isCurrent && previewed.reply.accepted && (
          <Button isDisabled={provision.isPending} isLoading={provision.isPending} onClick={() => provision.mutate()}>
            Provision {what} on {draft.host}
          </Button>
        )}
      </div>
      {error !== null && <ErrorLine error={error} />}
      {error instanceof ApiError && error.code === "vm_name_taken" && (
        <Button variant="link" isInline onClick={() => change({ name: `${draft.name}-2` })}>
          Take {draft.name}-2 instead
        </Button>
      )}
      {previewed !== undefined && !isCurrent && (
        <p className="cv-quiet">You have changed something since; preview again.</p>
      )}
      {isCurrent && dryRun.error === null && <PreviewTabs draft={draft} names={names} reply={previewed.reply} />}
    </Section>
  );
}
