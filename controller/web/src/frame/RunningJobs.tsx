import { Dropdown, DropdownItem, DropdownList } from "@patternfly/react-core/dist/esm/components/Dropdown";
import { MenuToggle } from "@patternfly/react-core/dist/esm/components/MenuToggle";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { call } from "../api/client";
import { Elapsed } from "../parts/Time";
import { phaseWords } from "../parts/words";

const most = 20;

/** How many jobs are under way, and which. */
export function RunningJobs() {
  const navigate = useNavigate();
  const [isOpen, setOpen] = useState(false);
  const running = useQuery({
    queryKey: ["jobs", "running"],
    queryFn: async ({ signal }) => {
      const ask = (status: "running" | "queued") => call("GET /jobs", { query: { status, perPage: most }, signal });
      const [running, queued] = await Promise.all([ask("running"), ask("queued")]);
      return { items: [...running.items, ...queued.items], total: running.total + queued.total };
    },
  });
  const total = running.data?.total ?? 0;
  if (total === 0) return null;
  return (
    <Dropdown
      isOpen={isOpen}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={{ position: "right" }}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          variant="plainText"
          isExpanded={isOpen}
          onClick={() => setOpen(!isOpen)}
          className="cv-running"
          aria-label={`${total} ${total === 1 ? "job" : "jobs"} under way`}
        >
          <span className="cv-running-count">{total}</span>{" "}
          <span className="cv-running-word">{total === 1 ? "job" : "jobs"}</span>
        </MenuToggle>
      )}
    >
      <DropdownList>
        {(running.data?.items ?? []).map((job) => (
          <DropdownItem
            key={job.id}
            onClick={() => void navigate(`/jobs/${job.id}`)}
            description={
              <>
                {job.status === "queued" ? "waits for its turn" : phaseWords[job.phase ?? "check"].doing}
                {job.startedAt !== null && (
                  <>
                    , <Elapsed since={job.startedAt} />
                  </>
                )}
              </>
            }
          >
            {job.vm} <span className="cv-quiet">on {job.host}</span>
          </DropdownItem>
        ))}
        <DropdownItem onClick={() => void navigate("/jobs")}>All jobs</DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}
