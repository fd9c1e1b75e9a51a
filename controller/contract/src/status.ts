// Words that programs go by, without the schemas: what a browser loads first needs no more of them.
export const jobStatuses = ["queued", "running", "cancelling", "succeeded", "failed", "cancelled", "lost"] as const;
export type JobStatus = (typeof jobStatuses)[number];
export const finalStatuses: ReadonlySet<JobStatus> = new Set(["succeeded", "failed", "cancelled", "lost"]);

export const vmNamePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;
export const imageNamePattern = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}$/;
export const hostNamePattern = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/;
