import { useEffect } from "preact/hooks";
import { formatCount } from "../lib/format.ts";
import { repoFile, command } from "../lib/shell.ts";
import { kindsOf } from "../lib/tags.ts";
import { formatReference, parseReference, skopeoName, withTag } from "../lib/reference.ts";
import { formatHash, type View } from "../lib/route.ts";
import { Await, useCall } from "../page/call.tsx";
import { CopyBlock, Day, Digest, Fold, Text } from "../page/parts.tsx";
import { go, here, noteOpened, route, signatureOf, worker } from "../page/state.ts";
import type { Opened } from "../protocol.ts";
import { DifferenceView } from "./difference.tsx";
import { ContentView } from "./content.tsx";
import { PackageView } from "./package.tsx";
import { PackagesView } from "./packages.tsx";
import { PicturesView } from "./pictures.tsx";
import { Signature } from "./signature.tsx";
import { TagsView } from "./tags.tsx";

/** A repository, opened, with one of its views. */
export function RepositoryView({ reference }: { reference: string }) {
  const call = useCall(reference, (watch) => worker.client.call("open", [reference], watch));
  const { value } = call;
  useEffect(() => {
    if (!value) return;
    noteOpened(value);
    // Short forms are spelt out, so that links and the address say the same.
    if (value.reference !== reference) {
      const { view, parameters } = route.peek();
      go(formatHash(value.reference, view, { ...parameters }), true);
    }
    document.title = `${value.name}${value.tag ? `:${value.tag}` : ""} – Repository inspector`;
    return () => {
      document.title = "Repository inspector";
    };
  }, [value]);
  return (
    <>
      {!value && (
        <h1 class="opening">
          <Text>{reference}</Text>
        </h1>
      )}
      <Await call={call} what="Opening the repository">
        {(open) => <Inside open={open} />}
      </Await>
      {call.problem?.kind === "not-found" && <OtherTags reference={reference} />}
    </>
  );
}

/** The tags that there are, for one who asked for another. */
function OtherTags({ reference }: { reference: string }) {
  const parsed = parseReference(reference);
  const { value } = useCall(parsed ? reference : "", (watch) => worker.client.call("tags", [reference], watch));
  const { moving } = kindsOf(value ?? []);
  if (!parsed || !moving.length) return null;
  return (
    <section>
      <h2>Tags that are there</h2>
      <ul class="plain-rows mono">
        {moving.slice(0, 100).map((tag) => (
          <li key={tag}>
            <a href={formatHash(formatReference(withTag(parsed, tag)))}>{tag}</a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Inside({ open }: { open: Opened }) {
  const view = route.value.view ?? (open.rpm ? "packages" : "content");
  return (
    <>
      <Head open={open} />
      <Views open={open} view={view} />
      <Body open={open} view={view} />
    </>
  );
}

function Body({ open, view }: { open: Opened; view: View }) {
  switch (view) {
    case "tags":
      return <TagsView open={open} />;
    case "content":
      return <ContentView open={open} />;
    default:
      break;
  }
  if (!open.rpm) return <p class="empty">This is no RPM repository. Its manifests are under Content.</p>;
  switch (view) {
    case "packages":
      return <PackagesView reference={open.reference} />;
    case "package":
      return <PackageView open={open} />;
    case "pictures":
      return <PicturesView open={open} />;
    case "difference":
      return <DifferenceView open={open} />;
  }
}

function Head({ open }: { open: Opened }) {
  const { rpm } = open;
  return (
    <section class="head" aria-label="Repository">
      <div class="head-line">
        <h1>
          <span class="registry">{open.registry}/</span>
          {open.name}
        </h1>
        <TagSelect open={open} />
      </div>
      <p class="facts">
        {rpm && <span>{rpm.layout}</span>}
        {rpm?.sequence !== undefined && <span>snapshot {formatCount(rpm.sequence)}</span>}
        {rpm?.date !== undefined && (
          <span>
            <Day seconds={rpm.date} age />
          </span>
        )}
        <span>
          <Digest>{open.digest}</Digest>
        </span>
        {rpm && <span>{signatureOf(open.reference, rpm.signed)}</span>}
      </p>
      {rpm && (
        <Fold title="Use, check, and what repomd.xml lists">
          {() => (
            <>
              <Use open={open} />
              <Signature reference={open.reference} signed={rpm.signed} />
              <Records open={open} />
            </>
          )}
        </Fold>
      )}
      {open.notRpm && <p class="quiet">{open.notRpm}</p>}
    </section>
  );
}

function TagSelect({ open }: { open: Opened }) {
  const parsed = parseReference(open.reference);
  const tree = open.rpm?.layout === "tree";
  const { value } = useCall(tree ? "" : open.reference, (watch) =>
    worker.client.call("tags", [open.reference], watch),
  );
  if (!parsed || !value) return open.tag ? <span class="tag">{open.tag}</span> : null;
  const { moving, snapshots } = kindsOf(value);
  const current = open.tag ?? (parsed.digest ? "" : "latest");
  const groups: [string, string[]][] = [
    ["Tags", moving],
    ["Snapshots", snapshots.slice(0, 200)],
  ];
  const known = groups.some(([, tags]) => tags.includes(current));
  return (
    <label class="tag-select">
      <span class="unseen">Tag</span>
      <select
        value={current}
        onChange={(event) => go(formatHash(formatReference(withTag(parsed, event.currentTarget.value)), route.peek().view))}
      >
        {!known && <option value={current}>{current || "at a digest"}</option>}
        {groups.map(
          ([label, tags]) =>
            tags.length > 0 && (
              <optgroup label={label} key={label}>
                {tags.map((tag) => (
                  <option value={tag} key={tag}>
                    {tag}
                  </option>
                ))}
              </optgroup>
            ),
        )}
      </select>
    </label>
  );
}

const LABELS: [View, string][] = [
  ["packages", "Packages"],
  ["pictures", "Pictures"],
  ["difference", "Difference"],
  ["tags", "Tags"],
  ["content", "Content"],
];

function Views({ open, view }: { open: Opened; view: View }) {
  const shown = open.rpm ? LABELS : LABELS.slice(3);
  const current = view === "package" ? "packages" : view;
  return (
    <nav class="views" aria-label="Views">
      {shown.map(([one, label]) => (
        <a key={one} href={here(one)} aria-current={one === current ? "page" : undefined}>
          {label}
        </a>
      ))}
    </nav>
  );
}

function Use({ open }: { open: Opened }) {
  const parsed = parseReference(open.reference);
  if (!parsed || !open.rpm) return null;
  return (
    <div class="use">
      <h2>Use it</h2>
      <h3>dnf, with the plugin of ocirepo: a file in /etc/yum.repos.d</h3>
      <CopyBlock text={repoFile(open.reference, open.name, open.rpm.signed)} label="Copy the repository file for dnf" />
      <h3>Other clients, by way of a bridge on the loopback; a plain mirror</h3>
      <CopyBlock
        text={[command("ocirepo serve", open.reference), command("ocirepo sync", open.reference, "./mirror")].join("\n")}
        label="Copy the ocirepo commands"
      />
      <h3>skopeo</h3>
      <CopyBlock text={command("skopeo inspect --raw", skopeoName(parsed))} label="Copy the skopeo command" />
    </div>
  );
}

function Records({ open }: { open: Opened }) {
  const { rpm } = open;
  if (!rpm) return null;
  return (
    <div>
      <h2>Metadata</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Metadata files">
        <table>
          <thead>
            <tr>
              <th scope="col">Type</th>
              <th scope="col" class="number">
                Bytes
              </th>
              <th scope="col">Path</th>
              <th scope="col">Checksum</th>
            </tr>
          </thead>
          <tbody>
            {rpm.records.map(({ type, path, size, checksum }) => (
              <tr key={path}>
                <th scope="row">{type}</th>
                <td class="number">{size === undefined ? "–" : formatCount(size)}</td>
                <td class="mono">{path}</td>
                <td>
                  <Digest>{checksum}</Digest>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="quiet">
        {rpm.revision !== undefined && <>Revision {rpm.revision}. </>}
        {rpm.parent && (
          <>
            The snapshot before is <Digest>{rpm.parent}</Digest>.
          </>
        )}
      </p>
    </div>
  );
}
