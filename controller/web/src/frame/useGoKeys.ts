import { useEffect } from "react";
import { useNavigate } from "react-router";

const targets: Readonly<Record<string, string>> = {
  o: "/",
  i: "/images",
  v: "/vms",
  h: "/hosts",
  j: "/jobs",
  p: "/people",
  s: "/settings",
};
const waitMs = 1200;

/** True when a key press is text for something. */
export function isTyping({ target }: Event): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** `g` and then the first letter of a screen goes there. */
export function useGoKeys(): void {
  const navigate = useNavigate();
  useEffect(() => {
    let pressedAt = 0;
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = targets[event.key];
      if (target !== undefined && event.timeStamp - pressedAt < waitMs) {
        pressedAt = 0;
        event.preventDefault();
        void navigate(target);
      } else pressedAt = event.key === "g" ? event.timeStamp : 0;
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [navigate]);
}
