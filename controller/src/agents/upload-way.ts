import type { UploadHead, UploadRoom } from "@convirt/proto/frames";

/** How messages of one upload get to a host. */
export interface UploadWay {
  /** Room for the data of the next message, 1 MiB. It is the caller's until it is sent. */
  room(): UploadRoom;
  /** Sends a message with the first `length` bytes of that room. Resolves when there may be a next. Throws EndedByHost when the host has ended the upload: it may
   * answer with an error instead of reading on. */
  send(head: UploadHead, room: UploadRoom, length: number): Promise<void>;
  /** Ends the upload. Throws an UploadFailed with what the host answered, unless it has taken all. */
  finish(): Promise<void>;
  close(): void;
}

export class EndedByHost extends Error {
  constructor() {
    super("The host ended the upload");
    this.name = "EndedByHost";
  }
}

/** What an upload ended with: gRPC's status, by whichever way it went, and the agent's word for it, if it is the host's own no. */
export class UploadFailed extends Error {
  readonly status: number;
  readonly agentCode: string | undefined;

  constructor(status: number, message: string, agentCode?: string) {
    super(message);
    this.name = "UploadFailed";
    this.status = status;
    this.agentCode = agentCode;
  }
}
