import type { OptionView } from "@convirt/contract/image";

const words = {
  plain: { word: "the guest", says: "Data about the guest alone" },
  shell: { word: "the script", says: "Read by the image's script, which runs as root on the host" },
  privileged: { word: "the host", says: "Reaches into the host: setting it takes the role raw config" },
} as const;

/** Where an option's value ends up. */
export function Reach({ of }: { of: OptionView["reach"] }) {
  const { word, says } = words[of];
  return (
    <span className={`cv-reach cv-reach-${of}`} title={says}>
      {word}
    </span>
  );
}
