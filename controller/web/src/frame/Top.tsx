import {
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadMain,
  MastheadToggle,
} from "@patternfly/react-core/dist/esm/components/Masthead";
import { PageToggleButton } from "@patternfly/react-core/dist/esm/components/Page";
import { Link } from "react-router";
import { Brand } from "./Brand";
import { LiveMark } from "./LiveMark";
import { Person } from "./Person";
import { RunningJobs } from "./RunningJobs";
import { Search } from "./Search";

export function Top() {
  return (
    <Masthead className="cv-top" display={{ default: "inline" }}>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton isHamburgerButton variant="plain" aria-label="Screens" />
        </MastheadToggle>
        <MastheadBrand>
          <Link to="/" className="cv-brand-link" aria-label="ConVirt, to the overview">
            <Brand />
          </Link>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <div className="cv-top-row">
          <Search />
          <div className="cv-top-end">
            <RunningJobs />
            <LiveMark />
            <Person />
          </div>
        </div>
      </MastheadContent>
    </Masthead>
  );
}
