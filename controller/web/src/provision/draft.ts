// What has been filled in, kept in the browser's session storage from one key press to the next. Values of secret options are not kept there.
import type { OptionView } from "@convirt/contract/image";
import type { ProvisionBody } from "@convirt/contract/job";
import { useCallback, useState } from "react";
import type { OptionValue } from "../parts/values";

export interface Draft {
  image: string;
  host: string;
  /** For several VMs `{n}` stands for the number. */
  name: string;
  count: number;
  start: boolean;
  replaceDisks: boolean;
  cleanOnFailure: boolean;
  reason: string;
  /** By "file name". */
  values: Record<string, OptionValue>;
  /** Values of secret options, the same way: they are kept in this page alone. */
  secrets: Record<string, OptionValue>;
}

const empty: Draft = {
  image: "",
  host: "",
  name: "",
  count: 1,
  start: true,
  replaceDisks: false,
  cleanOnFailure: false,
  reason: "",
  values: {},
  secrets: {},
};
const key = "convirt-provision";

export type ChangeDraft = (change: Partial<Draft>) => void;

export function useDraft(): [Draft, ChangeDraft] {
  const [draft, setDraft] = useState<Draft>(() => ({ ...empty, ...stored() }));
  const change = useCallback((part: Partial<Draft>) => {
    setDraft((before) => {
      const next = { ...before, ...part };
      sessionStorage.setItem(key, JSON.stringify({ ...next, secrets: {} }));
      return next;
    });
  }, []);
  return [draft, change];
}

export function forgetDraft(): void {
  sessionStorage.removeItem(key);
}

function stored(): Partial<Draft> {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "{}") as Partial<Draft>;
  } catch {
    // Written by another version, or by hand.
    return {};
  }
}

/** The names of the VMs that are asked for. */
export function namesOf({ name, count }: Draft): string[] {
  if (count <= 1) return [name.trim()];
  const pattern = name.includes("{n}") ? name.trim() : `${name.trim()}-{n}`;
  return Array.from({ length: count }, (_, index) => pattern.replaceAll("{n}", String(index + 1)));
}

/** The request for one of them; values that an image no longer has are left out. */
export function requestOf(
  { secrets, values: plain, ...draft }: Draft,
  options: readonly OptionView[],
): (vm: string) => ProvisionBody {
  const values = { ...plain, ...secrets };
  const given = (file: OptionView["file"]) =>
    Object.fromEntries(
      options
        .filter((option) => option.file === file && `${file} ${option.name}` in values)
        .map(({ name }) => [name, values[`${file} ${name}`]]),
    ) as ProvisionBody["imageConf"];
  return (vm) => ({
    image: draft.image,
    host: draft.host,
    vm,
    imageConf: given("image.conf"),
    vmConf: given("vm_conf.template"),
    start: draft.start,
    replaceDisks: draft.replaceDisks,
    cleanOnFailure: draft.cleanOnFailure,
    ...(draft.reason.trim() === "" ? {} : { reason: draft.reason.trim() }),
  });
}
