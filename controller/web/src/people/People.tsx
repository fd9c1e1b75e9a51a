import { PageHead } from "../parts/PageHead";
import { Tabs } from "../parts/Tabs";
import { useMay, useSession } from "../sign-in/Session";
import { Tokens } from "./Tokens";
import { Users } from "./Users";

export function People() {
  const isAdmin = useMay("admin");
  const { username, role } = useSession();
  return (
    <>
      <PageHead
        title="People"
        sentence={`You are ${username}, with the role ${role}.${isAdmin ? "" : " An admin sees users here; you see your own tokens."}`}
      />
      <Tabs
        label="People"
        tabs={[
          ...(isAdmin ? [{ key: "users", title: "Users", content: () => <Users /> }] : []),
          { key: "tokens", title: "API tokens", content: () => <Tokens /> },
        ]}
      />
    </>
  );
}
