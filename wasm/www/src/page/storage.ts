/** What stays in the browser between visits: addresses and the theme. Never credentials. */

const RECENT = "ocirepo.recent";
const MOST = 12;

/** References opened before, the last first. */
export function recents(): string[] {
  try {
    const value: unknown = JSON.parse(read(RECENT) ?? "[]");
    return Array.isArray(value) ? value.filter((one) => typeof one === "string").slice(0, MOST) : [];
  } catch {
    return [];
  }
}

/** Puts a reference first. */
export function remember(reference: string): string[] {
  const list = [reference, ...recents().filter((one) => one !== reference)].slice(0, MOST);
  write(RECENT, JSON.stringify(list));
  return list;
}

/** Removes one, or all. */
export function forget(reference?: string): string[] {
  const list = reference === undefined ? [] : recents().filter((one) => one !== reference);
  write(RECENT, JSON.stringify(list));
  return list;
}

/** One of some words. */
export function stored<T extends string>(name: string, words: readonly T[], otherwise: T): T {
  const value = read(`ocirepo.${name}`);
  return words.find((word) => word === value) ?? otherwise;
}

/** Keeps a word. */
export function store(name: string, value: string): void {
  write(`ocirepo.${name}`, value);
}

// Where storage is forbidden, nothing is remembered and everything else works.
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Full or forbidden.
  }
}
