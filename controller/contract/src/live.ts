// The live stream of the whole: it says that something is another now, and not what it is. Whoever wants to know asks for it by the routes that there are.
import * as z from "zod";
import { instant } from "./names.js";

export const liveTopic = z.enum(["jobs", "vms", "hosts", "images"]);
export type LiveTopic = z.infer<typeof liveTopic>;

/**
 * As SSE sends it: `event:` is `kind`, `data:` is this object as JSON. There is nothing to resume: after a break a client reads anew what it shows.
 * `changed` names jobs by id, VMs by their host's name, hosts and images by name; null stands for more than were worth naming.
 * `heard` says when hosts last reported without anything having changed but the time, and in `saw` when they had last seen their domains.
 */
export const liveEvent = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("hello"), at: instant, version: z.string() }),
  z.object({ kind: z.literal("changed"), at: instant, topic: liveTopic, names: z.array(z.string()).nullable() }),
  z.object({
    kind: z.literal("heard"),
    at: instant,
    hosts: z.record(z.string(), instant),
    saw: z.record(z.string(), instant),
  }),
]);
export type LiveEvent = z.infer<typeof liveEvent>;

/**
 * The last event of any stream of events whose reader may read no further: the session or token ended, or the role is gone. `event:` is `refused`; it has no `id:`.
 * Asking again is answered by the same code.
 */
export const streamRefused = z.object({
  kind: z.literal("refused"),
  at: instant,
  code: z.string(),
  message: z.string(),
});
export type StreamRefused = z.infer<typeof streamRefused>;
