/**
 * What the page and its worker say to each other. Everything that reads a registry, hashes,
 * parses or searches happens in the worker; the page draws.
 */

import type {
  Change,
  Credentials,
  Dependencies,
  Descriptor,
  Facet,
  Filters,
  Layout,
  MetadataRecord,
  PackageChange,
  PackageDetails,
  PackageFile,
  PackageRow,
  SignatureState,
  Sort,
  UnverifiedHeader,
} from "ocirepo";

export type {
  Change,
  Credentials,
  Dependencies,
  Descriptor,
  Facet,
  MetadataRecord,
  PackageChange,
  PackageDetails,
  PackageFile,
  PackageRow,
  SignatureState,
  Sort,
  UnverifiedHeader,
};

/** What went wrong, for a person, and what would put it right. */
export interface Problem {
  /** One of the library's kinds of error, or `cancelled`, or `page` for mistakes of our own. */
  kind: string;
  /** What was being done to what, and what came back. */
  message: string;
  /** What to do about it. */
  hint?: string;
  /** What to add to the configuration of a registry, by the program it is for. */
  fix?: { program: string; text: string }[];
  /** The registry that was asked. */
  registry?: string;
}

/** How far something is. */
export interface Progress {
  /** What is counted. */
  unit: "bytes" | "packages" | "tags";
  done: number;
  /** Missing while nobody knows. */
  total?: number;
  /** What is being fetched or read. */
  what: string;
}

/** What a reference leads to. */
export interface Opened {
  /** In its full form. */
  reference: string;
  registry: string;
  name: string;
  tag?: string;
  /** Of the manifest or index; a `tree` has none but that of its repomd.xml. */
  digest: string;
  /** Of the manifest or index; a `tree` has none. */
  mediaType?: string;
  /** What it is as an RPM repository, if it is one. */
  rpm?: Snapshot;
  /** Why it is none, where a person may have expected one. */
  notRpm?: string;
}

/** An RPM repository at one moment. */
export interface Snapshot {
  layout: Layout;
  revision?: string;
  sequence?: number;
  parent?: string;
  /** In Unix seconds. */
  date?: number;
  /** Whether repomd.xml has a signature, good or not. */
  signed: boolean;
  records: MetadataRecord[];
}

/** The list of packages as a whole. */
export interface Overview {
  count: number;
  /** Bytes of all package files. */
  size: number;
  /** Bytes that the table takes in the worker. */
  memory: number;
  arches: Facet[];
  licenses: Facet[];
  sources: (Facet & { installedSize: number; newest: number })[];
}

/** Which packages, in which order. */
export interface Query {
  search: string;
  filters: Filters;
  sort: Sort | undefined;
}

/** What a query found. */
export interface Found {
  /** For `rows`: the number of this result. */
  query: number;
  count: number;
  /** Bytes of the package files found. */
  size: number;
  /** The first of the rows. */
  rows: PackageRow[];
}

/** What a download came to. */
export interface Downloaded {
  size: number;
  digest: string;
  /** The content, where it was not written to a file. */
  blob?: Blob;
}

/** What the manifest of a tag says. */
export interface TagFacts {
  digest: string;
  mediaType: string;
  artifactType?: string;
  layout?: string;
  sequence?: number;
  parent?: string;
  /** In Unix seconds. */
  created?: number;
}

/** How much there is at a tag. */
export interface TagSize {
  tag: string;
  digest: string;
  created?: number;
  packages: number;
  /** Bytes of all package files. */
  size: number;
}

/** All differences between two tags. */
export interface Comparison {
  unchanged: number;
  changes: PackageChange[];
  /** The repositories as they were. */
  from: { count: number; size: number };
  to: { count: number; size: number };
}

/** A manifest or an index, which hashes to its digest. */
export interface ManifestText {
  digest: string;
  mediaType: string;
  size: number;
  kind: "image" | "index" | "other";
  artifactType?: string;
  text: string;
  config?: Descriptor;
  layers: Descriptor[];
  manifests: Descriptor[];
  subject?: Descriptor;
  annotations: Record<string, string>;
}

/** A blob that was read to be looked at, and hashes to its digest. */
export interface Content {
  size: number;
  /** The content, if it is text. */
  text?: string;
}

/** What the page can ask. References are those of `Opened`. */
export interface Methods {
  /** Before anything else: where requests go through, if the page's host has a gateway. */
  configure(settings: { gateway: string | undefined }): void;
  /** Opens the demo repository, whose registry lives in the worker; its reference. */
  demo(): string;
  open(reference: string): Opened;
  packages(reference: string): Overview;
  search(reference: string, query: Query): Found;
  rows(reference: string, query: number, from: number, to: number): PackageRow[];
  /** By NEVRA; `undefined` if there is no such package. With other packages of its name. */
  details(reference: string, nevra: string): { package: PackageDetails; others: PackageRow[] } | undefined;
  /** What a package requires and provides. */
  dependencies(reference: string, id: number): Dependencies;
  providers(reference: string, name: string): PackageRow[];
  requiredBy(reference: string, name: string): PackageRow[];
  files(reference: string, id: number): PackageFile[];
  changes(reference: string, id: number): Change[];
  header(reference: string, id: number): UnverifiedHeader;
  /** The package file, into a file, or else as a blob of 512 MiB at most. */
  download(reference: string, id: number, file: FileSystemFileHandle | undefined): Downloaded;
  /** The same for any blob. */
  save(reference: string, descriptor: Descriptor, file: FileSystemFileHandle | undefined): Downloaded;
  signature(reference: string, keys: Uint8Array[] | undefined): SignatureState;
  /** When each package was built, in Unix seconds. */
  buildTimes(reference: string): Float64Array;
  tags(reference: string): string[];
  tag(reference: string, tag: string): TagFacts;
  tagSize(reference: string, tag: string): TagSize;
  compare(from: string, to: string): Comparison;
  /** The manifest with a digest, or the one the reference leads to. */
  manifest(reference: string, digest: string | undefined): ManifestText;
  content(reference: string, descriptor: Descriptor): Content;
  referrers(reference: string, digest: string): Descriptor[];
  /** Credentials for a registry, or none any more. */
  credentials(registry: string, credentials: Credentials | undefined): void;
}

/** The name of something to ask. */
export type Method = keyof Methods;

/** From the page to the worker. */
export type ToWorker =
  | { id: number; method: Method; arguments: unknown[] }
  | { cancel: number }
  | { answer: number; credentials: Credentials | undefined };

/** From the worker to the page. */
export type ToPage =
  | { id: number; value: unknown }
  | { id: number; problem: Problem }
  | { id: number; progress: Progress }
  | { ask: number; registry: string }
  | { known: string[] };
