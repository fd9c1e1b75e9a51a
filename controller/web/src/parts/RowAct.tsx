import { Button } from "@patternfly/react-core/dist/esm/components/Button";

interface Props {
  /** The verb that is seen. */
  act: string;
  /** The act with what it is done to, for those who do not see the row. */
  label: string;
  isDanger?: boolean;
  onClick: () => void;
}

/** A row's own button. */
export function RowAct({ act, label, isDanger = false, onClick }: Props) {
  return (
    <Button variant="link" size="sm" isDanger={isDanger} onClick={onClick} aria-label={label}>
      {act}
    </Button>
  );
}
