import { type RefObject, useLayoutEffect, useState } from "react";

/** Rows beyond the visible ones that are there already when one scrolls. */
const beyond = 12;

/** Which of `total` rows of one height the page's scrolling shows. `first` and `last` are of whole steps, so that a scrolled pixel renders nothing. */
export function useWindow(
  list: RefObject<HTMLElement | null>,
  total: number,
  rowPx: number,
): { first: number; last: number } {
  const [seen, setSeen] = useState({ first: 0, last: 40 });
  useLayoutEffect(() => {
    const scroller = scrollerOf(list.current);
    if (list.current === null || scroller === null) return;
    const body = list.current;
    let frame = 0;
    const look = () => {
      frame = 0;
      const above = scroller.getBoundingClientRect().top - body.getBoundingClientRect().top;
      const step = beyond / 2;
      const first = Math.max(0, Math.floor(above / rowPx / step) * step - beyond);
      const last = Math.ceil((above + scroller.clientHeight) / rowPx / step) * step + beyond;
      setSeen((before) => (before.first === first && before.last === last ? before : { first, last }));
    };
    const soon = () => {
      if (frame === 0) frame = requestAnimationFrame(look);
    };
    look();
    scroller.addEventListener("scroll", soon, { passive: true });
    const resized = new ResizeObserver(soon);
    resized.observe(scroller);
    return () => {
      cancelAnimationFrame(frame);
      scroller.removeEventListener("scroll", soon);
      resized.disconnect();
    };
  }, [list, rowPx]);
  return { first: Math.min(seen.first, total), last: Math.min(seen.last, total) };
}

/** The nearest element above that scrolls. */
export function scrollerOf(element: HTMLElement | null): HTMLElement | null {
  for (let at = element?.parentElement ?? null; at !== null; at = at.parentElement)
    if (/(auto|scroll)/.test(getComputedStyle(at).overflowY)) return at;
  return document.scrollingElement as HTMLElement | null;
}
