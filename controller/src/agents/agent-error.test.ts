// A host's no, and a host that cannot be spoken to, as the API answers them.
import { Metadata, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { AgentUnavailable } from "../errors/agent-unavailable.js";
import { HostRefusal, mapAgentError } from "./agent-error.js";

/** As it comes over the wire. */
function wireError(code: status, details: string, agentCode?: string): Error {
  const metadata = new Metadata();
  if (agentCode !== undefined) metadata.set("convirt-code", agentCode);
  return Object.assign(new Error(details), { code, details, metadata });
}

test.each([
  ["bad_vm_name", "bad_vm_name", 400],
  ["vm_name_taken", "vm_name_taken", 409],
  ["vm_not_on_host", "vm_not_on_host", 409],
  ["vm_running", "vm_running", 409],
  ["toolstack_refused", "action_failed", 502],
  ["vm_config_missing", "host_refused", 422],
  ["path_unsafe", "host_refused", 422],
  ["a_code_of_a_later_release", "host_refused", 422],
])("a host's %s is answered as %s, %i, with the host's own words and code", (hostCode, code, httpStatus) => {
  const error = mapAgentError(wireError(status.FAILED_PRECONDITION, "Cannot: no", hostCode));
  expect(error).toBeInstanceOf(HostRefusal);
  expect(error).toMatchObject({ code, status: httpStatus, message: "Cannot: no", more: { details: { hostCode } } });
});

test("a host that is gone, hung or let go of is one that cannot be spoken to, in plain words", () => {
  for (const code of [status.UNAVAILABLE, status.CANCELLED, status.DEADLINE_EXCEEDED])
    expect(mapAgentError(wireError(code, "x"))).toBeInstanceOf(AgentUnavailable);
  const late = wireError(status.DEADLINE_EXCEEDED, "Deadline exceeded after 3.001s,LB pick: 0.001s,remote_addr=::1");
  expect(mapAgentError(late).message).toBe("it gave no answer in time");
});

test("anything else is a fault, and says so with gRPC's word for it", () => {
  const error = mapAgentError(wireError(status.INTERNAL, "boom"));
  expect(error).not.toBeInstanceOf(AgentUnavailable);
  expect(error.message).toBe("The agent answered INTERNAL: boom");
  expect(mapAgentError("odd").message).toBe("odd");
});
