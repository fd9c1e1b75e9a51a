// A large upload: from a thread of its own, which ends with it or with the signal.
import { startThread } from "../thread.js";
import { mapWireError } from "./agent-error.js";
import type { HostAccess } from "./host-access.js";
import { ChangedSinceHashed, type NeededFile, type SendableTree, type Sent } from "./sendable.js";
import type { UploadNews, UploadOrder } from "./uploader.js";

/** More than this goes through a thread; starting one costs a tenth of a second. */
export const largeBytes = 16 * 1024 * 1024;

interface Way {
  access: HostAccess;
  /** Whether the host's agent takes uploads by connections of their own. */
  takesConnections: boolean;
}

/** Ends early with `signal`. Throws ChangedSinceHashed, a Refusal of the host's, or what became of the link. */
export async function uploadLarge(
  { access, takesConnections }: Way,
  tree: SendableTree,
  needed: readonly NeededFile[],
  { total, signal, sent }: { total: number; signal: AbortSignal; sent: Sent },
): Promise<void> {
  signal.throwIfAborted();
  const worker = startThread(
    takesConnections ? "agents/upload-worker" : "agents/upload-call-worker",
    orderOf(access, tree, needed),
  );
  let bytes = 0;
  let stop: () => void = () => undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      stop = () => reject(signal.reason as Error);
      signal.addEventListener("abort", stop, { once: true });
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error("the uploader ended without a word")));
      worker.on("message", (news: UploadNews) => {
        if (news.kind === "sent") {
          bytes += news.bytes;
          sent({ bytes, total });
        } else if (news.kind === "done") resolve();
        else if (news.kind === "changed") reject(new ChangedSinceHashed(news.path));
        else reject(mapWireError(news.code, news.details, news.agentCode));
      });
    });
  } finally {
    signal.removeEventListener("abort", stop);
    await worker.terminate();
  }
}

function orderOf(access: HostAccess, tree: SendableTree, needed: readonly NeededFile[]): UploadOrder {
  const { name, digest, root } = tree;
  const files = needed.map(({ file, ranges }) => {
    const described = tree.files[file];
    if (described === undefined) throw new Error(`The host asks for file ${file} of ${tree.files.length}`);
    return { index: file, path: described.path, size: described.size, chunkHashes: described.chunkHashes, ranges };
  });
  return { access, name, treeDigest: digest, root, files };
}
