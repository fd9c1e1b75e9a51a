// A log of any size as lines: bytes are kept as they came, and where each line begins. A line becomes text when it is looked at, and not before.
const newline = 10;
/** A line is shown up to here, until somebody asks for the rest. */
export const shownBytes = 4096;

export class LogLines {
  #bytes = new Uint8Array(64 * 1024);
  #length = 0;
  #starts = new Float64Array(4096);
  #count = 1;
  #decoder = new TextDecoder();

  /** How many bytes have come. */
  get length(): number {
    return this.#length;
  }

  /** Lines, the last unfinished one among them unless it is empty. */
  get count(): number {
    return this.#start(this.#count - 1) === this.#length ? this.#count - 1 : this.#count;
  }

  append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1))
      this.#begin(this.#length + at + 1);
    this.#length = needed;
  }

  #begin(offset: number): void {
    if (this.#count === this.#starts.length) {
      const larger = new Float64Array(this.#starts.length * 2);
      larger.set(this.#starts);
      this.#starts = larger;
    }
    this.#starts[this.#count] = offset;
    this.#count++;
  }

  #start(line: number): number {
    return this.#starts[line] ?? this.#length;
  }

  #end(line: number): number {
    return line + 1 < this.#count ? this.#start(line + 1) - 1 : this.#length;
  }

  /** Bytes of a line, its end left out. */
  size(line: number): number {
    return this.#end(line) - this.#start(line);
  }

  /** A line as a terminal would leave it: what was written over by a carriage return is gone. */
  text(line: number, most = shownBytes): string {
    const start = this.#start(line);
    const raw = this.#decoder.decode(this.#bytes.subarray(start, Math.min(this.#end(line), start + most)));
    const kept = raw.replace(/\r+$/, "");
    return kept.slice(kept.lastIndexOf("\r") + 1);
  }

  /** The lines from `from` up to `to` in one piece, as they came. */
  raw(from: number, to: number): string {
    return this.#decoder.decode(this.#bytes.subarray(this.#start(from), this.#end(to - 1)));
  }
}
