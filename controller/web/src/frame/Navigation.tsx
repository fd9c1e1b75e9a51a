import { Nav, NavItem, NavList } from "@patternfly/react-core/dist/esm/components/Nav";
import { PageContext } from "@patternfly/react-core/dist/esm/components/Page";
import CogIcon from "@patternfly/react-icons/dist/esm/icons/cog-icon";
import CubesIcon from "@patternfly/react-icons/dist/esm/icons/cubes-icon";
import HistoryIcon from "@patternfly/react-icons/dist/esm/icons/history-icon";
import ListIcon from "@patternfly/react-icons/dist/esm/icons/list-icon";
import ServerIcon from "@patternfly/react-icons/dist/esm/icons/server-icon";
import TachometerAltIcon from "@patternfly/react-icons/dist/esm/icons/tachometer-alt-icon";
import UsersIcon from "@patternfly/react-icons/dist/esm/icons/users-icon";
import VirtualMachineIcon from "@patternfly/react-icons/dist/esm/icons/virtual-machine-icon";
import { type ComponentType, useContext } from "react";
import { Link, useLocation } from "react-router";

interface Place {
  to: string;
  title: string;
  icon: ComponentType;
}

/** The work first; below the line what is looked after now and then. */
const places: readonly (readonly Place[])[] = [
  [
    { to: "/", title: "Overview", icon: TachometerAltIcon },
    { to: "/images", title: "Images", icon: CubesIcon },
    { to: "/vms", title: "VMs", icon: VirtualMachineIcon },
    { to: "/hosts", title: "Hosts", icon: ServerIcon },
    { to: "/jobs", title: "Jobs", icon: ListIcon },
  ],
  [
    { to: "/people", title: "People", icon: UsersIcon },
    { to: "/audit", title: "Audit", icon: HistoryIcon },
    { to: "/settings", title: "Settings", icon: CogIcon },
  ],
];

export function Navigation() {
  const { pathname } = useLocation();
  const { isMobile, isSidebarOpen, onSidebarToggle } = useContext(PageContext);
  // In a small window the list lies above the page that was chosen.
  const onChosen = () => {
    if (isMobile && isSidebarOpen) onSidebarToggle();
  };
  const isHere = (to: string) => (to === "/" ? pathname === "/" : pathname === to || pathname.startsWith(`${to}/`));
  return (
    <Nav aria-label="Screens" className="cv-nav" onSelect={onChosen}>
      {places.map((group) => (
        <NavList key={group[0]?.to}>
          {group.map(({ to, title, icon: Icon }) => (
            <NavItem key={to} isActive={isHere(to)}>
              <Link to={to} aria-current={isHere(to) ? "page" : undefined}>
                <Icon /> {title}
              </Link>
            </NavItem>
          ))}
        </NavList>
      ))}
    </Nav>
  );
}
