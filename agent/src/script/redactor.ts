// Hides secrets in a job's log on its way to the controller. A byte is hidden exactly when it belongs to some form of a secret, and stands as `*`: lengths, offsets and
// so everything about resuming stay as they are, and what is hidden does not depend on how the log was cut into pieces. The file itself stays the script's own: it lies
// beside image.conf, which holds the same values, for root alone. docs/decisions/0013 says why it is so.
import { secretForms } from "@convirt/image-format/secrets";

const star = 0x2a;

export class Redactor {
  readonly #forms: readonly Buffer[];
  /** Bytes of the longest form but one: so far a form may reach to either side of a byte. */
  readonly reach: number;

  private constructor(forms: readonly Buffer[]) {
    this.#forms = forms;
    this.reach = Math.max(...forms.map(({ length }) => length)) - 1;
  }

  /** Undefined when there is nothing to hide. */
  static of(secrets: readonly string[]): Redactor | undefined {
    const forms = secrets.flatMap(secretForms).map((form) => Buffer.from(form));
    return forms.length === 0 ? undefined : new Redactor(forms);
  }

  /** The bytes with every form in them hidden. */
  hide(bytes: Buffer): Buffer {
    const hidden = Buffer.from(bytes);
    for (const form of this.#forms)
      for (let at = bytes.indexOf(form); at >= 0; at = bytes.indexOf(form, at + 1))
        hidden.fill(star, at, at + form.length);
    return hidden;
  }

  /** How many of the last bytes may be the beginning of a form of which the rest is yet to come. */
  openAtEnd(bytes: Buffer): number {
    for (let length = Math.min(this.reach, bytes.length); length > 0; length -= 1) {
      const end = bytes.subarray(bytes.length - length);
      if (this.#forms.some((form) => form.length > length && form.subarray(0, length).equals(end))) return length;
    }
    return 0;
  }

  /** The same of all texts in an event. */
  hideIn<T>(value: T): T {
    if (typeof value === "string") return this.hide(Buffer.from(value)).toString("utf8") as T;
    if (Array.isArray(value)) return value.map((one: unknown) => this.hideIn(one)) as T;
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.hideIn(one)])) as T;
  }
}
