/** Numbers, sizes and dates for people. The language is English, like everything on the page. */

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** A size in bytes with three digits at most: `999 B`, `1.23 kB`, `45.6 MB`. Units of 1000. */
export function formatSize(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return "–";
  let value = bytes;
  let unit = 0;
  while (unit < UNITS.length - 1 && value >= 999.5) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** A size as a person types it: `10M`, `1.5 GB`, `2048`. `undefined` if it is none. */
export function parseSize(text: string): number | undefined {
  const parts = /^\s*(\d+(?:[.,]\d+)?)\s*([kmgt]?)b?\s*$/i.exec(text);
  if (!parts) return undefined;
  const [, number, unit] = parts;
  const power = ["", "k", "m", "g", "t"].indexOf((unit ?? "").toLowerCase());
  return Math.round(Number((number as string).replace(",", ".")) * 1000 ** power);
}

const COUNT = new Intl.NumberFormat("en");

/** A count: `80,000`. */
export function formatCount(count: number): string {
  return COUNT.format(count);
}

/** A count with its noun: `1 package`, `2 packages`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A day in UTC: `2023-11-14`; a dash for 0, which is how rpm-md says that it is not known. */
export function formatDay(seconds: number): string {
  if (!(seconds > 0) || seconds > 253_402_300_799) return "–";
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

/** A moment in UTC: `2023-11-14 22:13:20 UTC`. */
export function formatMoment(seconds: number): string {
  if (!(seconds > 0) || seconds > 253_402_300_799) return "–";
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Seconds since 1970 at the beginning of a day in UTC; `undefined` for what is no day. */
export function parseDay(day: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined;
  const time = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(time) ? undefined : time / 1000;
}

/** Seconds since 1970 of an RFC 3339 date. */
export function parseMoment(text: string): number | undefined {
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000);
}

/** How long ago, in the largest unit that fits: `3 months ago`. */
export function formatAge(seconds: number, now: number): string {
  const age = now - seconds;
  if (!(seconds > 0)) return "–";
  if (age < 60) return "just now";
  for (const [unit, length] of AGES) {
    if (age >= length) return `${plural(Math.floor(age / length), unit)} ago`;
  }
  return "just now";
}

const AGES: readonly [string, number][] = [
  ["year", 31_556_952],
  ["month", 2_629_746],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** A digest short enough for a table: `sha256:4e9416efcf77…`. */
export function shortDigest(digest: string): string {
  const colon = digest.indexOf(":");
  return digest.length - colon > 14 ? `${digest.slice(0, colon + 13)}…` : digest;
}
