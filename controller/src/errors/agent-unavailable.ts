/** The link to a host is down, or the call took too long. Whether the host did what it was asked is not known. */
export class AgentUnavailable extends Error {
  override readonly name = "AgentUnavailable";
}
