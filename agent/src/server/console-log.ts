// The console of a VM as xenconsoled keeps it (its --log=guest), one file per name, appended to over all of the VM's lives. Only the end is read.
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { ReadConsoleLogReply, ReadConsoleLogRequest } from "@convirt/proto/domain";
import { Refusal } from "../errors/errors.js";

const mostBytes = 256 * 1024;

/** The caller has seen that the name is one of a VM, which holds no slash. */
export async function readConsoleLog(folder: string, request: ReadConsoleLogRequest): Promise<ReadConsoleLogReply> {
  const path = join(folder, `guest-${request.vmName}.log`);
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw missing(request.vmName, path);
    throw error;
  });
  try {
    const { size } = await file.stat();
    const wanted = Math.min(request.maxBytes || mostBytes, mostBytes, size);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(wanted), 0, wanted, size - wanted);
    return { data: buffer.subarray(0, bytesRead), size: BigInt(size), path };
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
