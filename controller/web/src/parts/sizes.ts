const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** "14 KiB", "1.5 GiB": three figures, binary units. */
export function bytesOf(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

export function mibOf(mib: number): string {
  return bytesOf(mib * 1024 * 1024);
}
