import type { HostView } from "@convirt/contract/host";
import { Link } from "react-router";
import { Bar } from "../parts/Bar";
import { freshMs, useSilence } from "../parts/Heard";
import { bytesOf, mibOf } from "../parts/sizes";
import { coarse } from "../parts/Time";
import { count } from "../parts/words";

const most = 12;

/** Memory of each host, the fullest first, and what its image store has left. */
export function Capacity({ hosts }: { hosts: readonly HostView[] }) {
  const known = hosts.filter(({ facts, freeMemoryMib }) => (facts?.memoryMib ?? 0) > 0 && freeMemoryMib !== null);
  const part = (host: HostView) => 1 - (host.freeMemoryMib ?? 0) / (host.facts?.memoryMib ?? 1);
  const shown = known.toSorted((a, b) => part(b) - part(a)).slice(0, most);
  const [free, all] = [sum(known, (host) => host.freeMemoryMib), sum(known, (host) => host.facts?.memoryMib)];
  return (
    <section className="cv-card">
      <h2>Capacity</h2>
      <p className="cv-quiet">
        {mibOf(free)} of {mibOf(all)} of memory free, on {count(known.length, "host")}
        {known.length > most && `, of which the ${most} fullest`}
      </p>
      <ul className="cv-capacity">
        {shown.map((host) => (
          <Row key={host.name} host={host} part={part(host)} />
        ))}
      </ul>
    </section>
  );
}

function Row({ host, part }: { host: HostView; part: number }) {
  const silence = useSilence(host.name, host.lastContactAt) ?? 0;
  const isStale = silence > freshMs;
  return (
    <li data-stale={isStale}>
      <Link to={`/hosts/${host.name}`}>{host.name}</Link>
      <Bar part={part} label={`Memory of ${host.name} in use`} />
      <span className="cv-quiet">
        {mibOf(host.freeMemoryMib ?? 0)} free
        {host.storeFreeBytes !== null && `, store ${bytesOf(host.storeFreeBytes)}`}
        {isStale && `, ${coarse(silence)} ago`}
      </span>
    </li>
  );
}

function sum(hosts: readonly HostView[], of: (host: HostView) => number | null | undefined): number {
  return hosts.reduce((total, host) => total + (of(host) ?? 0), 0);
}
