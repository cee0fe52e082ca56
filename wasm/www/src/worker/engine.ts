/** The methods of the worker, over the library. */

import { Client, diff, init, parseReference } from "ocirepo";
import type { CallOptions, Manifest, PackageTable, RpmRepository } from "ocirepo";
import type {
  Content,
  Credentials,
  Descriptor,
  Downloaded,
  ManifestText,
  Methods,
  Opened,
  Query,
  TagFacts,
  TagSize,
} from "../protocol.ts";
import { DEMO_REGISTRY, loadDemo } from "./demo.ts";
import { packagesOf } from "./layers.ts";
import { Refused } from "./problem.ts";
import type { Context, Handlers } from "./serve.ts";
import { Shared } from "./shared.ts";
import { textOf } from "./text.ts";

/** Rows that come with the answer to a search: more than a screen has. */
const FIRST_ROWS = 100;

/** Snapshots whose tables are kept at once; two are compared. */
const KEPT = 3;

/** The largest blob that is shown, in bytes. */
const SHOWN = 4 * 1024 * 1024;

/** The largest blob that is kept in memory to be saved, in bytes. */
const SAVED = 512 * 1024 * 1024;

/** Words of a search for which dependencies have to be read. */
const ABOUT_DEPENDENCIES = /(^|\s)(provides|requires|file):/;

/** When to begin with what nobody asked for, in milliseconds: after the first rows were drawn. */
const AHEAD = 200;

/** Every method, with the context in front. */
type Bound = {
  [M in keyof Methods]: (
    context: Context,
    ...values: Parameters<Methods[M]>
  ) => ReturnType<Methods[M]> | Promise<ReturnType<Methods[M]>>;
};

/** The demo registry, and what to open there. */
interface Demonstration {
  client: Client;
  reference: string;
}

/** A repository that was opened, and what was read of it. */
interface Held {
  repository: Shared<RpmRepository>;
  table: Shared<PackageTable>;
  /** The same table, with dependencies. */
  whole: Shared<PackageTable>;
  /** Whether dependencies are read without anybody waiting for them. */
  ahead: boolean;
}

/** The handlers of the worker. */
export function engine(
  ask: (registry: string) => Promise<Credentials | undefined>,
  tell: (known: string[]) => void,
): Handlers {
  return new Engine(ask, tell).handlers() as Handlers;
}

class Engine {
  readonly #ask: (registry: string) => Promise<Credentials | undefined>;
  readonly #tell: (known: string[]) => void;
  /** Registries that were given credentials. */
  readonly #known = new Set<string>();
  #gateway: string | undefined;
  #client: Promise<Client> | undefined;
  #demo: Promise<Demonstration> | undefined;
  /** By full reference, the most recently used last. */
  readonly #held = new Map<string, Held>();
  /** What the last searches found, by number. */
  readonly #found = new Map<number, { table: PackageTable; ids: Uint32Array }>();
  #queries = 0;

  constructor(ask: (registry: string) => Promise<Credentials | undefined>, tell: (known: string[]) => void) {
    this.#ask = ask;
    this.#tell = tell;
  }

  handlers(): Bound {
    return {
      configure: (_, { gateway }) => {
        this.#gateway = gateway;
      },
      demo: async () => (await this.#demonstration()).reference,
      open: (context, reference) => this.#open(context, reference),
      packages: async (context, reference) => {
        const table = await this.#table(context, reference);
        let size = 0;
        for (const one of table.column("size")) size += one;
        return {
          count: table.length,
          size,
          memory: table.memory,
          arches: table.arches(),
          licenses: table.licenses(),
          sources: table.sources(),
        };
      },
      search: async (context, reference, query) => {
        const table = ABOUT_DEPENDENCIES.test(query.search)
          ? await this.#whole(context, reference)
          : await this.#table(context, reference);
        this.#ahead(this.#hold(reference));
        return this.#search(table, query);
      },
      rows: async (context, reference, query, from, to) => {
        const table = await this.#table(context, reference);
        const found = this.#found.get(query);
        // Another table has other ids.
        return found?.table === table ? table.rows(found.ids.subarray(from, to)) : [];
      },
      details: async (context, reference, nevra) => {
        const table = await this.#table(context, reference);
        const id = table.find(nevra);
        if (id === undefined) return undefined;
        const details = table.details(id);
        const others = table
          .search(`name:${details.name}`)
          .filter((other) => other !== id);
        const rows = table.rows(others).filter(({ name }) => name === details.name);
        return { package: details, others: rows };
      },
      dependencies: async (context, reference, id) => (await this.#whole(context, reference)).dependencies(id),
      providers: async (context, reference, name) => {
        const table = await this.#whole(context, reference);
        return table.rows(table.providers(name));
      },
      requiredBy: async (context, reference, name) => {
        const table = await this.#whole(context, reference);
        return table.rows(table.requiredBy(name));
      },
      files: async (context, reference, id) => (await this.#table(context, reference)).files(id, options(context)),
      changes: async (context, reference, id) => (await this.#table(context, reference)).changes(id, options(context)),
      header: async (context, reference, id) => (await this.#table(context, reference)).header(id, options(context)),
      download: async (context, reference, id, file) => {
        const table = await this.#table(context, reference);
        return finish(await table.download(id, options(context)), file);
      },
      save: async (context, reference, descriptor, file) => {
        const client = await this.#clientOf(reference);
        const place = at(reference, descriptor.digest);
        return finish(client.blob(place, { ...options(context), size: descriptor.size }), file);
      },
      signature: async (context, reference, keys) => {
        const repository = await this.#hold(reference).repository.wait(context);
        return repository.signature({ ...options(context), ...(keys && { keys }) });
      },
      buildTimes: async (context, reference) => (await this.#table(context, reference)).column("buildTime"),
      tags: async (context, reference) => (await this.#clientOf(reference)).tags(reference, options(context)),
      tag: (context, reference, tag) => this.#tag(context, reference, tag),
      tagSize: (context, reference, tag) => this.#tagSize(context, reference, tag),
      compare: async (context, from, to) => {
        const [old, current] = [await this.#table(context, from), await this.#table(context, to)];
        const whole = (table: PackageTable) => ({
          count: table.length,
          size: table.column("size").reduce((sum, size) => sum + size, 0),
        });
        return { ...diff(old, current), from: whole(old), to: whole(current) };
      },
      manifest: async (context, reference, digest) => {
        const client = await this.#clientOf(reference);
        return plain(await client.manifest(digest ? at(reference, digest) : reference, options(context)));
      },
      content: (context, reference, descriptor) => this.#content(context, reference, descriptor),
      referrers: async (context, reference, digest) =>
        (await this.#clientOf(reference)).referrers(at(reference, digest), options(context)),
      credentials: async (_, registry, credentials) => {
        (await this.#ours()).setCredentials(registry, credentials);
        this.#note(registry, credentials !== undefined);
      },
    };
  }

  /** The client for everything but the demo, with the module loaded. */
  #ours(): Promise<Client> {
    this.#client ??= (async () => {
      await init(new URL("ocirepo_bg.wasm", location.href));
      return new Client({
        ...(this.#gateway && { gateway: this.#gateway }),
        onCredentials: async (registry) => {
          const given = await this.#ask(registry);
          if (given) this.#note(registry, true);
          return given;
        },
      });
    })();
    return this.#client;
  }

  #note(registry: string, known: boolean): void {
    if (known) this.#known.add(registry);
    else this.#known.delete(registry);
    this.#tell([...this.#known]);
  }

  async #clientOf(reference: string): Promise<Client> {
    const ours = await this.#ours();
    if (parseReference(reference).registry !== DEMO_REGISTRY) return ours;
    return (await this.#demonstration()).client;
  }

  /** Loaded when it is first asked for, by its button or by an address of it. */
  #demonstration(): Promise<Demonstration> {
    this.#demo ??= (async () => {
      await this.#ours();
      // A client of its own: no gateway is in between, and nobody is asked for credentials.
      return { reference: await loadDemo(), client: new Client() };
    })();
    // What could not be loaded is tried again.
    this.#demo.catch(() => {
      this.#demo = undefined;
    });
    return this.#demo;
  }

  async #open(context: Context, reference: string): Promise<Opened> {
    const client = await this.#clientOf(reference);
    const parsed = parseReference(reference);
    const common = {
      reference: parsed.location,
      registry: parsed.registry,
      name: parsed.name,
      ...(parsed.tag && { tag: parsed.tag }),
    };
    // Asked for anew: what a tag names may have changed since.
    this.#drop(parsed.location);
    try {
      const repository = await this.#hold(parsed.location).repository.wait(context);
      const { layout, root, digest, revision, sequence, parent, date, signed, records } = repository;
      return {
        ...common,
        digest,
        ...(root && { mediaType: root.mediaType }),
        rpm: {
          layout,
          signed,
          records,
          ...(revision !== undefined && { revision }),
          ...(sequence !== undefined && { sequence }),
          ...(parent !== undefined && { parent }),
          ...(date !== undefined && { date }),
        },
      };
    } catch (reason) {
      if ((reason as { kind?: unknown }).kind !== "not-a-repository") throw reason;
      const { digest, mediaType } = await client.manifest(parsed.location, options(context));
      return { ...common, digest, mediaType, notRpm: (reason as Error).message };
    }
  }

  #hold(reference: string): Held {
    const held = this.#held.get(reference) ?? this.#fresh(reference);
    this.#held.delete(reference);
    this.#held.set(reference, held);
    const [oldest] = this.#held.keys();
    if (this.#held.size > KEPT && oldest !== undefined) this.#drop(oldest);
    return held;
  }

  #fresh(reference: string): Held {
    const repository = new Shared(async (context) =>
      (await this.#clientOf(reference)).open(reference, options(context)),
    );
    const table = new Shared(async (context) =>
      (await repository.wait(context)).packages(options(context)),
    );
    const whole = new Shared(async (context) => {
      const read = await table.wait(context);
      await read.readDependencies(options(context));
      return read;
    });
    return { repository, table, whole, ahead: false };
  }

  #drop(reference: string): void {
    const held = this.#held.get(reference);
    if (!held) return;
    this.#held.delete(reference);
    held.whole.end(() => {});
    held.table.end((table) => table.free());
    held.repository.end((repository) => repository.close());
  }

  #table(context: Context, reference: string): Promise<PackageTable> {
    return this.#hold(reference).table.wait(context);
  }

  #whole(context: Context, reference: string): Promise<PackageTable> {
    return this.#hold(reference).whole.wait(context);
  }

  /** Reads dependencies, which are wanted next, while a person looks at the packages. */
  #ahead(held: Held): void {
    if (held.ahead) return;
    held.ahead = true;
    const { signal } = new AbortController();
    // If it fails, whoever wants them learns why.
    setTimeout(() => void held.whole.wait({ signal, progress: () => {} }).catch(() => {}), AHEAD);
  }

  #search(table: PackageTable, { search, filters, sort }: Query) {
    const ids = table.search(search, filters, sort);
    const sizes = table.column("size");
    let size = 0;
    for (const id of ids) size += sizes[id] as number;
    this.#queries += 1;
    this.#found.set(this.#queries, { table, ids });
    const [oldest] = this.#found.keys();
    if (this.#found.size > 8 && oldest !== undefined) this.#found.delete(oldest);
    return { query: this.#queries, count: ids.length, size, rows: table.rows(ids.subarray(0, FIRST_ROWS)) };
  }

  async #tag(context: Context, reference: string, tag: string): Promise<TagFacts> {
    const client = await this.#clientOf(reference);
    return factsOf(await client.manifest(tagged(reference, tag), options(context)));
  }

  /** By what manifests say where that is enough, so that no list of packages is read. */
  async #tagSize(context: Context, reference: string, tag: string): Promise<TagSize> {
    const client = await this.#clientOf(reference);
    const place = tagged(reference, tag);
    const root = await client.manifest(place, options(context));
    const { digest, created } = factsOf(root);
    const common = { tag, digest, ...(created !== undefined && { created }) };
    const manifests = [root];
    for (const child of root.manifests) {
      manifests.push(await client.manifest(at(reference, child.digest), options(context)));
    }
    const listed = packagesOf(manifests);
    if (listed) return { ...common, ...listed };
    const repository = await client.open(at(reference, digest), options(context));
    try {
      const table = await repository.packages(options(context));
      const size = table.column("size").reduce((sum, one) => sum + one, 0);
      const packages = table.length;
      table.free();
      return { ...common, packages, size };
    } finally {
      repository.close();
    }
  }

  async #content(context: Context, reference: string, descriptor: Descriptor): Promise<Content> {
    if (descriptor.size > SHOWN) {
      throw new Refused(`This blob has ${descriptor.size} bytes; up to ${SHOWN} are shown. Save it to look at it elsewhere.`);
    }
    const client = await this.#clientOf(reference);
    const blob = client.blob(at(reference, descriptor.digest), { ...options(context), size: descriptor.size });
    const bytes = await blob.bytes({ limit: SHOWN });
    const text = textOf(bytes);
    return { size: bytes.length, ...(text !== undefined && { text }) };
  }
}

function options({ signal, progress }: Context): CallOptions {
  return {
    signal,
    progress: ({ phase, done, total, what }) =>
      progress({ unit: phase === "read" ? "packages" : "bytes", done, what, ...(total !== undefined && { total }) }),
  };
}

/** The same repository at a digest. */
function at(reference: string, digest: string): string {
  return `${repositoryOf(reference)}@${digest}`;
}

function tagged(reference: string, tag: string): string {
  return `${repositoryOf(reference)}:${tag}`;
}

function repositoryOf(reference: string): string {
  const { location, registry, name } = parseReference(reference);
  return `${location.slice(0, location.indexOf("://"))}://${registry}/${name}`;
}

function factsOf({ digest, mediaType, artifactType, annotations }: Manifest): TagFacts {
  const created = Date.parse(annotations["org.opencontainers.image.created"] ?? "") / 1000;
  const sequence = Number.parseInt(annotations["org.ocirepo.snapshot.sequence"] ?? "", 10);
  const layout = annotations["org.ocirepo.layout"];
  const parent = annotations["org.ocirepo.snapshot.parent"];
  return {
    digest,
    mediaType,
    ...(artifactType && { artifactType }),
    ...(layout && { layout }),
    ...(parent && { parent }),
    ...(Number.isNaN(sequence) ? {} : { sequence }),
    ...(Number.isNaN(created) ? {} : { created }),
  };
}

function plain(manifest: Manifest): ManifestText {
  const { digest, mediaType, size, kind, text, layers, manifests, annotations } = manifest;
  return {
    digest,
    mediaType,
    size,
    kind,
    text,
    layers,
    manifests,
    annotations,
    ...(manifest.artifactType && { artifactType: manifest.artifactType }),
    ...(manifest.config && { config: manifest.config }),
    ...(manifest.subject && { subject: manifest.subject }),
  };
}

/** A blob to its end: into a file, which appears only if the digest is right, or into memory. */
async function finish(
  blob: ReturnType<Client["blob"]>,
  file: FileSystemFileHandle | undefined,
): Promise<Downloaded> {
  if (file) {
    const { digest, size } = await blob.pipeTo(await file.createWritable());
    return { digest, size };
  }
  const content = await blob.blob({ limit: SAVED });
  return { digest: blob.digest, size: content.size, blob: content };
}
