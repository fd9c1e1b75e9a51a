import type { DryRunReply } from "@convirt/contract/job";
import { useState } from "react";
import { Diff } from "../parts/Diff";
import { CodeLink } from "../parts/ErrorCode";
import { Status } from "../parts/Status";
import { bytesOf } from "../parts/sizes";
import { count } from "../parts/words";
import type { Draft } from "./draft";

interface Props {
  draft: Draft;
  names: readonly string[];
  reply: DryRunReply;
}

export function PreviewTabs({ draft, names, reply }: Props) {
  const [open, setOpen] = useState(0);
  const tabs = ["What will happen", ...reply.files.map(({ path }) => path.slice(path.lastIndexOf("/") + 1))];
  const file = reply.files[open - 1];
  return (
    <div className="cv-preview">
      <p>
        {reply.accepted ? (
          <Status tone="good">{draft.host} can take it</Status>
        ) : (
          <Status tone="bad">
            {draft.host} refuses it, for {count(reply.refusals.length, "reason")}
          </Status>
        )}
      </p>
      <div role="tablist" aria-label="The preview" className="cv-small-tabs">
        {tabs.map((title, index) => (
          <button key={title} type="button" role="tab" aria-selected={index === open} onClick={() => setOpen(index)}>
            {title}
          </button>
        ))}
      </div>
      {file === undefined ? (
        <WhatHappens draft={draft} names={names} reply={reply} />
      ) : (
        <>
          <p className="cv-quiet">
            <code>{file.path}</code> on {draft.host}
            {file.diff === "" ? "" : "; what is marked differs from the image's template"}
          </p>
          <Diff text={file.text} unified={file.diff} />
        </>
      )}
    </div>
  );
}

function WhatHappens({ draft, names, reply }: Props) {
  const several = names.length > 1 ? ` (${names.length} times)` : "";
  return (
    <>
      {reply.refusals.length > 0 && (
        <ul className="cv-findings">
          {reply.refusals.map(({ code, message }) => (
            <li key={code + message}>
              <Status tone="bad">{message}</Status> <CodeLink code={code} />
            </li>
          ))}
        </ul>
      )}
      <ol className="cv-happens">
        <li>
          {reply.bytesToStage === 0
            ? `${draft.host} has all files of the image already`
            : `Sends ${bytesOf(reply.bytesToStage)} to ${draft.host}`}
        </li>
        <li>
          Runs <code>provision.sh</code> of {draft.image} as root on {draft.host}
          {several}
          {draft.replaceDisks ? "; disks that are there are overwritten" : "; a disk that is there already is refused"}
        </li>
        <li>Looks whether every disk, kernel and ramdisk of the configuration is there</li>
        {draft.start ? (
          <li>Starts {names.length === 1 ? names[0] : "each VM"} and sees it running</li>
        ) : (
          <li>Leaves it off</li>
        )}
      </ol>
      {reply.diagnostics.length > 0 && (
        <ul className="cv-findings">
          {reply.diagnostics.map(({ file, line, message }) => (
            <li key={`${file} ${line} ${message}`}>
              <Status tone="look">
                {file}:{line} {message}
              </Status>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
