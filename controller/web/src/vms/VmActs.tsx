import type { VmView } from "@convirt/contract/vm";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { call } from "../api/client";
import { Confirm } from "../parts/Confirm";
import { ErrorLine } from "../parts/ErrorLine";
import { useMay } from "../sign-in/Session";

/** The act that fits the state comes first, and is the only filled button. */
export function VmActs({ vm }: { vm: VmView }) {
  const may = useMay("operator", "host", vm.host);
  const mayRemove = useMay("vm_admin", "host", vm.host);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [asked, setAsked] = useState<"shutdown" | "destroy" | "remove">();
  const [withDisks, setWithDisks] = useState(false);
  const refresh = () => queries.invalidateQueries({ queryKey: ["vms"] });
  const params = { id: vm.id };
  const start = useMutation({ mutationFn: () => call("POST /vms/:id/start", { params }), onSettled: refresh });
  if (!may) return null;
  const isOn = ["running", "paused", "shutting_down"].includes(vm.state);
  const done = () => {
    setAsked(undefined);
    void refresh();
  };
  return (
    <>
      {isOn ? (
        <>
          <Button onClick={() => setAsked("shutdown")}>Shut down</Button>
          <Button variant="secondary" isDanger onClick={() => setAsked("destroy")}>
            Stop at once
          </Button>
        </>
      ) : (
        <Button onClick={() => start.mutate()} isLoading={start.isPending} isDisabled={start.isPending}>
          Start
        </Button>
      )}
      {mayRemove && (
        <Button variant="secondary" isDanger isDisabled={isOn} onClick={() => setAsked("remove")}>
          Remove
        </Button>
      )}
      {start.error !== null && <ErrorLine error={start.error} />}
      {asked === "shutdown" && (
        <Confirm
          title={`Shut down ${vm.name}`}
          act="Shut down"
          run={() => call("POST /vms/:id/shutdown", { params })}
          onDone={done}
          onClose={() => setAsked(undefined)}
        >
          The guest on {vm.host} is asked to shut down by itself. You can start it again.
        </Confirm>
      )}
      {asked === "destroy" && (
        <Confirm
          title={`Stop ${vm.name} at once`}
          act="Stop at once"
          isDanger
          run={() => call("POST /vms/:id/destroy", { params })}
          onDone={done}
          onClose={() => setAsked(undefined)}
        >
          As by pulling the plug: what the guest has not written is lost. Its disks stay on {vm.host}, and you can start
          it again.
        </Confirm>
      )}
      {asked === "remove" && (
        <Confirm
          title={`Remove ${vm.name}`}
          act={withDisks ? "Remove the VM and its disks" : "Remove the VM"}
          isDanger
          name={vm.name}
          run={() => call("DELETE /vms/:id", { params, query: { disks: withDisks } })}
          onDone={() => {
            void refresh();
            void navigate("/vms");
          }}
          onClose={() => setAsked(undefined)}
        >
          <p>The configuration on {vm.host} and the record here go. This cannot be undone.</p>
          <Checkbox
            id="remove-disks"
            label="Remove its disks as well"
            isChecked={withDisks}
            onChange={(_, isChecked) => setWithDisks(isChecked)}
          />
        </Confirm>
      )}
    </>
  );
}
