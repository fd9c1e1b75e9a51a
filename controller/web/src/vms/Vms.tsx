import type { VmState, VmView } from "@convirt/contract/vm";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import VirtualMachineIcon from "@patternfly/react-icons/dist/esm/icons/virtual-machine-icon";
import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { call } from "../api/client";
import { Empty } from "../parts/Empty";
import { Filters, filterOf } from "../parts/Filters";
import { LinkButton } from "../parts/LinkButton";
import { PageHead } from "../parts/PageHead";
import { mibOf } from "../parts/sizes";
import { Ago } from "../parts/Time";
import { count, vmWords } from "../parts/words";
import { useMayAnywhere } from "../sign-in/Session";
import { type Column, Table } from "../table/Table";
import { type BulkAct, BulkPanel } from "./BulkPanel";
import { VmStateMark } from "./VmStateMark";

const columns: readonly Column<VmView>[] = [
  {
    title: "Name",
    width: "1.6fr",
    sort: "name",
    cell: (vm) => (
      <Link to={`/vms/${vm.id}`} tabIndex={-1}>
        {vm.name}
      </Link>
    ),
  },
  { title: "State", width: "2.1fr", sort: "state", cell: (vm) => <VmStateMark vm={vm} /> },
  { title: "Host", width: "1fr", sort: "host", narrow: "second", cell: (vm) => vm.host },
  { title: "Image", width: "1.8fr", sort: "image", narrow: "second", cell: (vm) => vm.image },
  { title: "Version", width: "5.5rem", narrow: "hide", cell: (vm) => <code>{vm.imageVersion.slice(0, 8)}</code> },
  {
    title: "Memory",
    width: "5rem",
    sort: "memoryMib",
    isNumber: true,
    narrow: "hide",
    cell: (vm) => (vm.memoryMib === null ? "" : mibOf(vm.memoryMib)),
  },
  { title: "vCPUs", width: "4rem", sort: "vcpus", isNumber: true, narrow: "hide", cell: (vm) => vm.vcpus ?? "" },
  { title: "Made", width: "1fr", sort: "createdAt", narrow: "hide", cell: (vm) => <Ago at={vm.createdAt} /> },
];

const states = Object.entries(vmWords).map(([value, { word }]) => ({ value, title: word }));
const fields = ["name", "state", "host", "image"] as const;

export function Vms() {
  const [search] = useSearchParams();
  const mayAct = useMayAnywhere("operator");
  const [total, setTotal] = useState<number>();
  const [selected, setSelected] = useState<ReadonlyMap<string, VmView>>(new Map());
  const [bulk, setBulk] = useState<{ act: BulkAct; vms: VmView[] }>();
  const sort = search.get("sort") ?? "name";
  const { state, ...rest } = filterOf(search, fields);
  const filter = { ...rest, ...(state === undefined ? {} : { state: state as VmState }) };
  const isFiltered = Object.keys(filter).length > 0;
  const choices = useChoices();
  const toggle = useCallback(
    (vm: VmView, isOn: boolean) =>
      setSelected((before) => {
        const next = new Map(before);
        if (isOn) next.set(vm.id, vm);
        else next.delete(vm.id);
        return next;
      }),
    [],
  );
  const selection = useMemo(
    () => ({ has: (vm: VmView) => selected.has(vm.id), toggle, label: (vm: VmView) => `Select ${vm.name}` }),
    [selected, toggle],
  );
  return (
    <>
      <PageHead
        title="VMs"
        sentence={total === undefined ? undefined : `${count(total, "VM")}${isFiltered ? " of this filter" : ""}.`}
        acts={mayAct && <LinkButton to="/provision">Provision</LinkButton>}
      />
      <Filters
        text={{ name: "name", label: "Name" }}
        selects={[
          { name: "state", label: "State", choices: states },
          { name: "host", label: "Host", choices: choices.hosts },
          { name: "image", label: "Image", choices: choices.images },
        ]}
      />
      {selected.size > 0 && (
        <fieldset className="cv-selected" aria-label="Acts on what is selected">
          <span>{count(selected.size, "VM")} selected</span>
          {(["start", "shutdown", "destroy"] as const).map((act) => (
            <Button
              key={act}
              size="sm"
              variant="secondary"
              isDanger={act === "destroy"}
              onClick={() => setBulk({ act, vms: [...selected.values()] })}
            >
              {act === "start" ? "Start" : act === "shutdown" ? "Shut down" : "Stop at once"}
            </Button>
          ))}
          <Button size="sm" variant="link" onClick={() => setSelected(new Map())}>
            Select none
          </Button>
        </fieldset>
      )}
      {bulk !== undefined && <BulkPanel {...bulk} onClose={() => setBulk(undefined)} />}
      <Table
        label="VMs"
        queryKey={["vms", "list", sort, filter]}
        read={(page, signal) => call("GET /vms", { query: { ...page, sort, ...filter }, signal })}
        columns={columns}
        rowKey={(vm) => vm.id}
        rowTo={(vm) => `/vms/${vm.id}`}
        onTotal={setTotal}
        {...(mayAct ? { selection } : {})}
        empty={
          isFiltered ? (
            <Empty title="No VM matches">Clear the filter to see all VMs.</Empty>
          ) : (
            <Empty
              title="No VM yet"
              icon={VirtualMachineIcon}
              act={mayAct && <LinkButton to="/provision">Provision one</LinkButton>}
            >
              A VM is made from an image, on a host that you choose. You see what will happen before it does.
            </Empty>
          )
        }
      />
    </>
  );
}

function useChoices() {
  const hosts = useQuery({
    queryKey: ["hosts", "all"],
    queryFn: ({ signal }) => call("GET /hosts", { query: { perPage: 1000 }, signal }),
  });
  const images = useQuery({
    queryKey: ["images", "all"],
    queryFn: ({ signal }) => call("GET /images", { query: { perPage: 1000 }, signal }),
  });
  const named = (items: readonly { name: string }[] = []) => items.map(({ name }) => ({ value: name, title: name }));
  return { hosts: named(hosts.data?.items), images: named(images.data?.items) };
}
