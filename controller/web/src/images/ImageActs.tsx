import type { ImageView } from "@convirt/contract/image";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { addressOf, call } from "../api/client";
import { Confirm } from "../parts/Confirm";
import { LinkButton } from "../parts/LinkButton";
import { count } from "../parts/words";
import { useMay, useMayAnywhere } from "../sign-in/Session";

export function ImageActs({ image }: { image: ImageView }) {
  const mayWrite = useMay("image_author", "image", image.name);
  const mayMake = useMayAnywhere("image_author");
  const mayProvision = useMay("provisioner", "image", image.name);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [asked, setAsked] = useState<"like" | "remove">();
  const [name, setName] = useState(`${image.name.replace(/^_/, "")}_2`);
  const [isForced, setForced] = useState(false);
  const params = { name: image.name };
  const canProvision = mayProvision && image.accepted && !image.template;
  const close = () => setAsked(undefined);
  const changed = () => queries.invalidateQueries({ queryKey: ["images"] });
  return (
    <>
      {canProvision && <LinkButton to={`/provision?image=${image.name}`}>Provision</LinkButton>}
      {mayWrite && (
        <LinkButton to={`/images/${image.name}/edit`} variant={image.accepted ? "secondary" : "primary"}>
          Edit
        </LinkButton>
      )}
      {mayMake && (
        <Button variant="secondary" onClick={() => setAsked("like")}>
          Create like
        </Button>
      )}
      {mayProvision && (
        <Button variant="secondary" component="a" href={addressOf("GET /images/:name/export", { params })} download>
          Export
        </Button>
      )}
      {mayWrite && (
        <Button variant="secondary" isDanger onClick={() => setAsked("remove")}>
          Remove
        </Button>
      )}
      {asked === "like" && (
        <Confirm
          title={`Create an image like ${image.name}`}
          act="Create it"
          run={() => call("POST /images/:name/create-like", { params, body: { name: name.trim() } })}
          onDone={() => {
            void changed();
            void navigate(`/images/${name.trim()}/edit`);
          }}
          onClose={close}
        >
          <label htmlFor="like-name">
            Its name
            <TextInput
              id="like-name"
              autoFocus
              autoComplete="off"
              value={name}
              onChange={(_, value) => setName(value)}
            />
          </label>
          <p className="cv-hint">
            All files are copied; {image.name} stays as it is. The editor opens with the new one.
          </p>
        </Confirm>
      )}
      {asked === "remove" && (
        <Confirm
          title={`Remove ${image.name}`}
          act="Remove the image"
          isDanger
          name={image.name}
          run={() => call("DELETE /images/:name", { params, query: { force: isForced } })}
          onDone={() => {
            void changed();
            void navigate("/images");
          }}
          onClose={close}
        >
          <p>Its files go from the store. This cannot be undone; an export of it could be imported again.</p>
          {image.vms > 0 && (
            <Checkbox
              id="remove-forced"
              label={`Even though ${count(image.vms, "VM")} made of it ${image.vms === 1 ? "is" : "are"} recorded; they go on running`}
              isChecked={isForced}
              onChange={(_, isChecked) => setForced(isChecked)}
            />
          )}
        </Confirm>
      )}
    </>
  );
}
