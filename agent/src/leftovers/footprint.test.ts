import { expect, test } from "vitest";
import { type Footprint, isOf, type Others, volumeOf } from "./footprint.js";

const web: Footprint = {
  ...{ jobId: "1", vmName: "web", vmUuid: "2", targets: ["/d/web.img", "/dev/vg0/web-root"] },
  ...{ configPath: "/c/web", folders: ["/d", "/c", "/dev/vg0"] },
};
const nobody: Others = { names: new Set(), paths: new Set() };

test.each([
  ["/d/web.img", "its disk"],
  ["/d/web.img.part", "what stands beside its disk"],
  ["/d/web", "its name"],
  ["/d/web-swap.img", "its name and more"],
  ["/c/web", "its configuration"],
  ["/dev/vg0/web-root", "its volume"],
  ["/dev/vg0/web_swap", "a volume of its name"],
])("isOf() takes %s as the job's: %s", (path) => {
  expect(isOf(web, path, nobody)).toBe(true);
});

test.each([
  ["/d/website.img", "a name that only begins so"],
  ["/d/other.img", "another name"],
  ["/elsewhere/web.img", "another folder"],
  ["/d/sub/web.img", "a folder below"],
])("isOf() does not take %s: %s", (path) => {
  expect(isOf(web, path, nobody)).toBe(false);
});

test("isOf() leaves to a longer name what carries it, as soon as the host knows that name", () => {
  const others = { names: new Set(["web.1", "web", "database"]), paths: new Set<string>() };
  expect(isOf(web, "/d/web.1.img", others)).toBe(false);
  expect(isOf(web, "/d/web.1", others)).toBe(false);
  expect(isOf(web, "/d/web.10.img", others)).toBe(true);
  expect(isOf(web, "/d/web.img", others)).toBe(true);
});

test("isOf() never takes what another claims, nor what stands beside it", () => {
  const others = { names: new Set<string>(), paths: new Set(["/d/web-data.img"]) };
  expect(isOf(web, "/d/web-data.img", others)).toBe(false);
  expect(isOf(web, "/d/web-data.img.part", others)).toBe(false);
});

test.each([
  ["/dev/vg0/root", { group: "vg0", volume: "root" }],
  ["/dev/mapper/vg0-root", undefined],
  ["/dev/disk/by-id/x", undefined],
  ["/dev/sda", undefined],
  ["/dev/-x/root", undefined],
  ["/d/vg0/root", undefined],
])("volumeOf(%s)", (path, found) => {
  expect(volumeOf(path)).toEqual(found);
});
