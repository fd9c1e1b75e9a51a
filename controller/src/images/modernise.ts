// Recognises the one provision.sh that ConVirt put into every image it shipped, by what it does: takes the six flags, gets the store's
// functions, reads both configurations through source_python_config and makes the disks. A script that does anything else is its author's.

const features: readonly RegExp[] = [
  /^\s*while\s+getopts\s+["']?:?(?:[a-z]:){6}["']?/m,
  /^\s*(?:source|\.)\s+["']?\$(?:\{?store\}?|\{?[a-zA-Z_]+\}?)\/common\/(?:functions|defs)["']?/m,
  /\bsource_python_config\b.*image_conf/,
  /\bcreate_(?:disk|disks|file|image)\w*|\bdisk_number\b|\$\{?\w*_disk_type\b|_disk_create\b|<<\s*-?\s*["']?EOF\b/,
];

const flags = ["x", "p", "s", "i", "l", "c"];

/** Whether `script` is ConVirt's own generic provision.sh, whatever its comments and its spacing. */
export function isGenericScript(script: string): boolean {
  const code = script.replace(/\r\n/g, "\n").replace(/^\s*#.*$/gm, "");
  const options = /getopts\s+["']?:?([a-z:]+)/.exec(code)?.[1] ?? "";
  return flags.every((flag) => options.includes(`${flag}:`)) && features.every((feature) => feature.test(code));
}
