// The memory that what arrives lies in until it is written. It goes round: memory that is new costs the system a page at a time, for every megabyte of a file.
import { longestFrame } from "@convirt/proto/frames";

/** Less than that is not worth a room. */
const smallBytes = 64 * 1024;

export class Rooms {
  readonly #free: ArrayBuffer[] = [];
  readonly #most: number;

  /** Keeps as many as `most` that are free. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Memory of at least so many bytes, with whatever was in it; nobody else's until it is given back. */
  give(bytes: number): ArrayBuffer {
    if (bytes <= smallBytes || bytes > longestFrame) return Buffer.allocUnsafeSlow(bytes).buffer;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(longestFrame).buffer;
  }

  /** Takes memory back that is not used any more; what `give` did not give as a room is let go. */
  back(room: ArrayBuffer): void {
    if (room.byteLength === longestFrame && this.#free.length < this.#most) this.#free.push(room);
  }
}
