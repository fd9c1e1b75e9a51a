import { Divider } from "@patternfly/react-core/dist/esm/components/Divider";
import {
  Dropdown,
  DropdownGroup,
  DropdownItem,
  DropdownList,
} from "@patternfly/react-core/dist/esm/components/Dropdown";
import { MenuToggle } from "@patternfly/react-core/dist/esm/components/MenuToggle";
import UserIcon from "@patternfly/react-icons/dist/esm/icons/user-icon";
import { useState } from "react";
import { useNavigate } from "react-router";
import { call } from "../api/client";
import { roleWords } from "../parts/words";
import { useSession } from "../sign-in/Session";
import { chooseTheme, type Theme, theme, themeTitles } from "./theme";

export function Person() {
  const { username, role } = useSession();
  const navigate = useNavigate();
  const [isOpen, setOpen] = useState(false);
  const chosen = theme.useChoice();
  const signOut = async () => {
    await call("DELETE /session");
    // Everything that this page holds goes with it.
    window.location.assign("/");
  };
  return (
    <Dropdown
      isOpen={isOpen}
      onOpenChange={setOpen}
      popperProps={{ position: "right" }}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          variant="plainText"
          isExpanded={isOpen}
          onClick={() => setOpen(!isOpen)}
          icon={<UserIcon />}
          aria-label={`${username}: theme, sign out`}
          className="cv-person"
        >
          <span className="cv-person-name">{username}</span>
        </MenuToggle>
      )}
    >
      <DropdownGroup label={`Signed in as ${username}, ${roleWords(role)}`}>
        <DropdownList>
          <DropdownItem
            onClick={() => {
              setOpen(false);
              void navigate("/people?tab=tokens");
            }}
          >
            API tokens
          </DropdownItem>
          <DropdownItem
            onClick={() => {
              setOpen(false);
              void navigate("/settings");
            }}
          >
            Settings
          </DropdownItem>
          <DropdownItem
            onClick={() => {
              setOpen(false);
              void navigate("/help");
            }}
          >
            Keys and errors
          </DropdownItem>
        </DropdownList>
      </DropdownGroup>
      <Divider />
      <DropdownGroup label="Theme">
        <DropdownList>
          {(Object.keys(themeTitles) as Theme[]).map((each) => (
            <DropdownItem key={each} isSelected={each === chosen} onClick={() => chooseTheme(each)}>
              {themeTitles[each]}
            </DropdownItem>
          ))}
        </DropdownList>
      </DropdownGroup>
      <Divider />
      <DropdownList>
        <DropdownItem onClick={() => void signOut()}>Sign out</DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}
