import type { AuditOutcome, AuditView } from "@convirt/contract/audit";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { addressOf, call } from "../api/client";
import { Empty } from "../parts/Empty";
import { Filters, filterOf } from "../parts/Filters";
import { PageHead } from "../parts/PageHead";
import { Ago } from "../parts/Time";
import { count } from "../parts/words";
import { useMay } from "../sign-in/Session";
import { type Column, Table } from "../table/Table";
import { Outcome } from "./Outcome";
import { VerifyChain } from "./VerifyChain";
import { whoOf } from "./who";

const columns: readonly Column<AuditView>[] = [
  {
    title: "No",
    width: "4rem",
    sort: "number",
    isNumber: true,
    narrow: "hide",
    cell: (record) => record.number,
  },
  { title: "When", width: "0.7fr", sort: "at", narrow: "second", cell: (record) => <Ago at={record.at} /> },
  { title: "Who", width: "0.7fr", sort: "username", cell: whoOf },
  {
    title: "Act",
    width: "0.9fr",
    sort: "action",
    cell: (record) => (
      <Link to={`/audit/${record.number}`} tabIndex={-1}>
        {record.action}
      </Link>
    ),
  },
  { title: "About", width: "2fr", narrow: "second", cell: (record) => record.objects.map(briefly).join(", ") },
  { title: "Outcome", width: "1.8fr", sort: "outcome", cell: (record) => <Outcome record={record} /> },
  { title: "Why", width: "0.9fr", narrow: "hide", cell: (record) => record.reason ?? "" },
];

/** The first eight letters tell one from another where many are listed; the record has the whole. */
function briefly(object: string): string {
  return object.replace(/ ([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, " $1");
}

const outcomes = (["done", "refused", "failed"] as const).map((value) => ({ value, title: value }));
const fields = ["text", "outcome", "user", "object", "action"] as const;

/** What was asked of the controller, by whom, and what came of it. */
export function Audit() {
  const [search] = useSearchParams();
  const [total, setTotal] = useState<number>();
  const isAdmin = useMay("admin");
  const sort = search.get("sort") ?? "-number";
  const { outcome, ...rest } = filterOf(search, fields);
  const filter = { ...rest, ...(outcome === undefined ? {} : { outcome: outcome as AuditOutcome }) };
  const isFiltered = Object.keys(filter).length > 0;
  if (!isAdmin)
    return (
      <>
        <PageHead title="Audit" sentence="This needs the role admin, for everything." />
        <Empty title="Not yours to see">An admin sees here what was asked, by whom, and what came of it.</Empty>
      </>
    );
  return (
    <>
      <PageHead
        title="Audit"
        sentence={
          total === undefined
            ? undefined
            : `${count(total, "record")}${isFiltered ? " of this filter" : ""}. Each holds the hash of the one before it.`
        }
        acts={
          <>
            <VerifyChain />
            <a className="pf-v6-c-button pf-m-secondary" href={addressOf("GET /audit/export")} download>
              Export
            </a>
          </>
        }
      />
      <Filters
        text={{ name: "text", label: "Object, reason or words" }}
        selects={[{ name: "outcome", label: "Outcome", choices: outcomes }]}
      />
      <Table
        label="records"
        queryKey={["audit", "list", sort, filter]}
        read={(page, signal) => call("GET /audit", { query: { ...page, sort, ...filter }, signal })}
        columns={columns}
        rowKey={(record) => String(record.number)}
        rowTo={(record) => `/audit/${record.number}`}
        onTotal={setTotal}
        empty={
          isFiltered ? (
            <Empty title="No record matches">Clear the filter to see all records.</Empty>
          ) : (
            <Empty title="No record yet">Whatever is asked for and changes something is recorded here.</Empty>
          )
        }
      />
    </>
  );
}
