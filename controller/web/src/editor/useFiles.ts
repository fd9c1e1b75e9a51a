// The texts under edit: as they were read, and as they are now; and the controller's judgement of the image as it would be, a moment after the last key.
import type { DraftReply } from "@convirt/contract/image";
import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { call } from "../api/client";
import type { OptionValue } from "../parts/values";

const settleMs = 350;

export interface EditedFile {
  saved: string;
  /** Of the file as it was read; a save over somebody else's is refused. */
  sha256: string;
  text: string;
}

export interface Files {
  /** The open file's; undefined until it is read. */
  text: string | undefined;
  all: ReadonlyMap<string, EditedFile>;
  changed: string[];
  draft: DraftReply | undefined;
  error: Error | null;
  edit(text: string): void;
  /** Undefined takes the option out of the file. */
  setOption(name: string, value: OptionValue | undefined): void;
  /** To be called when a file is saved. */
  saved(path: string, sha256: string): void;
  /** The file as it is now takes the place of what was read; the text under edit stays. */
  basedOn(file: { path: string; text: string; sha256: string }): void;
}

export function useFiles(image: string, path: string): Files {
  const [all, setAll] = useState<ReadonlyMap<string, EditedFile>>(new Map());
  const [draft, setDraft] = useState<DraftReply>();
  const [fault, setFault] = useState<Error | null>(null);
  const read = useQuery({
    queryKey: ["file", image, path],
    queryFn: ({ signal }) => call("GET /images/:name/files/*path", { params: { name: image, path }, signal }),
    staleTime: 0,
    gcTime: 0,
    enabled: !all.has(path),
  });
  const { data } = read;
  useEffect(() => {
    if (data === undefined) return;
    setAll((before) =>
      before.has(data.path)
        ? before
        : new Map(before).set(data.path, { saved: data.text, sha256: data.sha256, text: data.text }),
    );
  }, [data]);
  const changed = [...all].filter(([, { saved, text }]) => saved !== text).map(([each]) => each);
  const texts = JSON.stringify(Object.fromEntries(changed.map((each) => [each, all.get(each)?.text ?? ""])));
  useEffect(() => {
    const stop = new AbortController();
    const judge = () =>
      call("POST /images/:name/draft", {
        params: { name: image },
        body: { files: JSON.parse(texts) as Record<string, string> },
        signal: stop.signal,
      }).then(
        (reply) => {
          setDraft(reply);
          setFault(null);
        },
        (error: Error) => {
          if (!stop.signal.aborted) setFault(error);
        },
      );
    const timer = setTimeout(() => void judge(), settleMs);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [texts, image]);
  const put = useCallback(
    (file: string, text: string) =>
      setAll((before) => {
        const known = before.get(file);
        return known === undefined || known.text === text ? before : new Map(before).set(file, { ...known, text });
      }),
    [],
  );
  const setOption = (name: string, value: OptionValue | undefined) => {
    const edit = value === undefined ? { unset: [name] } : { set: { [name]: value as never } };
    const body = {
      files: JSON.parse(texts) as Record<string, string>,
      ...(path === "image.conf" ? { imageConf: edit } : { vmConf: edit }),
    };
    call("POST /images/:name/draft", { params: { name: image }, body }).then(
      (reply) => {
        for (const [file, text] of Object.entries(reply.rewritten)) put(file, text);
        setDraft(reply);
        setFault(null);
      },
      (error: Error) => setFault(error),
    );
  };
  return {
    text: all.get(path)?.text,
    all,
    changed,
    draft,
    error: fault ?? read.error,
    edit: (text) => put(path, text),
    setOption,
    saved: (file, sha256) =>
      setAll((before) => {
        const known = before.get(file);
        return known === undefined
          ? before
          : new Map(before).set(file, { saved: known.text, sha256, text: known.text });
      }),
    basedOn: ({ path: file, text, sha256 }) =>
      setAll((before) => {
        const known = before.get(file);
        return known === undefined ? before : new Map(before).set(file, { ...known, saved: text, sha256 });
      }),
  };
}
