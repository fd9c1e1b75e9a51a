import { Tabs as PfTabs, Tab, TabTitleText } from "@patternfly/react-core/dist/esm/components/Tabs";
import type { ReactNode } from "react";
import { useSearchParams } from "react-router";

export interface TabOf {
  key: string;
  title: string;
  /** How many are in it. */
  count?: number | undefined;
  content: () => ReactNode;
}

/** Which tab is open stands in the address; the first is open when it does not. */
export function Tabs({ label, tabs }: { label: string; tabs: readonly TabOf[] }) {
  const [search, setSearch] = useSearchParams();
  const open = tabs.find(({ key }) => key === search.get("tab")) ?? tabs[0];
  return (
    <div className="cv-tabs">
      <PfTabs
        aria-label={label}
        activeKey={open?.key ?? ""}
        onSelect={(_, key) => setSearch(key === tabs[0]?.key ? {} : { tab: String(key) }, { replace: true })}
      >
        {tabs.map(({ key, title, count }) => (
          <Tab
            key={key}
            eventKey={key}
            title={
              <TabTitleText>
                {title}
                {count !== undefined && count > 0 && <span className="cv-tab-count">{count}</span>}
              </TabTitleText>
            }
            aria-controls={`cv-tab-${key}`}
          />
        ))}
      </PfTabs>
      <section
        key={open?.key}
        id={`cv-tab-${open?.key}`}
        role="tabpanel"
        aria-label={open?.title}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a panel is reached by Tab, as the pattern of tabs has it.
        tabIndex={0}
        className="cv-tab-panel"
      >
        {open?.content()}
      </section>
    </div>
  );
}
