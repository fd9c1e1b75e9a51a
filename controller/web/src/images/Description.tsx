// What an image's author wrote, in a frame of its own: no script runs there, and it cannot touch the page. It is made safe by the controller as well.
import { useEffect, useRef, useState } from "react";

const style = `body{margin:0;font:14px/1.55 system-ui,sans-serif;overflow-wrap:anywhere}h1,h2,h3{font-size:1.15em;margin:0 0 .5em}
p,ul,ol,table{margin:0 0 .75em}td,th{padding:.2em .8em .2em 0;text-align:left}`;

export function Description({ html }: { html: string }) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState(80);
  const isDark = document.documentElement.classList.contains("pf-v6-theme-dark");
  const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
  const colours = isDark
    ? ":root{color-scheme:dark}body{color:#e0e0e0}a{color:#92c5f9}"
    : "body{color:#151515}a{color:#0066cc}";
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    // While it loads, its document has no body yet.
    const fit = () =>
      setHeight(Math.min(2400, (element.contentDocument?.querySelector("body")?.offsetHeight ?? 80) + 8));
    element.addEventListener("load", fit);
    const resized = new ResizeObserver(fit);
    resized.observe(element);
    return () => {
      element.removeEventListener("load", fit);
      resized.disconnect();
    };
  }, []);
  if (html.trim() === "") return <p className="cv-quiet">It has no description.</p>;
  return (
    <iframe
      ref={frame}
      title="Description"
      // Its own origin is ours so that its height can be read; without scripts nothing in it can make use of that.
      sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"
      srcDoc={`<!doctype html><html lang="en"><head><title>Description</title><style nonce="${nonce}">${style}${colours}</style></head><body>${html}</body></html>`}
      className="cv-description"
      style={{ height }}
    />
  );
}
