const widths = ["40%", "85%", "70%", "92%", "60%", "78%"];

/** The shape of what is being read, after a moment. */
export function Skeletons({ lines }: { lines: number }) {
  return (
    <div className="cv-skeletons" aria-busy="true">
      {Array.from({ length: lines }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: bones have no names.
        <div key={index} className="cv-bone" style={{ width: widths[index % widths.length] }} />
      ))}
    </div>
  );
}
