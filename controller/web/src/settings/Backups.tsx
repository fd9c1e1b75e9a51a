import type { BackupPage } from "@convirt/contract/backup";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call } from "../api/client";
import { Empty } from "../parts/Empty";
import { ErrorLine } from "../parts/ErrorLine";
import { Facts } from "../parts/Facts";
import { PlainHead } from "../parts/PlainHead";
import { Skeletons } from "../parts/Skeletons";
import { Status } from "../parts/Status";
import { bytesOf } from "../parts/sizes";
import { Thing } from "../parts/Thing";
import { Ago, Moment } from "../parts/Time";
import { count } from "../parts/words";

export function Backups() {
  const backups = useQuery({
    queryKey: ["backups"],
    queryFn: ({ signal }) => call("GET /backups", { query: { perPage: 1000 }, signal }),
  });
  return (
    <Thing query={backups} act="Cannot list backups" skeleton={<Skeletons lines={6} />}>
      {(page) => (
        <>
          <BackUpNow />
          <Facts
            facts={[
              ["Last", <Last key="last" page={page} />],
              [
                "Next",
                page.nextAt === null ? (
                  "none by itself: backup.schedule is empty"
                ) : (
                  <Moment key="next" at={page.nextAt} />
                ),
              ],
              ["Kept for", `${count(page.keepDays, "day")}, and never fewer than the newest three`],
              ["Folder", <code key="folder">{page.folder}</code>],
            ]}
          />
          <Copies page={page} />
        </>
      )}
    </Thing>
  );
}

function BackUpNow() {
  const queries = useQueryClient();
  const make = useMutation({
    mutationFn: () => call("POST /backups"),
    onSettled: () => queries.invalidateQueries({ queryKey: ["backups"] }),
  });
  return (
    <div className="cv-acts cv-tab-acts">
      <Button onClick={() => make.mutate()} isLoading={make.isPending} isDisabled={make.isPending}>
        Back up now
      </Button>
      <span role="status">
        {make.data !== undefined && (
          <Status tone="good">
            {make.data.name}, {bytesOf(make.data.bytes)}, written and verified
          </Status>
        )}
      </span>
      {make.error !== null && <ErrorLine error={make.error} />}
    </div>
  );
}

function Last({ page: { items, lastFailure } }: { page: BackupPage }) {
  const [newest] = items;
  const hasFailedSince = lastFailure !== null && (newest === undefined || newest.takenAt < lastFailure.at);
  return (
    <>
      {newest === undefined ? "none yet" : <Ago at={newest.takenAt} />}
      {hasFailedSince && (
        <Status tone="bad">
          the attempt <Ago at={lastFailure.at} /> failed: {lastFailure.message}
        </Status>
      )}
    </>
  );
}

function Copies({ page: { items } }: { page: BackupPage }) {
  if (items.length === 0)
    return (
      <Empty title="No copy yet">
        A copy of the database is made by the schedule and when you ask for one. It is listed when it is whole.
      </Empty>
    );
  return (
    <section className="cv-section">
      <h2>Copies of the database</h2>
      <table className="cv-plain-table">
        <PlainHead columns={["Name", "Taken", { title: "Size", isNumber: true }]} />
        <tbody>
          {items.map(({ name, takenAt, bytes }) => (
            <tr key={name}>
              <td>
                <code>{name}</code>
              </td>
              <td>
                <Moment at={takenAt} />
              </td>
              <td data-number="true">{bytesOf(bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="cv-hint">
        The images and the authority&apos;s keys are not in it. How one is put back: docs/operating/backup.md.
      </p>
    </section>
  );
}
