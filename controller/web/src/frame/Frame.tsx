// What stands around every screen: navigation, search, the live mark, running jobs, the theme, the person.
import { Page, PageSidebar, PageSidebarBody } from "@patternfly/react-core/dist/esm/components/Page";
import { SkipToContent } from "@patternfly/react-core/dist/esm/components/SkipToContent";
import { Suspense } from "react";
import { Outlet, useNavigation } from "react-router";
import { Navigation } from "./Navigation";
import { Top } from "./Top";
import { useGoKeys } from "./useGoKeys";

const mainId = "main";

export function Frame() {
  useGoKeys();
  const isLoading = useNavigation().state === "loading";
  return (
    <Page
      masthead={<Top />}
      sidebar={
        <PageSidebar>
          <PageSidebarBody>
            <Navigation />
          </PageSidebarBody>
        </PageSidebar>
      }
      skipToContent={<SkipToContent href={`#${mainId}`}>Skip to the page</SkipToContent>}
      isManagedSidebar
      mainContainerId={mainId}
      // It is what scrolls, and must by keyboard as well, where a page has nothing else to go to.
      mainTabIndex={0}
      isContentFilled
      className="cv-frame"
    >
      {isLoading && <div className="cv-loading-line" role="progressbar" aria-label="Loading the page" />}
      <div className="cv-page">
        <Suspense>
          <Outlet />
        </Suspense>
      </div>
    </Page>
  );
}
