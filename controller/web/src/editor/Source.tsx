import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { html } from "@codemirror/lang-html";
import { python } from "@codemirror/lang-python";
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { shell } from "@codemirror/legacy-modes/mode/shell";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import type { DiagnosticView } from "@convirt/contract/image";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";

interface Props {
  path: string;
  text: string;
  /** To be gone to, when it is more than 0. */
  line: number;
  diagnostics: readonly DiagnosticView[];
  onChange: (text: string) => void;
  onSave: () => void;
}

/** Colours are the page's own, so that dark is the same editor. */
const look = HighlightStyle.define([
  { tag: tags.comment, class: "cv-code-comment" },
  { tag: [tags.string, tags.special(tags.string), tags.attributeValue], class: "cv-code-string" },
  { tag: [tags.number, tags.bool, tags.null], class: "cv-code-number" },
  { tag: [tags.keyword, tags.tagName, tags.controlKeyword], class: "cv-code-keyword" },
  { tag: [tags.definition(tags.variableName), tags.attributeName], class: "cv-code-name" },
]);

export function Source({ path, text, line, diagnostics, onChange, onSave }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const handlers = useRef({ onChange, onSave });
  handlers.current = { onChange, onSave };
  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once for each file; later texts are brought by the next effect.
  useEffect(() => {
    if (place.current === null) return;
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({ doc: text, extensions: extensionsFor(path, handlers) }),
    });
    view.current = made;
    return () => made.destroy();
  }, [path]);
  useEffect(() => {
    const { current } = view;
    if (current === null) return;
    const standing = current.state.doc.toString();
    if (standing === text) return;
    // Only the part that differs, so that the cursor and the way back stay.
    let from = 0;
    while (from < text.length && text[from] === standing[from]) from++;
    let end = 0;
    while (end < Math.min(text.length, standing.length) - from && text.at(-1 - end) === standing.at(-1 - end)) end++;
    current.dispatch({ changes: { from, to: standing.length - end, insert: text.slice(from, text.length - end) } });
  }, [text]);
  useEffect(() => {
    const { current } = view;
    if (current !== null)
      current.dispatch(
        setDiagnostics(
          current.state,
          diagnostics.map((found) => markOf(current.state, found)),
        ),
      );
  }, [diagnostics]);
  useEffect(() => {
    const { current } = view;
    if (current === null || line < 1 || line > current.state.doc.lines) return;
    const { from } = current.state.doc.line(line);
    current.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
    current.focus();
  }, [line]);
  return <div className="cv-source" ref={place} />;
}

function extensionsFor(path: string, handlers: { current: Pick<Props, "onChange" | "onSave"> }): Extension[] {
  const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
  const save = {
    key: "Mod-s",
    preventDefault: true,
    run: () => {
      handlers.current.onSave();
      return true;
    },
  };
  return [
    EditorView.cspNonce.of(nonce),
    lineNumbers(),
    history(),
    drawSelection(),
    highlightActiveLine(),
    highlightSelectionMatches(),
    lintGutter(),
    syntaxHighlighting(look),
    languageOf(path),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": `Source of ${path}` }),
    // Escape and then Tab leaves the editor; a Tab alone indents.
    keymap.of([save, ...defaultKeymap, ...historyKeymap, ...searchKeymap, indentWithTab]),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) handlers.current.onChange(update.state.doc.toString());
    }),
  ];
}

function languageOf(path: string): Extension {
  if (/\.html?$/.test(path)) return html();
  return /\.(conf|template)$/.test(path) ? python() : StreamLanguage.define(shell);
}

function markOf(state: EditorState, { line, column, severity, message, advice, code }: DiagnosticView): Diagnostic {
  const at = state.doc.line(Math.max(1, Math.min(state.doc.lines, line)));
  const from = Math.min(at.to, at.from + Math.max(0, column - 1));
  return { from, to: at.to, severity, message: `${message}\n${advice}`, source: code };
}
