import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useMutation } from "@tanstack/react-query";
import { call } from "../api/client";
import { ErrorLine } from "../parts/ErrorLine";
import { Status } from "../parts/Status";
import { count } from "../parts/words";

/** Has the controller compute the chain again; the command line does it by itself. */
export function VerifyChain() {
  const verify = useMutation({ mutationFn: () => call("GET /audit/verify") });
  return (
    <>
      {verify.error !== null && <ErrorLine error={verify.error} />}
      {verify.data !== undefined && (
        <span role="status">
          {verify.data.broken === null ? (
            <Status tone="good">
              {count(verify.data.records, "record")}, each as it was written
              {verify.data.anchor !== null && `; those up to number ${verify.data.anchor.number} were pruned`}
            </Status>
          ) : (
            <Status tone="bad">
              Record {verify.data.broken.number}: {verify.data.broken.why}
            </Status>
          )}
        </span>
      )}
      <Button
        variant="secondary"
        onClick={() => verify.mutate()}
        isLoading={verify.isPending}
        isDisabled={verify.isPending}
        title="convirt audit verify does the same without trusting the controller"
      >
        Verify
      </Button>
    </>
  );
}
