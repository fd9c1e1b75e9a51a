export function Brand() {
  return (
    <span className="cv-brand">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect className="cv-brand-ground" width="32" height="32" rx="7" />
        <g className="cv-brand-lines">
          <path d="M6.5 11.5 16 6.5l9.5 5-9.5 5z" />
          <path d="m6.5 16.2 9.5 5 9.5-5" />
          <path d="m6.5 20.9 9.5 5 9.5-5" />
        </g>
      </svg>
      ConVirt
    </span>
  );
}
