import type { OptionView } from "@convirt/contract/image";
import LockIcon from "@patternfly/react-icons/dist/esm/icons/lock-icon";
import { valueText } from "../parts/values";
import { Reach } from "./Reach";

/** All options, and which of them may be changed when a VM is provisioned. */
export function ImageOptions({ options }: { options: readonly OptionView[] }) {
  return (
    <table className="cv-plain-table cv-image-options">
      <thead>
        <tr>
          <th scope="col">Option</th>
          <th scope="col">Value</th>
          <th scope="col">Type</th>
          <th scope="col">File</th>
          <th scope="col">Reaches</th>
          <th scope="col">When provisioning</th>
        </tr>
      </thead>
      <tbody>
        {options.map((option) => (
          <tr key={`${option.file} ${option.name}`}>
            <td>
              <code>{option.name}</code>
            </td>
            <td>
              <code className="cv-clip" title={valueText(option.default)}>
                {valueText(option.default)}
              </code>
            </td>
            <td>{option.type}</td>
            <td>{option.file}</td>
            <td>
              <Reach of={option.reach} />
            </td>
            <td>{option.customizable ? "may be changed" : <Locked option={option} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function whyLocked({ computed }: OptionView): string {
  return computed ? "computed for each host" : "the image's author locked it";
}

function Locked({ option }: { option: OptionView }) {
  return (
    <span className="cv-quiet">
      <LockIcon /> {whyLocked(option)}
    </span>
  );
}
