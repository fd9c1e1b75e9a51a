/** The version of the command line; that of all packages of a release. */
export const version = "0.1.0";
