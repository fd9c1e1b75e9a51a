// What an image says about itself, made safe to show. Only the markup that image authors need, the tags of ConVirt's GTK view among it, gets
// through; no style, no handler, no address that is not http, https or mail. Applied when a description is saved and again when it is read,
// since files also arrive by archive and by hand.
import sanitizeHtml from "sanitize-html";

const allowedTags = [
  ..."h1 h2 h3 h4 h5 h6 p br hr div span blockquote pre code".split(" "),
  ..."b strong i em u s tt small big sub sup center".split(" "),
  ..."ul ol li dl dt dd".split(" "),
  ..."table caption thead tbody tfoot tr th td".split(" "),
  ..."a font".split(" "),
];

/** Wrappers that say nothing themselves: they go without being reported. */
const silentTags = new Set(["html", "head", "body", "meta", "title"]);

const options: sanitizeHtml.IOptions = {
  allowedTags,
  allowedAttributes: {
    a: ["href", "title", "rel", "target"],
    td: ["colspan", "rowspan"],
    th: ["colspan", "rowspan"],
    font: ["color"],
  },
  allowedSchemes: ["http", "https", "mailto"],
  allowedSchemesAppliedToAttributes: ["href"],
  allowProtocolRelative: false,
  allowedStyles: {},
  disallowedTagsMode: "discard",
  nonTextTags: [
    "script",
    "style",
    "textarea",
    "option",
    "noscript",
    "title",
    "iframe",
    "object",
    "embed",
    "svg",
    "math",
    "template",
    "xmp",
    "noembed",
    "noframes",
    "plaintext",
  ],
  nestingLimit: 50,
  enforceHtmlBoundary: false,
  transformTags: { a: (tagName, attribs) => ({ tagName, attribs: safeLink(attribs) }) },
};

function safeLink(attribs: Record<string, string>): Record<string, string> {
  const kept: Record<string, string> = {};
  if (attribs["title"] !== undefined) kept["title"] = attribs["title"];
  const href = attribs["href"];
  if (href === undefined || !/^(https?:\/\/|mailto:)/i.test(href.trim())) return kept;
  return { ...kept, href: href.trim(), rel: "noopener noreferrer", target: "_blank" };
}

/** The description as HTML that is safe to put into a page. */
export function sanitiseDescription(html: string): string {
  return sanitizeHtml(html, options);
}

/** One thing that `sanitiseDescription` takes away; `line` counts from 1 and is the first line that has it. */
export interface Stripped {
  line: number;
  what: string;
}

/** What would be taken away, for lint: each kind of tag and attribute once, at most 50 of them. */
export function strippedFrom(html: string): Stripped[] {
  const found = new Map<string, Stripped>();
  const note = (what: string, pattern: RegExp): void => {
    if (found.has(what) || found.size >= 50) return;
    const at = html.search(pattern);
    found.set(what, { line: at < 0 ? 1 : html.slice(0, at).split("\n").length, what });
  };
  sanitizeHtml(html, {
    ...options,
    allowedTags: false,
    allowedAttributes: false,
    allowVulnerableTags: true,
    transformTags: {
      "*": (tagName, attribs) => {
        const name = tagName.slice(0, 40);
        if (!allowedTags.includes(name) && !silentTags.has(name))
          note(`<${name}>`, new RegExp(`<${escaped(name)}\\b`, "i"));
        for (const [attribute, value] of Object.entries(attribs)) {
          if (attributeStays(name, attribute, value) || silentTags.has(name)) continue;
          const shown = attribute.slice(0, 40);
          note(`${shown} of <${name}>`, new RegExp(`\\b${escaped(shown)}\\s*=`, "i"));
        }
        return { tagName, attribs: {} };
      },
    },
  });
  return [...found.values()];
}

function attributeStays(tag: string, attribute: string, value: string): boolean {
  if (tag === "a" && attribute === "href") return safeLink({ href: value })["href"] !== undefined;
  if (tag === "a") return ["title", "rel", "target"].includes(attribute);
  if (tag === "td" || tag === "th") return ["colspan", "rowspan"].includes(attribute);
  return tag === "font" && attribute === "color";
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
