import { PageHead } from "../parts/PageHead";
import { Tabs } from "../parts/Tabs";
import { roleWords } from "../parts/words";
import { useMay, useSession } from "../sign-in/Session";
import { Roles } from "./Roles";
import { Sessions } from "./Sessions";
import { Tags } from "./Tags";
import { Tokens } from "./Tokens";
import { Users } from "./Users";
import { You } from "./You";

export function People() {
  const isAdmin = useMay("admin");
  const { username, role, grants } = useSession();
  const mine =
    role !== null
      ? `the role ${roleWords(role)} for everything`
      : grants.length === 0
        ? "no role yet: an admin must give you one"
        : grants.map((grant) => `${roleWords(grant.role)} for ${grant.scope}`).join(", ");
  return (
    <>
      <PageHead
        title="People"
        sentence={`You are ${username}, with ${mine}.${isAdmin ? "" : " An admin sees users here; you see your own tokens."}`}
      />
      <Tabs
        label="People"
        tabs={[
          ...(isAdmin
            ? [
                { key: "users", title: "Users", content: () => <Users /> },
                { key: "roles", title: "Roles", content: () => <Roles /> },
                { key: "tags", title: "Tags", content: () => <Tags /> },
              ]
            : []),
          { key: "sessions", title: "Sessions", content: () => <Sessions /> },
          { key: "you", title: "You", content: () => <You /> },
          { key: "tokens", title: "API tokens", content: () => <Tokens /> },
        ]}
      />
    </>
  );
}
