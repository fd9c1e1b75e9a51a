/** The agent's version; the package's own, and the controller's of the same release. */
export const version = "0.1.0";
