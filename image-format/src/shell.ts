// Options as assignments of a shell: every value in single quotes, so that each byte arrives as it was written and none is looked at. Names that the shell or the
// script itself lives by are not set.
import { formatPython } from "./python-text.js";
import type { Options } from "./value.js";

/** Names that no option may set in a script's shell: those of the shell, of the loader, of provision.sh and of common/defs and common/functions. */
export const reservedShellNames: ReadonlySet<string> = new Set(
  `PATH IFS ENV BASH_ENV BASH BASHOPTS BASHPID BASH_ARGC BASH_ARGV BASH_SOURCE BASH_XTRACEFD CDPATH DIRSTACK EUID UID PPID FUNCNAME GLOBIGNORE GROUPS HISTFILE HOME HOSTFILE
  INPUTRC LANG LC_ALL LC_COLLATE LC_CTYPE LC_MESSAGES LC_NUMERIC LD_AUDIT LD_LIBRARY_PATH LD_PRELOAD LINENO MAILPATH NODE_OPTIONS NODE_PATH OLDPWD OPTARG OPTERR OPTIND
  PIPESTATUS POSIXLY_CORRECT PROMPT_COMMAND PS0 PS1 PS2 PS3 PS4 PWD PYTHONPATH RANDOM REPLY SECONDS SHELL SHELLOPTS SHLVL TERM TMOUT TMPDIR
  vm_config param_file store image_name image_conf log_file common_loc image_root custom_loc image_custom_loc
  qt GREP SED DD CP MV MKDIR MKTEMP MKE2FS RMDIR MOUNT UMOUNT TAR UNZIP GUNZIP BUNZIP MKSWAP QEMU_IMG DIRNAME LVM_BASE LVCREATE LVREMOVE LVDISPLAY DD_BLOCK_SIZE`
    .split(/\s+/)
    .filter(Boolean),
);

/** Whether an option is passed to scripts under its own name. */
export function isShellName(name: string): boolean {
  return (
    /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) &&
    !reservedShellNames.has(name) &&
    !name.startsWith("CONVIRT_") &&
    !name.startsWith("_convirt")
  );
}

/**
 * One line `NAME='value'` per option of type text, int, float or list (a list as Python 2 writes it), in their order. `skipped` names those that are not passed:
 * mappings, reserved names, and text with a NUL, which no shell can hold.
 */
export function toShell(options: Options): { text: string; skipped: string[] } {
  const lines: string[] = [];
  const skipped: string[] = [];
  for (const [name, value] of options) {
    const text = formatPython(value);
    if (value instanceof Map || !isShellName(name) || text.includes("\0")) skipped.push(name);
    else lines.push(`${name}='${text.replaceAll("'", "'\\''")}'\n`);
  }
  return { text: lines.join(""), skipped };
}
