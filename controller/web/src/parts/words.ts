// The words and the look of states: the same everywhere. Colour means state and nothing else: green runs, blue works, grey is off, amber needs a look, red failed.
import type { HostView } from "@convirt/contract/host";
import type { JobPhase, JobStatus } from "@convirt/contract/job";
import type { VmState } from "@convirt/contract/vm";

export type Tone = "good" | "working" | "off" | "look" | "bad";

export const jobWords: Readonly<Record<JobStatus, { word: string; tone: Tone }>> = {
  queued: { word: "Queued", tone: "off" },
  running: { word: "Running", tone: "working" },
  cancelling: { word: "Cancelling", tone: "working" },
  succeeded: { word: "Succeeded", tone: "good" },
  failed: { word: "Failed", tone: "bad" },
  cancelled: { word: "Cancelled", tone: "off" },
  lost: { word: "Lost", tone: "bad" },
};

export const phaseWords: Readonly<Record<JobPhase, { word: string; doing: string; what: string }>> = {
  check: { word: "Check", doing: "checks the host", what: "The host looks whether it can" },
  stage: { word: "Stage", doing: "sends files", what: "What the host lacks of the image is sent to it" },
  script: { word: "Script", doing: "runs provision.sh", what: "provision.sh makes the disks" },
  prove: { word: "Prove", doing: "proves what was made", what: "The host looks whether all is there" },
  start: { word: "Start", doing: "starts the VM", what: "The VM is started and seen running" },
};
export const phases = Object.keys(phaseWords) as JobPhase[];

export const vmWords: Readonly<Record<VmState, { word: string; tone: Tone }>> = {
  running: { word: "Running", tone: "good" },
  paused: { word: "Paused", tone: "look" },
  shutting_down: { word: "Shutting down", tone: "working" },
  crashed: { word: "Crashed", tone: "bad" },
  dying: { word: "Dying", tone: "look" },
  zombie: { word: "Zombie", tone: "bad" },
  stopped: { word: "Stopped", tone: "off" },
  unknown: { word: "Unknown", tone: "look" },
};

export const contactWords: Readonly<Record<HostView["contact"], { word: string; tone: Tone }>> = {
  in_contact: { word: "In contact", tone: "good" },
  silent: { word: "Silent", tone: "look" },
  invited: { word: "Invited", tone: "off" },
};

/** "1 VM", "3 VMs" */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

/** A person's role for everything, in words. */
export function roleWords(role: string | null): string {
  return role === null ? "with roles for a part" : role.replace("_", " ");
}
