import type { StagedTree } from "@convirt/contract/host";
import type { ImageSummary } from "@convirt/contract/image";
import { call } from "../api/client";
import { Confirm } from "../parts/Confirm";
import { bytesOf } from "../parts/sizes";

interface Props {
  host: string;
  tree: StagedTree;
  /** As it is in the store now; undefined when it is not there any more. */
  image: ImageSummary | undefined;
  onDone: (freedBytes: number) => void;
  onClose: () => void;
}

/** Before an image's files go from a host: what becomes of its VMs, and what it costs to have them back. What the store lost cannot be had back. */
export function Unstage({ host, tree, image, onDone, onClose }: Props) {
  return (
    <Confirm
      title={`Remove ${tree.name} from ${host}`}
      act="Remove from the host"
      isDanger
      {...(image === undefined ? { name: tree.name } : {})}
      run={async () => {
        const { freedBytes } = await call("DELETE /hosts/:name/staged/:image", {
          params: { name: host, image: tree.name },
        });
        onDone(freedBytes);
      }}
      onDone={onClose}
      onClose={onClose}
    >
      <p>
        The image’s files on {host}, {bytesOf(tree.bytes)}, are deleted. VMs that were made of it stay as they are.
      </p>
      <p>
        {image === undefined
          ? "The image is not in the store any more: nothing brings these files back."
          : `The next VM of it here has its files sent anew, ${bytesOf(image.bytes)} as the image is now.`}
      </p>
    </Confirm>
  );
}
