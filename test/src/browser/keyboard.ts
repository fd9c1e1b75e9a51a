// Walks a page by Tab alone, and says of each thing that it comes to what it is, and whether one sees that one is there.
import type { Page } from "playwright-core";

export interface Stop {
  /** "button Remove Debian_12_web from xen2", "searchbox Name". */
  name: string;
  /** Marks it among those of the page. */
  mark: string;
  /** It looks otherwise than without the focus, and is within the window. */
  isSeen: boolean;
  /** It stands above and left of the one before, as nothing that is read in order does. */
  isBack: boolean;
}

const mostStops = 300;

/** What holds the focus, as `JSON`; null when nothing does. */
const focused = `(() => {
  const element = document.activeElement;
  if (element === null || element === document.body) return null;
  const style = (one, pseudo) => {
    const { outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, borderWidth, backgroundColor, textDecorationLine } = getComputedStyle(one, pseudo);
    const outline = outlineStyle === "none" || outlineWidth === "0px" ? "" : outlineStyle + outlineWidth + outlineColor;
    return [outline, boxShadow, borderColor, borderWidth, backgroundColor, textDecorationLine].join(" ");
  };
  const looks = () => [element, element.parentElement].flatMap((one) => [style(one), style(one, "::before"), style(one, "::after")]).join("|");
  const withFocus = looks();
  const box = element.getBoundingClientRect();
  element.blur();
  const without = looks();
  element.focus({ preventScroll: true });
  const inWindow = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
  element.dataset.keyboardMark ??= String((window.keyboardMarks = (window.keyboardMarks ?? 0) + 1));
  const words = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent ?? "";
  const kind = element.getAttribute("role") ?? (element.localName === "input" ? element.type : element.localName);
  return {
    name: (kind + " " + words.trim().replace(/\\s+/g, " ")).slice(0, 80),
    mark: element.dataset.keyboardMark,
    isSeen: inWindow && withFocus !== without,
    box: { top: box.top + scrollY, bottom: box.bottom + scrollY, left: box.left, main: element.closest("main") !== null },
    scrolled: document.querySelector("main")?.scrollTop ?? 0,
  };
})()`;

interface Found extends Stop {
  box: { top: number; bottom: number; left: number; main: boolean };
  scrolled: number;
}

/** What Tab comes to, from the page's beginning until it leaves the page or begins anew. */
export async function walk(page: Page): Promise<Stop[]> {
  await page.evaluate("document.activeElement?.blur()");
  const stops: Stop[] = [];
  let before: { top: number; left: number } | undefined;
  for (let count = 0; count < mostStops; count += 1) {
    await page.keyboard.press("Tab");
    const found = (await page.evaluate(focused)) as Found | null;
    if (found === null || stops.some(({ mark }) => mark === found.mark)) return stops;
    const { box, scrolled, ...stop } = found;
    const at = { top: box.top + scrolled, bottom: box.bottom + scrolled, left: box.left };
    const isBack = box.main && before !== undefined && at.bottom <= before.top && at.left <= before.left;
    stops.push({ ...stop, isBack });
    before = box.main ? at : undefined;
  }
  throw new Error(`Tab has not come round in ${mostStops} steps on ${page.url()}`);
}

/** What can be acted on in the page's middle and was passed by; of radio buttons of one name, Tab comes to one. */
export async function passedBy(page: Page): Promise<string[]> {
  return (await page.evaluate(`(() => {
    const all = [...document.querySelectorAll("main :is(a[href], button, input, select, textarea, summary, iframe)")];
    return all
      .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0)
      .filter((one) => one.dataset.keyboardMark === undefined)
      .filter((one) => one.type !== "radio" || document.querySelector('input[name="' + one.name + '"][data-keyboard-mark]') === null)
      .map((one) => one.localName + " " + (one.getAttribute("aria-label") ?? one.textContent ?? ""));
  })()`)) as string[];
}

/** The name of what holds the focus; empty when nothing does. */
export async function focusedName(page: Page): Promise<string> {
  return ((await page.evaluate(focused)) as Found | null)?.name ?? "";
}

/** Presses Tab until what holds the focus has this name. */
export async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let count = 0; count < mostStops; count += 1) {
    await page.keyboard.press("Tab");
    if (name.test(await focusedName(page))) return;
  }
  throw new Error(`Tab did not come to ${name} in ${mostStops} steps on ${page.url()}`);
}
