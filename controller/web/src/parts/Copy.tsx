import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import CheckIcon from "@patternfly/react-icons/dist/esm/icons/check-icon";
import CopyIcon from "@patternfly/react-icons/dist/esm/icons/copy-icon";
import { useState } from "react";

interface Props {
  text: string;
  /** "Copy both lines" */
  label: string;
}

/** Text to be pasted elsewhere, with the button that takes it. */
export function Copy({ text, label }: Props) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
  };
  return (
    <div className="cv-copy">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must by keyboard as well. */}
      <pre tabIndex={0}>{text}</pre>
      <Button variant="secondary" size="sm" icon={isCopied ? <CheckIcon /> : <CopyIcon />} onClick={() => void copy()}>
        {isCopied ? "Copied" : label}
      </Button>
    </div>
  );
}
