import { describe, expect, test } from "vitest";
import { sanitiseDescription, strippedFrom } from "./description.js";

const attacks = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg onload=alert(1)><animate onbegin=alert(1)></svg>",
  "<svg><script>alert(1)</script></svg>",
  "<a href='javascript:alert(1)'>x</a>",
  "<a href='JaVaScRiPt:alert(1)'>x</a>",
  "<a href='java\nscript:alert(1)'>x</a>",
  "<a href='&#106;avascript:alert(1)'>x</a>",
  "<a href=' javascript:alert(1)'>x</a>",
  "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
  "<a href='vbscript:x'>x</a>",
  "<a href='//evil.example/x'>x</a>",
  "<p style='background:url(javascript:alert(1))'>x</p>",
  "<p onclick=alert(1)>x</p>",
  "<p/onclick=alert(1)>x</p>",
  "<b onmouseover=alert(1)>x</b>",
  "<iframe src=javascript:alert(1)></iframe>",
  "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
  "<object data=x></object><embed src=x>",
  "<form action=x><input><button formaction=javascript:alert(1)>x</button></form>",
  "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
  "<style>@import 'javascript:alert(1)';</style>",
  "<link rel=stylesheet href=x>",
  "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
  "<base href='javascript:alert(1)//'>",
  "<scr<script>ipt>alert(1)</scr</script>ipt>",
  "<<script>alert(1)//<</script>",
  "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
  "<!--><img src=x onerror=alert(1)>-->",
  "<textarea><img title='</textarea><img src=x onerror=alert(1)>'>",
  "<font color='red\" onclick=\"alert(1)'>x</font>",
  "<xmp><img src=x onerror=alert(1)></xmp>",
  "<template><script>alert(1)</script></template>",
  "<video><source onerror=alert(1)></video>",
  "<details open ontoggle=alert(1)>",
];

describe("sanitiseDescription()", () => {
  test.each(attacks)("leaves nothing that runs of %s", (html) => {
    const safe = sanitiseDescription(html);
    expect(safe).not.toMatch(
      /<\s*\/?(script|img|svg|iframe|object|embed|form|input|button|math|style|link|meta|base|video|template|noscript|textarea|details)/i,
    );
    for (const tag of safe.match(/<[^>]*>/g) ?? [])
      expect(tag.replace(/"[^"]*"/g, "")).not.toMatch(/\son\w+|style|javascript:|data:|vbscript:/i);
    expect(safe).not.toMatch(/href="(?!https?:\/\/|mailto:)/i);
    expect(sanitiseDescription(safe)).toBe(safe);
  });

  test("keeps the markup that images use, with links that cannot reach back", () => {
    const html = '<h2>A</h2><p>b <b>c</b> <tt>d</tt></p><ul><li>e</li></ul><a href="https://x.example/">f</a>';
    expect(sanitiseDescription(html)).toBe(
      '<h2>A</h2><p>b <b>c</b> <tt>d</tt></p><ul><li>e</li></ul><a href="https://x.example/" rel="noopener noreferrer" target="_blank">f</a>',
    );
  });
});

describe("strippedFrom()", () => {
  test("names what goes, with its line, and nothing of what stays", () => {
    expect(strippedFrom("<html><body><p>a</p>\n<script>x</script>\n<p onclick='x'>b</p></body></html>")).toEqual([
      { line: 2, what: "<script>" },
      { line: 3, what: "onclick of <p>" },
    ]);
    expect(strippedFrom('<a href="https://x.example/">f</a> <b>x</b>')).toEqual([]);
    expect(strippedFrom('<a href="javascript:x">f</a>')).toEqual([{ line: 1, what: "href of <a>" }]);
  });

  test("is bounded for any input", () => {
    expect(strippedFrom(Array.from({ length: 500 }, (_, i) => `<tag${i}>`).join("")).length).toBe(50);
  });
});
