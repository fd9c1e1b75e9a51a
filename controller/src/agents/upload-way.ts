/** How messages of one upload get to a host. */
export interface UploadWay {
  /** Whether each is to begin with its length. */
  readonly framed: boolean;
  /** Resolves when there is room for the next. Throws EndedByHost when the host has ended the upload: it may answer with an error instead of reading on. */
  send(message: Buffer): Promise<void>;
  /** Ends the upload. Throws what the host answered, as gRPC's ServiceError, unless it has taken all. */
  finish(): Promise<void>;
  close(): void;
}

export class EndedByHost extends Error {
  constructor() {
    super("The host ended the upload");
    this.name = "EndedByHost";
  }
}
