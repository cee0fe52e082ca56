/** What tags are for, as their names tell. */

/** Tags by what they are for. */
export interface TagKinds {
  /** Those people use. */
  moving: string[];
  /** `el9-s12-0123456789ab`: the snapshots of `el9`, the newest first. */
  snapshots: string[];
  /**
   * What keeps content and signatures (`c-…`, `p-…`, `sha256-…`), and the marks of when a
   * snapshot was superseded (`el9-s12-0123456789ab-u1795534254`).
   */
  content: string[];
}

const SNAPSHOT = /^(.+)-s(\d+)-[0-9a-f]{12}$/;
const CONTENT = /^(?:[cp]-[0-9a-f]{64}|sha256-[0-9a-f]{64}(?:\..+)?|.+-s\d+-[0-9a-f]{12}-u\d+)$/;

/** Sorts tags by what they are for. */
export function kindsOf(tags: readonly string[]): TagKinds {
  const kinds: TagKinds = { moving: [], snapshots: [], content: [] };
  for (const tag of tags) {
    if (CONTENT.test(tag)) kinds.content.push(tag);
    else if (SNAPSHOT.test(tag)) kinds.snapshots.push(tag);
    else kinds.moving.push(tag);
  }
  kinds.snapshots.sort((a, b) => numberOf(b) - numberOf(a) || (a < b ? -1 : 1));
  return kinds;
}

/** The snapshots of one moving tag, the newest first. */
export function snapshotsOf(tags: readonly string[], tag: string): string[] {
  return kindsOf(tags).snapshots.filter((snapshot) => SNAPSHOT.exec(snapshot)?.[1] === tag);
}

function numberOf(tag: string): number {
  return Number(SNAPSHOT.exec(tag)?.[2] ?? 0);
}
