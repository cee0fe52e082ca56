/**
 * OCI registries and the RPM repositories in them, from a page, a worker or Node.
 *
 * Everything that is returned was compared with its digest first, but for what the types
 * call unverified. All functions that reach a registry take an `AbortSignal` and reject with
 * an {@link OcirepoError}, or with the signal's reason when they were aborted.
 */

/**
 * Loads the WebAssembly module. Every function that needs it calls this itself; call it to
 * load early, or to say where the module is.
 *
 * @param source URL, response, bytes or module; by default `ocirepo_bg.wasm` beside this file.
 */
export function init(
  source?: string | URL | Response | BufferSource | WebAssembly.Module,
): Promise<void>;

/**
 * Says where the second module is, which checks signatures and is loaded when first needed;
 * by default `extra/ocirepo_extra_bg.wasm` beside this file.
 */
export function initExtra(
  source?: string | URL | Response | BufferSource | WebAssembly.Module,
): Promise<void>;

/** The version of the package. */
export const version: string;

// ---------------------------------------------------------------------------------------
// Errors

/** What went wrong, for a program to compare. */
export type ErrorKind =
  /** What was typed is no reference, digest or option. */
  | "input"
  /** The registry does not have it. */
  | "not-found"
  /** Credentials are missing, wrong or expired. */
  | "unauthorized"
  /** The credentials do not allow it. */
  | "denied"
  /** The registry sends credentials to a token server that nobody trusted. */
  | "untrusted-realm"
  | "rate-limited"
  /** The registry failed. */
  | "unavailable"
  /** No connection, or it broke. */
  | "network"
  /** The browser kept the response from the page, because the registry does not allow it. */
  | "cors"
  /** A header of the response is hidden from the page and cannot be done without. */
  | "hidden-header"
  /** Content does not hash to its digest or has another size. */
  | "corrupt"
  | "too-large"
  | "invalid-response"
  | "redirect"
  | "refused"
  | "unsupported"
  /** It is no RPM repository. */
  | "not-a-repository"
  /** A repository or metadata file contradicts itself or cannot be read. */
  | "malformed"
  /** A manifest or repomd.xml names what is not there. */
  | "incomplete"
  /** Something failed on this side. */
  | "local";

/** How to let a registry be read by pages: what to add to its configuration. */
export interface ServerFix {
  /** For distribution's `config.yml`. */
  distribution: string;
  /** For zot's `config.json`. */
  zot: string;
  /** For the `location /v2/` of an nginx before the registry. */
  nginx: string;
}

export class OcirepoError extends Error {
  readonly name: "OcirepoError";
  readonly kind: ErrorKind;
  /** What to do about it, in a sentence or two; empty when the message says all. */
  readonly hint: string;
  /** For `cors` and `hidden-header`: the configuration that would help. */
  readonly fix?: ServerFix;
  /** For `hidden-header`: the header that the registry must expose, such as `WWW-Authenticate`. */
  readonly header?: string;
  /** The status of the last response, if one came. */
  readonly status?: number;
  /** Where the last request went, without its query. */
  readonly url?: string;
  /** The registry that was asked, `host[:port]`. */
  readonly registry?: string;
}

// ---------------------------------------------------------------------------------------
// Client

export type Credentials =
  | { username: string; password: string }
  /** A token that is sent as it is, `Authorization: Bearer …`. */
  | { token: string }
  /** A refresh token of the registry's token server. */
  | { identityToken: string };

export interface ClientOptions {
  /**
   * Credentials by registry, `host[:port]`. They stay in memory and go to that registry and
   * its token server only.
   */
  credentials?: Record<string, Credentials>;
  /**
   * Asked once when a registry wants credentials that `credentials` has not; `undefined`
   * goes on without.
   */
  onCredentials?: (registry: string) => Credentials | undefined | Promise<Credentials | undefined>;
  /**
   * The base of a gateway on the page's own origin, such as `/gateway/`: the URL
   * `https://HOST/PATH` is asked for as `<gateway>HOST/PATH`.
   */
  gateway?: string;
  /** Token servers on other sites that a registry may send the password to: their URLs. */
  trustedRealms?: Record<string, string[]>;
  /** Requests under way at one registry, 6 by default. */
  concurrency?: number;
  /** What a person may want to know. */
  onEvent?: (event: ClientEvent) => void;
}

export type ClientEvent =
  /** The registry sent a warning, in its own words. */
  | { type: "warning"; registry: string; text: string }
  /** Something failed and is tried again after so many milliseconds. */
  | { type: "retry"; reason: string; waitMs: number }
  /** The host followed a response to another origin. */
  | { type: "redirect"; to: string };

export interface Progress {
  /** `download` counts bytes as they came, `read` counts packages. */
  phase: "download" | "read";
  done: number;
  /** Missing when nobody knows. */
  total?: number;
  /** What is being fetched or read, such as `repodata/primary.xml.gz`. */
  what: string;
}

export interface CallOptions {
  signal?: AbortSignal;
  progress?: (progress: Progress) => void;
}

/** A reference taken apart, as Docker and `oci://` mean it. */
export interface ParsedReference {
  /** In full: `oci://registry.example/me/repo:el9`. */
  location: string;
  /** `host[:port]`. */
  registry: string;
  /** Of the registry's API: `https://registry.example`. */
  origin: string;
  /** `me/repo` */
  name: string;
  tag?: string;
  digest?: string;
}

/**
 * Reads `oci://host/name[:tag|@digest]`, `oci+http://…` or the same without a scheme.
 * The module must be loaded ({@link init}).
 */
export function parseReference(text: string): ParsedReference;

export interface Descriptor {
  mediaType: string;
  digest: string;
  /** In bytes. */
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
  platform?: { architecture: string; os: string; variant?: string; "os.version"?: string };
  urls?: string[];
}

export interface Manifest {
  /** The bytes, as they are hashed. */
  bytes: Uint8Array;
  /** The bytes as text. */
  text: string;
  /** The bytes as JSON. */
  json: unknown;
  digest: string;
  mediaType: string;
  size: number;
  kind: "image" | "index" | "other";
  artifactType?: string;
  config?: Descriptor;
  layers: Descriptor[];
  /** The manifests of an index. */
  manifests: Descriptor[];
  subject?: Descriptor;
  annotations: Record<string, string>;
}

/** Bytes of a blob that no digest covers. */
export interface Unverified {
  readonly verified: false;
  bytes: Uint8Array;
  /** Where they begin in the blob. */
  start: number;
}

export interface Verified {
  readonly verified: true;
  digest: string;
  size: number;
}

/**
 * A blob on its way. Iterate it, or pass it on; either way it fails at its end unless its
 * bytes hash to the digest, so keep what comes out apart until then.
 */
export interface BlobDownload extends AsyncIterable<Uint8Array> {
  readonly digest: string;
  /** Missing when nobody knows. */
  readonly size?: number;
  /** Resolves when the last byte came and the digest is right; rejects otherwise. */
  readonly verdict: Promise<Verified>;
  /**
   * Writes to a stream, such as a file's: closes it when the digest is right, and aborts it
   * otherwise, so that a file that is wrong never appears.
   */
  pipeTo(to: WritableStream<Uint8Array>): Promise<Verified>;
  /** Collects it in memory; refuses more than `limit` bytes, 512 MiB by default. */
  blob(options?: { limit?: number; type?: string }): Promise<Blob>;
  /** Collects it in memory; refuses more than `limit` bytes, 64 MiB by default. */
  bytes(options?: { limit?: number }): Promise<Uint8Array>;
  /** Stops it. */
  cancel(): void;
}

/**
 * A session with registries. References are `oci://host/name[:tag|@digest]`, and without a
 * scheme as docker reads them.
 */
export class Client {
  constructor(options?: ClientOptions);

  /** Gives other credentials for a registry, or takes them away. */
  setCredentials(registry: string, credentials: Credentials | undefined): void;

  /** Asks a registry whether it speaks the protocol, with the credentials there are. */
  ping(registry: string, options?: CallOptions): Promise<void>;

  /** Media type, digest and size of what a tag or digest names. */
  resolve(reference: string, options?: CallOptions): Promise<Descriptor>;

  manifest(reference: string, options?: CallOptions): Promise<Manifest>;

  /** The blob `oci://host/name@digest`; give the size of its descriptor where it is known. */
  blob(reference: string, options?: CallOptions & { size?: number }): BlobDownload;

  /** Bytes `start` up to `end`, which is not one of them, of a blob. */
  range(reference: string, start: number, end: number, options?: CallOptions): Promise<Unverified>;

  /** The tags of a repository in the registry's order, all pages. */
  tags(repository: string, options?: CallOptions): Promise<string[]>;

  /** What refers to a manifest: signatures, SBOMs. */
  referrers(
    reference: string,
    options?: CallOptions & { artifactType?: string },
  ): Promise<Descriptor[]>;

  /** The repositories of a registry, where it offers that. */
  catalog(registry: string, options?: CallOptions): Promise<string[]>;

  /** Opens an RPM repository in any layout, at what its tag or digest names now. */
  open(location: string, options?: CallOptions): Promise<RpmRepository>;

  /** Ends everything under way and frees the memory of the session. */
  close(): void;
}

// ---------------------------------------------------------------------------------------
// RPM repositories

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

  /** Reads the list of packages into a table. */
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
   * what they say. Empty matches all.
   * @param sort By relevance if there is a query and by name otherwise, if it is left out.
   */
  search(query: string, filters?: Filters, sort?: Sort): Uint32Array;

  rows(ids: ArrayLike<number>): PackageRow[];

  details(id: number): PackageDetails;

  /** Ids of the packages that provide a name, file or capability. */
  providers(name: string): Uint32Array;
  /** Ids of the packages that require a name, file or capability. */
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
