/** The controller's version; that of all packages of a release. */
export const version = "0.1.0";
