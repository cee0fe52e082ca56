/** RPM repositories and their packages; everything here is exported by `ocirepo.d.ts`. */

import type { BlobDownload, CallOptions, Manifest } from "./ocirepo.js";

export type Layout = "tree" | "files" | "index" | "native";

/** A metadata file as repomd.xml lists it. */
export interface MetadataRecord {
  /** `primary`, `filelists`, `updateinfo`, … */
  type: string;
  path: string;
  checksum: string;
  size?: number;
  openSize?: number;
  timestamp?: number;
}

/** One snapshot of an RPM repository: what is asked later is of the same snapshot. */
export interface RpmRepository {
  readonly location: string;
  readonly layout: Layout;
  /** Of the manifest at its root; of repomd.xml in `tree`, which has none. */
  readonly digest: string;
  /** The manifest at its root; `tree` has none. */
  readonly root?: Manifest;
  /** When it was made, in Unix seconds. */
  readonly date?: number;
  readonly revision?: string;
  /** Its number in the line of snapshots. */
  readonly sequence?: number;
  /** The digest of the snapshot before it. */
  readonly parent?: string;
  readonly records: MetadataRecord[];
  readonly repomd: Uint8Array;
  /** Whether repomd.xml has a signature beside it. Not that it is good. */
  readonly signed: boolean;

  /**
   * Reads the list of packages into a table. What they require and provide is most of the list, and
   * is left for {@link PackageTable.readDependencies}.
   */
  packages(options?: CallOptions): Promise<PackageTable>;

  /** Files that are neither packages nor metadata, such as keys. After {@link packages}. */
  files(options?: CallOptions): Promise<{ path: string; digest: string; size: number }[]>;

  /** A file of the repository by its path: a package, metadata, a key. */
  file(path: string, options?: CallOptions): Promise<BlobDownload>;

  /**
   * Checks the signature of repomd.xml. Without keys, those that are in the repository are
   * taken, which proves that it is undamaged and not who made it.
   */
  signature(options?: CallOptions & { keys?: Uint8Array[] }): Promise<SignatureState>;

  close(): void;
}

export interface SignatureState {
  /** `unchecked`: signed, and there is no key to check it by. */
  state: "unsigned" | "good" | "bad" | "unchecked";
  /** Where the keys came from. */
  keys: { source: "given" | "repository"; path?: string; fingerprints: string[] }[];
  signatures: {
    good: boolean;
    /** The fingerprint or key id that the signature names. */
    issuer?: string;
    /** Of a good signature: the key, and whom it says it belongs to. */
    fingerprint?: string;
    userId?: string;
    /** Why it does not count. */
    reason?: string;
  }[];
}

/** A row of a table. */
export interface PackageRow {
  /** Its place in the table, which does not change. */
  id: number;
  name: string;
  epoch: number;
  version: string;
  release: string;
  arch: string;
  /** `[epoch:]version-release` */
  evr: string;
  nevra: string;
  summary: string;
  /** Of the file, in bytes. */
  size: number;
  installedSize: number;
  /** In Unix seconds. */
  buildTime: number;
  license: string;
  /** The name of the source package. */
  source: string;
  /** The path of the file. */
  location: string;
  /** `sha256:…`, of the file; a digest when it is of type sha256. */
  checksum: string;
}

export interface Dependency {
  name: string;
  comparison?: "<" | "<=" | "=" | ">=" | ">";
  evr?: string;
  /** As a spec file has it: `glibc >= 2.34`. */
  text: string;
  /** Needed before installation. */
  pre: boolean;
  /** Of requirements: the packages of this repository that provide it, up to 20. */
  providers: { id: number; nevra: string }[];
}

export interface PackageDetails extends PackageRow {
  description: string;
  /** As written: hostile input, perhaps no URL. */
  url: string;
  /** The URL if it is one of http or https. */
  homepage?: string;
  vendor: string;
  packager: string;
  group: string;
  buildHost: string;
  /** The file name of the source package. */
  sourceRpm: string;
  fileTime: number;
  archiveSize: number;
  /** Where the header is in the file. */
  headerRange?: [number, number];
}

/** What a package requires and provides. */
export interface Dependencies {
  provides: Dependency[];
  requires: Dependency[];
  conflicts: Dependency[];
  obsoletes: Dependency[];
  recommends: Dependency[];
  suggests: Dependency[];
  supplements: Dependency[];
  enhances: Dependency[];
}

export interface PackageFile {
  path: string;
  kind: "file" | "dir" | "ghost";
}

export interface Change {
  author: string;
  /** In Unix seconds. */
  date: number;
  text: string;
}

/** What the header of a package file says, read without the rest of it. */
export interface UnverifiedHeader {
  readonly verified: false;
  nevra: string;
  /** How many bytes were read. */
  bytesRead: number;
  details: Omit<PackageDetails, keyof PackageRow> & { summary: string; license: string };
  dependencies: Dependencies;
  files: (PackageFile & { checksum?: string })[];
  changes: Change[];
  /** What differs from the list of packages: names of fields. */
  differs: string[];
}

export type SortKey = "relevance" | "name" | "size" | "installedSize" | "buildTime" | "source" | "arch" | "license";

export interface Filters {
  /** Any of these. */
  arch?: string[];
  source?: string[];
  license?: string[];
  /** Bytes of the file, both included. */
  minSize?: number;
  maxSize?: number;
  /** Build time in Unix seconds, both included. */
  since?: number;
  until?: number;
  /** Only the newest version of each name and architecture. */
  latest?: boolean;
}

export interface Sort {
  by: SortKey;
  descending?: boolean;
}

/** How many packages have a value, the most frequent first. */
export interface Facet {
  value: string;
  count: number;
  /** Of their files, in bytes. */
  size: number;
}

export type NumberColumn = "size" | "installedSize" | "buildTime";

export interface PackageChange {
  change: "added" | "removed" | "upgraded" | "downgraded" | "rebuilt";
  name: string;
  arch: string;
  old?: { nevra: string; evr: string; checksum: string; size: number; buildTime: number };
  new?: { nevra: string; evr: string; checksum: string; size: number; buildTime: number };
}

/**
 * The packages of a repository in columns. Ids are places in it, from 0. The methods without
 * a promise take some milliseconds for 80,000 packages.
 */
export interface PackageTable {
  readonly length: number;
  /** Bytes that it takes. */
  readonly memory: number;

  /**
   * The ids of the packages that match, in order.
   *
   * @param query Words that must all be in the name or summary, in any case; a word with
   * `*` or `?` is compared with the whole name, `provides:x`, `file:/x` and `name:x` with
   * what they say. Empty matches all. The words `provides:`, `requires:` and `file:` are an error
   * before {@link readDependencies}.
   * @param sort By relevance if there is a query and by name otherwise, if it is left out.
   */
  search(query: string, filters?: Filters, sort?: Sort): Uint32Array;

  rows(ids: ArrayLike<number>): PackageRow[];

  details(id: number): PackageDetails;

  /** Whether {@link readDependencies} was done. */
  readonly hasDependencies: boolean;
  /**
   * Reads what the packages require and provide, from the list as it was pulled. It takes longer
   * than the table itself; others have their turn every few milliseconds.
   */
  readDependencies(options?: CallOptions): Promise<void>;
  /** After {@link readDependencies}. */
  dependencies(id: number): Dependencies;
  /** Ids of the packages that provide a name, file or capability. After {@link readDependencies}. */
  providers(name: string): Uint32Array;
  /** Ids of the packages that require a name, file or capability. After {@link readDependencies}. */
  requiredBy(name: string): Uint32Array;
  /** The id of the package with that NEVRA or checksum or path, or `undefined`. */
  find(text: string): number | undefined;

  arches(): Facet[];
  licenses(): Facet[];
  /** By source package, the largest first. */
  sources(): (Facet & { installedSize: number; newest: number })[];
  /** One number for each package, by id. */
  column(name: NumberColumn): Float64Array;

  /** The files of a package; reads `filelists` when first called. */
  files(id: number, options?: CallOptions): Promise<PackageFile[]>;
  /** The change log of a package, the newest first; reads `other` when first called. */
  changes(id: number, options?: CallOptions): Promise<Change[]>;
  /** The header of a package file, by a ranged request. */
  header(id: number, options?: CallOptions): Promise<UnverifiedHeader>;
  /** The package file, verified as it comes. */
  download(id: number, options?: CallOptions): Promise<BlobDownload>;

  /** What changed from this table to another; {@link diff}. */
  diff(to: PackageTable): { changes: PackageChange[]; unchanged: number };

  /** Frees its memory. */
  free(): void;
}

/** What changed between the packages of two tables. */
export function diff(
  old: PackageTable,
  current: PackageTable,
): { changes: PackageChange[]; unchanged: number };
