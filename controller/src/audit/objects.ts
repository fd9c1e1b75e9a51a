// What a request was about, in words that one searches for: `host xen1`, `vm web`, `image Tiny`, `job 0c1f…`, `user ada`.
import type { Route } from "@convirt/contract/route";

type Fields = Record<string, unknown>;

const kindOfPath: readonly [RegExp, string][] = [
  [/^\/hosts\//, "host"],
  [/^\/images\//, "image"],
  [/^\/vms\//, "vm"],
  [/^\/jobs\//, "job"],
  [/^\/users\//, "user"],
  [/^\/tokens\//, "token"],
  [/^\/sessions\//, "session"],
  [/^\/grants\//, "grant"],
];
const fieldsOfBody = ["host", "image", "vm"] as const;
const most = 12;

/** `answer` is that of a success; it names what the request could not, such as the job that was made. */
export function objectsOf(route: Route, request: { params: Fields; body?: unknown }, answer: unknown): string[] {
  const found = new Set<string>();
  const add = (kind: string, name: unknown) => {
    if (typeof name === "string" && name !== "" && found.size < most) found.add(`${kind} ${name}`.slice(0, 110));
  };
  const kind = kindOfPath.find(([pattern]) => pattern.test(route.path))?.[1];
  const { name, id, username } = request.params;
  if (kind !== undefined) add(kind, name ?? id ?? username);
  const body = fields(request.body);
  const said = fields(answer);
  for (const each of [request.params, body, said, fields(said["vm"]), fields(said["job"])])
    for (const field of fieldsOfBody) add(field, each[field]);
  if (kind === "vm") add("vm", fields(said["vm"])["name"]);
  if (route.path.startsWith("/jobs")) add("job", said["id"] ?? fields(said["job"])["id"]);
  if (route.path.startsWith("/users") || route.path === "/session") add("user", body["username"]);
  if (route.path.startsWith("/images")) add("image", body["name"] ?? said["name"]);
  if (route.path === "/tokens") add("token", said["id"]);
  const subject = fields(body["subject"]);
  if (typeof subject["kind"] === "string") add(subject["kind"], subject["name"]);
  return [...found];
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}
