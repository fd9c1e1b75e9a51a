import type { HostView } from "@convirt/contract/host";
import type { ImageSummary } from "@convirt/contract/image";
import type { JobView } from "@convirt/contract/job";
import { Link } from "react-router";
import { LastHeard } from "../parts/Heard";
import { Status } from "../parts/Status";
import { Ago } from "../parts/Time";
import { phaseWords } from "../parts/words";

const dayMs = 86_400_000;
const soonMs = 14 * dayMs;
const recentMs = 7 * dayMs;

interface Props {
  hosts: readonly HostView[];
  images: readonly ImageSummary[];
  failed: readonly JobView[];
}

/** Whatever somebody should look at, each with where. */
export function NeedsALook({ hosts, images, failed }: Props) {
  const now = Date.now();
  const silent = hosts.filter(({ contact }) => contact === "silent");
  const ill = hosts.filter(
    ({ contact, toolstackError, facts }) =>
      contact === "in_contact" && (toolstackError !== null || (facts?.problems.length ?? 0) > 0),
  );
  const ending = hosts.filter(
    ({ certificateNotAfter }) => certificateNotAfter !== null && Date.parse(certificateNotAfter) - now < soonMs,
  );
  const rejected = images.filter(({ accepted }) => !accepted);
  const recent = failed.filter(({ endedAt }) => endedAt !== null && now - Date.parse(endedAt) < recentMs);
  const total = silent.length + ill.length + ending.length + rejected.length + recent.length;
  return (
    <section className="cv-card">
      <h2>Needs a look</h2>
      {total === 0 && (
        <p>
          <Status tone="good">Nothing does</Status>
        </p>
      )}
      <ul className="cv-looks">
        {silent.map((host) => (
          <li key={`silent ${host.name}`}>
            <Status tone="look">
              <Link to={`/hosts/${host.name}`}>{host.name}</Link> is silent
            </Status>
            <span className="cv-quiet">
              heard <LastHeard host={host.name} lastContactAt={host.lastContactAt} />
            </span>
          </li>
        ))}
        {ill.map((host) => (
          <li key={`ill ${host.name}`}>
            <Status tone="look">
              <Link to={`/hosts/${host.name}`}>{host.name}</Link>: {host.toolstackError ?? host.facts?.problems[0]}
            </Status>
          </li>
        ))}
        {recent.map((job) => (
          <li key={job.id}>
            <Status tone="bad">
              <Link to={`/jobs/${job.id}`}>{job.vm}</Link> failed in{" "}
              {phaseWords[job.phase ?? "check"].word.toLowerCase()} on {job.host}
            </Status>
            <span className="cv-quiet">
              <Ago at={job.endedAt ?? job.createdAt} />
            </span>
          </li>
        ))}
        {rejected.map((image) => (
          <li key={`image ${image.name}`}>
            <Status tone="look">
              Image <Link to={`/images/${image.name}`}>{image.name}</Link> is rejected
            </Status>
            <span className="cv-quiet">{image.reason}</span>
          </li>
        ))}
        {ending.map((host) => (
          <li key={`certificate ${host.name}`}>
            <Status tone="look">
              The certificate of <Link to={`/hosts/${host.name}`}>{host.name}</Link> ends soon
            </Status>
          </li>
        ))}
      </ul>
    </section>
  );
}
