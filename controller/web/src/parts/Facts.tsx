import type { ReactNode } from "react";

export type Fact = readonly [name: string, value: ReactNode];

/** Names and values, in a group with a title. */
export function Facts({ title, facts }: { title?: string; facts: readonly Fact[] }) {
  return (
    <section className="cv-facts">
      {title !== undefined && <h2>{title}</h2>}
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
