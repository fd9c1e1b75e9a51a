import { PageHead } from "../parts/PageHead";
import { Tabs } from "../parts/Tabs";
import { useMay } from "../sign-in/Session";
import { Agents } from "./Agents";
import { Backups } from "./Backups";
import { ControllerSettings } from "./ControllerSettings";
import { Yours } from "./Yours";

/** What the controller is set to, for admins; how these pages look to oneself, for everybody. */
export function Settings() {
  const isAdmin = useMay("admin");
  const yours = { key: "yours", title: "Yours", content: () => <Yours /> };
  return (
    <>
      <PageHead
        title="Settings"
        sentence={
          isAdmin
            ? "What the controller is set to, and by what. It is set in its file and its environment, which it reads when it starts; nothing of that is changed here."
            : "How these pages look to you. What the controller is set to is for an admin of everything to see."
        }
      />
      <Tabs
        label="Settings"
        tabs={
          isAdmin
            ? [
                { key: "controller", title: "Controller", content: () => <ControllerSettings /> },
                { key: "backups", title: "Backups", content: () => <Backups /> },
                { key: "agents", title: "Agents", content: () => <Agents /> },
                yours,
              ]
            : [yours]
        }
      />
    </>
  );
}
