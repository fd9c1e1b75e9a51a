import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core/dist/esm/components/Modal";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { encode } from "uqr";
import { call } from "../api/client";
import { Copy } from "../parts/Copy";
import { ErrorLine } from "../parts/ErrorLine";
import { Skeletons } from "../parts/Skeletons";

/** From the secret for the app, by its first code, to the codes on paper. */
export function SecondFactor({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const [code, setCode] = useState("");
  const begun = useQuery({
    queryKey: ["second-factor"],
    queryFn: () => call("POST /session/second-factor"),
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const confirm = useMutation({
    mutationFn: () => call("PUT /session/second-factor", { body: { code: code.trim() } }),
    onError: () => setCode(""),
  });
  const paper = confirm.data?.recoveryCodes;
  return (
    <Modal isOpen variant="small" onClose={paper === undefined ? onClose : onDone} aria-labelledby="factor-title">
      <ModalHeader
        title={paper === undefined ? "Set a second factor" : "Codes for paper"}
        labelId="factor-title"
        description={
          paper === undefined
            ? "Read this with an app that makes codes, and type the first one."
            : "Each is good once, when you have not got your app. They are shown this once."
        }
      />
      <ModalBody>
        {begun.error !== null && <ErrorLine error={begun.error} />}
        {begun.isPending && <Skeletons lines={4} />}
        {begun.data !== undefined && paper === undefined && (
          <form
            id="factor-form"
            className="cv-stack"
            onSubmit={(event) => {
              event.preventDefault();
              confirm.mutate();
            }}
          >
            <QrCode text={begun.data.uri} />
            <div>
              Or type it there: <Copy text={begun.data.secret} label="Copy the secret" />
            </div>
            <label htmlFor="factor-code">
              The code that the app shows
              <TextInput
                id="factor-code"
                inputMode="numeric"
                autoComplete="one-time-code"
                autoFocus
                value={code}
                onChange={(_, value) => setCode(value)}
              />
            </label>
            {confirm.error !== null && <ErrorLine error={confirm.error} />}
          </form>
        )}
        {paper !== undefined && <Copy text={paper.join("\n")} label="Copy the codes" />}
      </ModalBody>
      <ModalFooter>
        {paper === undefined ? (
          <>
            <Button type="submit" form="factor-form" isDisabled={code === "" || confirm.isPending}>
              Set it
            </Button>
            <Button variant="link" onClick={onClose}>
              Leave as it is
            </Button>
          </>
        ) : (
          <Button onClick={onDone}>I have them on paper</Button>
        )}
      </ModalFooter>
    </Modal>
  );
}

function QrCode({ text }: { text: string }) {
  const { data, size } = encode(text, { border: 2 });
  const path = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  return (
    <svg className="cv-qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label="The secret as a QR code">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
