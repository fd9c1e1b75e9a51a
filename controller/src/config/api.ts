/** In front of every path of the HTTP API. */
export const apiPrefix = "/api/v1";
