import { useState } from "preact/hooks";
import { formatSize, plural } from "../lib/format.ts";
import { indentJson, splitDigests } from "../lib/json.ts";
import { Await, useCall } from "../page/call.tsx";
import { CopyButton, Digest, Empty, Fold, Text } from "../page/parts.tsx";
import { here, route, worker } from "../page/state.ts";
import type { Descriptor, ManifestText, Opened } from "../protocol.ts";
import { Download } from "./download.tsx";

/** The repository as the registry has it: manifests, indexes, blobs. */
export function ContentView({ open }: { open: Opened }) {
  const { manifest, blob, size, type, title } = route.value.parameters;
  if (blob) {
    const descriptor: Descriptor = {
      digest: blob,
      size: Number(size) || 0,
      mediaType: type ?? "application/octet-stream",
      ...(title && { annotations: { [TITLE]: title } }),
    };
    return <BlobPart open={open} descriptor={descriptor} />;
  }
  if (!manifest && open.rpm?.layout === "tree") {
    return (
      <Empty>
        A tree keeps every file in a repository of its own below {open.name}/, each with one manifest at the tag latest.
        Open one of them, such as{" "}
        <a href={`#${open.reference.replace(/(:[^:/@]*)?$/, "")}/repodata/repomd.xml:latest`}>repodata/repomd.xml</a>.
      </Empty>
    );
  }
  return <ManifestPart open={open} digest={manifest} />;
}

const TITLE = "org.opencontainers.image.title";

function Crumbs({ last }: { last: string }) {
  return (
    <p class="crumbs">
      <a href={here("content")}>Root</a> / <Digest>{last}</Digest>
    </p>
  );
}

function ManifestPart({ open, digest }: { open: Opened; digest: string | undefined }) {
  const call = useCall(`${open.reference}\n${digest ?? ""}`, (watch) =>
    worker.client.call("manifest", [open.reference, digest], watch),
  );
  return (
    <section aria-label="Content">
      {digest && digest !== open.digest && <Crumbs last={digest} />}
      <Await call={call} what="Reading the manifest">
        {(manifest) => <Manifest open={open} manifest={manifest} />}
      </Await>
    </section>
  );
}

const KINDS = { image: "Manifest", index: "Index", other: "Document" } as const;

function Manifest({ open, manifest }: { open: Opened; manifest: ManifestText }) {
  const { kind, config, layers, manifests, subject, annotations } = manifest;
  const total = layers.reduce((sum, { size }) => sum + size, config?.size ?? 0);
  return (
    <>
      <h2>{KINDS[kind]}</h2>
      <dl class="facts-list across">
        <Fact name="Digest">
          <span class="mono break">{manifest.digest}</span>{" "}
          <CopyButton text={manifest.digest} label="Copy the digest" />
        </Fact>
        <Fact name="Media type">
          <span class="mono">
            <Text>{manifest.mediaType}</Text>
          </span>
        </Fact>
        {manifest.artifactType && (
          <Fact name="Artifact type">
            <span class="mono">
              <Text>{manifest.artifactType}</Text>
            </span>
          </Fact>
        )}
        <Fact name="Size">
          {formatSize(manifest.size)}
          {layers.length > 0 && `, of its blobs ${formatSize(total)}`}
        </Fact>
        {subject && (
          <Fact name="Refers to">
            <Digest href={here("content", { manifest: subject.digest })}>{subject.digest}</Digest>
          </Fact>
        )}
      </dl>
      <Annotations annotations={annotations} />
      {manifests.length > 0 && <Descriptors title="Manifests" list={manifests} manifests />}
      {config && <Descriptors title="Config" list={[config]} />}
      {layers.length > 0 && <Descriptors title="Layers" list={layers} />}
      <Fold title="Signatures, and what else refers to it">
        {() => <Referrers reference={open.reference} digest={manifest.digest} />}
      </Fold>
      <Fold title="Raw JSON" count={formatSize(manifest.size)}>
        {() => <Raw text={manifest.text} known={linksOf(manifest)} />}
      </Fold>
    </>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Annotations({ annotations }: { annotations: Record<string, string> }) {
  const entries = Object.entries(annotations);
  if (!entries.length) return null;
  return (
    <dl class="facts-list across annotations" aria-label="Annotations">
      {entries.map(([key, value]) => (
        <div key={key}>
          <dt class="mono">
            <Text>{key}</Text>
          </dt>
          <dd class="break">
            <Text>{value}</Text>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Descriptors are drawn in pieces of so many. */
const PIECE = 200;

function Descriptors({ title, list, manifests = false }: { title: string; list: Descriptor[]; manifests?: boolean }) {
  const [count, setCount] = useState(PIECE);
  return (
    <div class="descriptors">
      <h3>
        {title} {list.length > 1 && <span class="count">{plural(list.length, "entry", "entries")}</span>}
      </h3>
      <div class="scroll" tabIndex={0} role="region" aria-label={title}>
        <table class="wide">
          <thead>
            <tr>
              <th scope="col">Digest</th>
              <th scope="col">Name</th>
              <th scope="col">Media type</th>
              <th scope="col" class="number">
                Size
              </th>
            </tr>
          </thead>
          <tbody>
            {list.slice(0, count).map((descriptor, i) => (
              <tr key={i}>
                <td>
                  <Digest href={manifests ? here("content", { manifest: descriptor.digest }) : blobHash(descriptor)}>
                    {descriptor.digest}
                  </Digest>
                </td>
                <td class="break">
                  <Text>{nameOf(descriptor)}</Text>
                </td>
                <td class="mono">
                  <Text>{descriptor.artifactType ?? descriptor.mediaType}</Text>
                </td>
                <td class="number">{formatSize(descriptor.size)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {count < list.length && (
        <button type="button" onClick={() => setCount(count + PIECE * 4)}>
          Show more
        </button>
      )}
    </div>
  );
}

function nameOf({ annotations, platform }: Descriptor): string {
  const title = annotations?.[TITLE];
  if (title) return title;
  const role = annotations?.["org.ocirepo.role"];
  if (role) {
    const shard = annotations?.["org.ocirepo.shard"];
    return shard === undefined ? role : `${role}, shard ${shard || "of all"}`;
  }
  if (platform && platform.os !== "unknown") return `${platform.os}/${platform.architecture}${platform.variant ? `/${platform.variant}` : ""}`;
  return "";
}

function blobHash(descriptor: Descriptor): string {
  return here("content", {
    blob: descriptor.digest,
    size: String(descriptor.size),
    type: descriptor.mediaType,
    title: descriptor.annotations?.[TITLE],
  });
}

/** Where each digest of a manifest leads. */
function linksOf({ config, layers, manifests, subject }: ManifestText): Map<string, string> {
  const links = new Map<string, string>();
  for (const one of [...layers, ...(config ? [config] : [])]) links.set(one.digest, blobHash(one));
  for (const one of [...manifests, ...(subject ? [subject] : [])]) {
    links.set(one.digest, here("content", { manifest: one.digest }));
  }
  return links;
}

function Raw({ text, known }: { text: string; known: Map<string, string> }) {
  const [indented, setIndented] = useState(true);
  const shown = indented ? indentJson(text) : text;
  return (
    <>
      <div class="row">
        <label class="check">
          <input type="checkbox" checked={indented} onChange={(event) => setIndented(event.currentTarget.checked)} /> Indented
        </label>
        <CopyButton text={text} label="Copy the raw JSON" />
      </div>
      <pre class="raw" tabIndex={0} role="region" aria-label="Raw JSON">
        {splitDigests(shown).map((piece, i) => {
          const href = piece.digest ? (known.get(piece.text) ?? here("content", { manifest: piece.text })) : undefined;
          return href ? (
            <a href={href} key={i}>
              {piece.text}
            </a>
          ) : (
            <Text key={i}>{piece.text}</Text>
          );
        })}
      </pre>
    </>
  );
}

function Referrers({ reference, digest }: { reference: string; digest: string }) {
  const call = useCall(`${reference}\n${digest}`, (watch) =>
    worker.client.call("referrers", [reference, digest], watch),
  );
  return (
    <Await call={call} what="Asking what refers to it">
      {(list) =>
        list.length ? (
          <Descriptors title="Referrers" list={list} manifests />
        ) : (
          <Empty>Nothing refers to it: no signature, no bill of materials.</Empty>
        )
      }
    </Await>
  );
}

/** Blobs up to this many bytes are shown. */
const SHOWN = 4 * 1024 * 1024;

function BlobPart({ open, descriptor }: { open: Opened; descriptor: Descriptor }) {
  const title = descriptor.annotations?.[TITLE];
  return (
    <section aria-label="Content">
      <Crumbs last={descriptor.digest} />
      <h2>{title ? <Text>{title}</Text> : "Blob"}</h2>
      <dl class="facts-list across">
        <Fact name="Digest">
          <span class="mono break">
            <Text>{descriptor.digest}</Text>
          </span>{" "}
          <CopyButton text={descriptor.digest} label="Copy the digest" />
        </Fact>
        <Fact name="Media type">
          <span class="mono">
            <Text>{descriptor.mediaType}</Text>
          </span>
        </Fact>
        <Fact name="Size">{formatSize(descriptor.size)}</Fact>
      </dl>
      <Download
        label="Download"
        name={title?.split("/").at(-1) || descriptor.digest.replace(":", "-")}
        size={descriptor.size}
        digest={descriptor.digest}
        run={(file, watch) => worker.client.call("save", [open.reference, descriptor, file], watch)}
      />
      {descriptor.size <= SHOWN ? (
        <Shown open={open} descriptor={descriptor} />
      ) : (
        <Empty>It is too large to be shown here: up to {formatSize(SHOWN)} are.</Empty>
      )}
    </section>
  );
}

function Shown({ open, descriptor }: { open: Opened; descriptor: Descriptor }) {
  const call = useCall(`${open.reference}\n${descriptor.digest}`, (watch) =>
    worker.client.call("content", [open.reference, descriptor], watch),
  );
  return (
    <Await call={call} what="Reading the blob">
      {({ text }) => {
        if (text === undefined) return <Empty>This is not text. Save it to look at it elsewhere.</Empty>;
        if (/^\s*[{[]/.test(text)) return <Raw text={text} known={new Map()} />;
        return (
          <pre class="raw" tabIndex={0} role="region" aria-label="Content of the blob">
            <Text>{text.slice(0, 400_000)}</Text>
            {text.length > 400_000 && "\n…"}
          </pre>
        );
      }}
    </Await>
  );
}
