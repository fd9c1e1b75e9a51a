// Provisioning: image, where, name, options, then the preview. One page whose sections open in their order; what was typed is kept in this browser until it is
// sent, whatever happens to the page, the session or the controller.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useSearchParams } from "react-router";
import { call } from "../api/client";
import { Vanished } from "../images/Vanished";
import { ErrorPanel } from "../parts/ErrorPanel";
import { PageHead } from "../parts/PageHead";
import { Skeletons } from "../parts/Skeletons";
import { useMayAnywhere } from "../sign-in/Session";
import { requestOf, useDraft } from "./draft";
import { NameSection } from "./NameSection";
import { OptionsSection } from "./OptionsSection";
import { ImageSection, WhereSection } from "./PlaceSections";
import { Preview } from "./Preview";

export function Provision() {
  const [search, setSearch] = useSearchParams();
  const [draft, change] = useDraft();
  const may = useMayAnywhere("provisioner");
  const from = search.get("job");
  const earlier = useQuery({
    queryKey: ["jobs", "one", from],
    queryFn: ({ signal }) => call("GET /jobs/:id", { params: { id: from ?? "" }, signal }),
    enabled: from !== null,
  });
  const [again, setAgain] = useState<string[]>([]);
  // What the address asks for is taken over once, and then the page's own state counts.
  useEffect(() => {
    const image = search.get("image");
    const host = search.get("host");
    if (image !== null || host !== null) {
      change({ ...(image === null ? {} : { image, values: {}, secrets: {} }), ...(host === null ? {} : { host }) });
      setSearch({}, { replace: true });
    }
  }, [search, setSearch, change]);
  useEffect(() => {
    if (earlier.data === undefined) return;
    const { image, host, vm, start, imageConf, vmConf, reason } = earlier.data.request;
    const tagged = (file: string, values: object = {}) =>
      Object.entries(values).map(([name, value]) => [`${file} ${name}`, value]);
    const values = Object.fromEntries([...tagged("image.conf", imageConf), ...tagged("vm_conf.template", vmConf)]);
    setAgain([...earlier.data.secretNames.imageConf, ...earlier.data.secretNames.vmConf]);
    change({ image, host, secrets: {}, name: vm, count: 1, start: start ?? false, values, reason: reason ?? "" });
    setSearch({}, { replace: true });
  }, [earlier.data, setSearch, change]);
  const image = useQuery({
    queryKey: ["images", "one", draft.image],
    queryFn: ({ signal }) => call("GET /images/:name", { params: { name: draft.image }, signal }),
    enabled: draft.image !== "",
  });
  const hasPlace = draft.host !== "" && image.data?.accepted === true;
  return (
    <>
      <PageHead
        title="Provision"
        sentence={
          may
            ? "Nothing is made before you have seen what will be."
            : "This needs the role provisioner, for the image and for the host; you may look."
        }
      />
      {again.length > 0 && (
        <p role="status" className="cv-warning">
          The earlier job was given {again.join(", ")}, which is secret and was not kept: give it again.
        </p>
      )}
      <div className="cv-provision">
        <ImageSection draft={draft} change={change} />
        {draft.image !== "" && image.error !== null && image.data === undefined && (
          <ErrorPanel error={image.error} act={`Cannot use ${draft.image}`} onRetry={() => change({ image: "" })} />
        )}
        {image.data !== undefined && <Vanished name={draft.image} error={image.error} />}
        {draft.image !== "" && image.isPending && <Skeletons lines={4} />}
        {image.data !== undefined && <WhereSection draft={draft} change={change} image={image.data} />}
        {image.data !== undefined && hasPlace && (
          <>
            <NameSection draft={draft} change={change} />
            <OptionsSection draft={draft} change={change} options={image.data.options} />
            <Preview draft={draft} change={change} request={requestOf(draft, image.data.options)} />
          </>
        )}
      </div>
    </>
  );
}
