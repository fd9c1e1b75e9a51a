interface Props {
  /** 0 to 1. */
  part: number;
  /** What it measures, for those who do not see it. */
  label: string;
}

/** How much of something is used. It turns amber when little is left. */
export function Bar({ part, label }: Props) {
  const percent = Math.max(0, Math.min(100, Math.round(part * 100)));
  return (
    <span className="cv-bar" role="img" aria-label={`${label}: ${percent} %`} data-full={percent >= 90}>
      <span style={{ width: `${percent}%` }} />
    </span>
  );
}
