/** What whoever starts the controller can mend: it is said in one line, without a stack, and the program ends with 1. */
export class CannotStart extends Error {
  override readonly name: string = "CannotStart";
}
