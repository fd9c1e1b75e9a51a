import { MergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";

interface Props {
  title: string;
  label: string;
  /** What a screen reader calls the two texts. */
  sides: readonly [string, string];
  before: string;
  after: string;
}

/** Two texts side by side; what is the same in both is folded. */
export function Comparison({ title, label, sides, before, after }: Props) {
  const [one, other] = sides;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (place.current === null) return;
    const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
    const extensions = (side: string) => [
      EditorView.cspNonce.of(nonce),
      lineNumbers(),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ "aria-label": side }),
      EditorState.readOnly.of(true),
      EditorView.editable.of(false),
    ];
    const view = new MergeView({
      parent: place.current,
      a: { doc: before, extensions: extensions(one) },
      b: { doc: after, extensions: extensions(other) },
      collapseUnchanged: { margin: 3, minSize: 6 },
      gutter: true,
      // Texts that have little in common are not compared to the last letter.
      diffConfig: { scanLimit: 2000, timeout: 500 },
    });
    return () => view.destroy();
  }, [before, after, one, other]);
  return (
    <section className="cv-comparison" aria-label={label}>
      <h3>{title}</h3>
      <div ref={place} />
    </section>
  );
}
