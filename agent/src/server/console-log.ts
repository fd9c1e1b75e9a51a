// The console of a VM as xenconsoled keeps it (its --log=guest), one file per name, appended to over all of the VM's lives. Only the end is read.
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { ReadConsoleLogReply, ReadConsoleLogRequest } from "@convirt/proto/domain";
import { Refusal } from "../errors/errors.js";
import type { Redactor } from "../script/redactor.js";

const mostBytes = 256 * 1024;

/** The caller has seen that the name is one of a VM, which holds no slash. A kernel prints its command line, so secrets are hidden here too. */
export async function readConsoleLog(
  folder: string,
  request: ReadConsoleLogRequest,
  redactor?: Redactor,
): Promise<ReadConsoleLogReply> {
  const path = join(folder, `guest-${request.vmName}.log`);
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw missing(request.vmName, path);
    throw error;
  });
  try {
    const { size } = await file.stat();
    const wanted = Math.min(request.maxBytes || mostBytes, mostBytes, size);
    // A secret that begins before what is wanted is known by its beginning.
    const before = Math.min(redactor?.reach ?? 0, size - wanted);
    const { bytesRead, buffer } = await file.read(
      Buffer.alloc(before + wanted),
      0,
      before + wanted,
      size - wanted - before,
    );
    const data = buffer.subarray(0, bytesRead);
    return { data: (redactor?.hide(data) ?? data).subarray(before), size: BigInt(size), path };
  } finally {
    await file.close();
  }
}

function missing(vmName: string, path: string): Refusal {
  return new Refusal(
    "not_found",
    `There is no console log of "${vmName}": ${path} is not there. Has it ever run, and does xenconsoled keep logs (XENCONSOLED_ARGS="--log=guest" in /etc/default/xen)?`,
  );
}
