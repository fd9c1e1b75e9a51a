import { expect, test } from "vitest";
import { host, rig } from "./rig.js";

test("the host's facts are those of xl info", async () => {
  const info = new Map(
    (await rig().dom0.must("xl info")).split("\n").map((line) => {
      const [key = "", ...value] = line.split(":");
      return [key.trim(), value.join(":").trim()] as const;
    }),
  );
  const { facts, freeMemoryMib, domains, toolstackError } = await rig().client.call("showHost", {
    params: { name: host },
  });
  expect(facts).toMatchObject({
    hostname: info.get("host"),
    release: info.get("release"),
    machine: info.get("machine"),
    xenVersion: info.get("xen_version"),
    virtCaps: info.get("virt_caps"),
    toolstack: "xl",
    cpus: Number(info.get("nr_cpus")),
    memoryMib: Number(info.get("total_memory")),
    defaultBridge: "xenbr0",
    bridges: ["xenbr0"],
    imageStore: "/var/cache/convirt/image_store",
    diskRoots: ["/var/cache/convirt", "/dev/vg0"],
    problems: [],
  });
  expect(freeMemoryMib).toBe(Number(info.get("free_memory")));
  expect(domains, "guests, dom0 not counted").toBe(0);
  expect(toolstackError).toBeNull();
});

test("convirt-agent check finds nothing missing", async () => {
  const { findings } = JSON.parse(await rig().dom0.must("convirt-agent check --json")) as {
    findings: { what: string }[];
  };
  // The dom0 of this suite reaches no time server.
  expect(findings.filter(({ what }) => what !== "The clock is not kept by a time server")).toEqual([]);
});

test("the service runs as the package says: notify, watchdog, slices, no private mounts", async () => {
  const shown = await rig().dom0.must(
    "systemctl show convirt-agent --property=Type,NotifyAccess,WatchdogUSec,KillMode,ActiveState,SubState,NRestarts,PrivateTmp,ProtectSystem",
  );
  expect(shown.trim().split("\n").sort()).toEqual([
    "ActiveState=active",
    "KillMode=process",
    "NRestarts=0",
    "NotifyAccess=all",
    "PrivateTmp=no",
    "ProtectSystem=no",
    "SubState=running",
    "Type=notify",
    "WatchdogUSec=2min",
  ]);
});
