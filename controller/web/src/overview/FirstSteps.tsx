import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import CircleIcon from "@patternfly/react-icons/dist/esm/icons/circle-icon";
import { LinkButton } from "../parts/LinkButton";

/** Three steps to the first VM; gone when they are done. */
export function FirstSteps({ hasHost, hasImage, hasVm }: { hasHost: boolean; hasImage: boolean; hasVm: boolean }) {
  const steps = [
    {
      isDone: hasHost,
      title: "Invite a host",
      what: "A line to paste on a machine that runs Xen.",
      act: "Invite",
      to: "/hosts?panel=invite",
    },
    {
      isDone: hasImage,
      title: "Choose an image",
      what: "Some are shipped; make one like another, or import your own.",
      act: "See images",
      to: "/images",
    },
    {
      isDone: hasVm,
      title: "Provision a VM",
      what: "You see what will happen before it does.",
      act: "Provision",
      to: "/provision",
    },
  ];
  const next = steps.findIndex(({ isDone }) => !isDone);
  return (
    <ol className="cv-steps" aria-label="First steps">
      {steps.map(({ isDone, title, what, act, to }, index) => (
        <li key={title} data-done={isDone}>
          {isDone ? <CheckCircleIcon aria-label="done" role="img" /> : <CircleIcon aria-hidden="true" />}
          <div>
            <strong>{title}</strong>
            <p className="cv-quiet">{what}</p>
            {!isDone && (
              <LinkButton to={to} size="sm" variant={index === next ? "primary" : "secondary"}>
                {act}
              </LinkButton>
            )}
          </div>
        </li>
      ))}
    </ol>
  );
}
