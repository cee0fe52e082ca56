/**
 * OCI registries and the RPM repositories in them, from a page, a worker or Node.
 *
 * Everything that is returned was compared with its digest first, but for what the types
 * call unverified. All functions that reach a registry take an `AbortSignal` and reject with
 * an {@link OcirepoError}, or with the signal's reason when they were aborted.
 */

import type { RpmRepository } from "./rpm.js";

export * from "./rpm.js";

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
  /** How often and how soon what failed for the moment is tried again. */
  retry?: RetryOptions;
  /** How long the head of a response may take, a minute by default. */
  headTimeoutMs?: number;
  /** How long the next bytes of a body may take, a minute by default. */
  stallMs?: number;
  /** The most bytes of a manifest, 8 MiB by default. */
  manifestLimit?: number;
  /** What a person may want to know. */
  onEvent?: (event: ClientEvent) => void;
}

/** Waits are in milliseconds and double from the first to the longest. */
export interface RetryOptions {
  /** Tries after the first, 3 by default. */
  retries?: number;
  /** 500 by default. */
  firstWaitMs?: number;
  /** 5 seconds by default. */
  longestWaitMs?: number;
  /** The longest that a registry may ask to wait for, a minute by default. */
  longestRetryAfterMs?: number;
}

export type ClientEvent =
  /** The registry sent a warning, in its own words. */
  | { type: "warning"; registry: string; text: string }
  /** Something failed and is tried again after so many milliseconds. */
  | { type: "retry"; reason: string; waitMs: number }
  /** The host followed a response to another origin. */
  | { type: "redirect"; to: string };

export interface Progress {
  /**
   * `download` and `upload` count bytes, `read` counts packages. Bytes of an upload count when
   * they are read to be hashed, before they are sent: fetch tells nothing of a body under way.
   */
  phase: "download" | "upload" | "read";
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

export interface SaveOptions extends CallOptions {
  /** Of the blob's descriptor, where it is known. */
  size?: number;
  /**
   * What an earlier run left there, from its first byte on: only the rest is fetched, and
   * wrong bytes are noticed and written again.
   */
  resume?: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

export interface PushOptions extends CallOptions {
  /** Where it is known; otherwise the blob is read once more, to hash it. */
  digest?: string;
  /** Send it in chunks of so many bytes; as a whole by default, where the registry lets us. */
  chunk?: number;
  /** Send it with one POST, as few registries support. Needs `digest`. */
  single?: boolean;
  /** Ask first whether it is there. Needs `digest`. */
  check?: boolean;
  /** A repository of the same registry to take it from, if it is there. Needs `digest`. */
  mountFrom?: string;
}

export interface Pushed {
  digest: string;
  size: number;
  /** Whether bytes were sent; else it was there or was mounted. */
  uploaded: boolean;
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

  /**
   * Pulls a blob to a place that can be written anywhere, such as a file: `write` puts a chunk
   * at a position. The bytes count only when the promise has resolved; cut the file to the size
   * that it gives.
   */
  save(
    reference: string,
    write: (chunk: Uint8Array, position: number) => unknown,
    options?: SaveOptions,
  ): Promise<Verified>;

  /** Whether a blob is there. */
  exists(reference: string, options?: CallOptions): Promise<boolean>;

  /**
   * Pushes a blob, which is read as it is sent: a `File` of a page, `fs.openAsBlob` in Node.
   * In a page the registry's CORS policy has to allow it; a `fix` is for reading only.
   */
  push(repository: string, blob: Blob, options?: PushOptions): Promise<Pushed>;

  /** Pushes a manifest to a tag or its digest. The media type is its own, if none is given. */
  pushManifest(
    reference: string,
    bytes: Uint8Array,
    options?: CallOptions & { mediaType?: string },
  ): Promise<{ digest: string; size: number }>;

  /** Deletes a tag, or a manifest by its digest. */
  deleteManifest(reference: string, options?: CallOptions): Promise<void>;

  deleteBlob(reference: string, options?: CallOptions): Promise<void>;

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

  /**
   * Resolves when nothing is under way. What was aborted ends for the caller at once, and an
   * upload is then taken back at the registry.
   */
  settled(): Promise<void>;

  /** Ends everything under way and frees the memory of the session. */
  close(): void;
}
