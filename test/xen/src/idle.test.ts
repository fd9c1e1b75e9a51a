// What the agent costs a host on which nothing happens. The figures go to docs/performance.md by hand.
import { expect, test } from "vitest";
import { rig } from "./rig.js";

const minutes = 5;

test(`the agent's processor use and memory over ${minutes} idle minutes stay small`, async () => {
  const shown = await rig().dom0.must(
    `cd /sys/fs/cgroup/system.slice/convirt-agent.service
pid=$(systemctl show convirt-agent --property=MainPID --value)
before=$(awk '$1 == "usage_usec" { print $2 }' cpu.stat)
sleep ${minutes * 60}
after=$(awk '$1 == "usage_usec" { print $2 }' cpu.stat)
echo $((after - before)) $(awk '$1 == "VmRSS:" { print $2 }' /proc/$pid/status) $(cat memory.current) $(awk '$1 == "Pss:" { print $2 }' /proc/$pid/smaps_rollup)`,
    { limitMs: (minutes + 4) * 60_000 },
  );
  const [microseconds = 0, rssKib = 0, cgroupBytes = 0, pssKib = 0] = shown.trim().split(" ").map(Number);
  const percent = (microseconds / (minutes * 60 * 1e6)) * 100;
  process.stdout.write(
    `idle agent: ${percent.toFixed(2)} % of one (emulated) processor, with what it starts; ${Math.round(rssKib / 1024)} MiB resident, ${Math.round(pssKib / 1024)} MiB of it its own; ${Math.round(cgroupBytes / 1024 ** 2)} MiB in its control group\n`,
  );
  expect(rssKib).toBeLessThan(150 * 1024);
});
