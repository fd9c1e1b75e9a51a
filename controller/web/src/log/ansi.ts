// Terminal colours of a line, as pieces of plain text with a class each. Every other sequence (cursor, titles, links, clipboard) is dropped: a log can colour
// itself and do nothing else.
export interface Piece {
  text: string;
  /** Classes; empty for plain text. */
  look: string;
}

const escapeCharacter = "\u001b";
/** CSI, OSC and string sequences up to their end, and two-character escapes. */
const sequences = new RegExp(
  [
    "\\u001b\\[([0-9;:?<=>!]*)[ -/]*([@-~])",
    "\\u001b[\\]PX^_][^\\u0007\\u001b]*(?:\\u0007|\\u001b\\\\)?",
    "\\u001b[ -/]*[0-~]?",
  ].join("|"),
  "g",
);
/** Control characters but the tab, and those that turn text around or break a line unseen. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about.
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const names = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

interface Look {
  colour: string;
  bold: boolean;
  faint: boolean;
}

export function piecesOf(line: string): Piece[] {
  if (!line.includes(escapeCharacter)) return [{ text: visible(line), look: "" }];
  const pieces: Piece[] = [];
  const look: Look = { colour: "", bold: false, faint: false };
  let from = 0;
  const push = (text: string) => {
    if (text === "") return;
    const classes = [
      look.colour && `cv-ansi-${look.colour}`,
      look.bold && "cv-ansi-bold",
      look.faint && "cv-ansi-faint",
    ];
    pieces.push({ text: visible(text), look: classes.filter(Boolean).join(" ") });
  };
  for (const match of line.matchAll(sequences)) {
    push(line.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] === "m") paint(look, match[1] ?? "");
  }
  push(line.slice(from));
  return pieces;
}

function paint(look: Look, codes: string): void {
  const numbers = codes.split(/[;:]/).map(Number);
  for (let at = 0; at < numbers.length; at++) {
    const code = numbers[at] ?? 0;
    if (code === 0) Object.assign(look, { colour: "", bold: false, faint: false });
    else if (code === 1) look.bold = true;
    else if (code === 2) look.faint = true;
    else if (code === 22) Object.assign(look, { bold: false, faint: false });
    else if (code === 39) look.colour = "";
    else if (code >= 30 && code <= 37) look.colour = names[code - 30] ?? "";
    else if (code >= 90 && code <= 97) look.colour = names[code - 90] ?? "";
    // Of 256 and of true colours the first eight are known; the parameters of the others are skipped.
    else if (code === 38 || code === 48) {
      if (code === 38 && numbers[at + 1] === 5) look.colour = names[(numbers[at + 2] ?? 99) % 8] ?? "";
      at += numbers[at + 1] === 2 ? 4 : 2;
    }
  }
}

/** Control characters are shown as what they are, and turn no text around. */
export function visible(text: string): string {
  return text.replace(controls, (character) => {
    const code = character.charCodeAt(0);
    return code < 32 ? String.fromCharCode(0x2400 + code) : code === 127 ? "\u2421" : "\ufffd";
  });
}
