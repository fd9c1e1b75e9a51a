import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProvisionSpec } from "@convirt/proto/provision";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Journal } from "./journal.js";

let jobs: string;
const spec = ProvisionSpec.fromPartial({ jobId: "00000000-0000-4000-8000-000000000001", vmName: "web1" });

beforeEach(() => {
  jobs = mkdtempSync(join(tmpdir(), "convirt-journal-"));
});
afterEach(() => rmSync(jobs, { recursive: true }));

test("Journal.create() takes over what an agent left that was killed before the spec was on the disk", () => {
  mkdirSync(join(jobs, spec.jobId));
  writeFileSync(join(jobs, spec.jobId, "spec.new"), "half a sp");
  Journal.create(jobs, spec).close();
  expect(Journal.open(join(jobs, spec.jobId))?.spec.vmName).toBe("web1");
});

test("Journal.create() never takes a job that is there for a new one", () => {
  Journal.create(jobs, spec).close();
  expect(() => Journal.create(jobs, spec)).toThrow("EEXIST");
});
