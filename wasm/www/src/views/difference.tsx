import { useState } from "preact/hooks";
import { formatCount, formatSize, plural } from "../lib/format.ts";
import { formatReference, parseReference, withTag } from "../lib/reference.ts";
import { kindsOf, snapshotsOf } from "../lib/tags.ts";
import { Await, useCall } from "../page/call.tsx";
import { Empty, Text } from "../page/parts.tsx";
import { go, here, route, worker } from "../page/state.ts";
import { NoTags } from "./tags.tsx";
import type { Comparison, Opened, PackageChange } from "../protocol.ts";

/** What differs between another tag and the one that is open. */
export function DifferenceView({ open }: { open: Opened }) {
  if (open.rpm?.layout === "tree") return <NoTags />;
  return <Tagged open={open} />;
}

function Tagged({ open }: { open: Opened }) {
  const call = useCall(open.reference, (watch) => worker.client.call("tags", [open.reference], watch));
  return (
    <section class="difference" aria-label="Difference">
      <Await call={call} what="Reading the list of tags">
        {(tags) => <Choose open={open} tags={tags} />}
      </Await>
    </section>
  );
}

function Choose({ open, tags }: { open: Opened; tags: string[] }) {
  const to = open.tag ?? "latest";
  const { moving, snapshots } = kindsOf(tags);
  const others = [...snapshots, ...moving].filter((tag) => tag !== to);
  // The newest snapshot of a tag is the tag itself: the one before is worth a look.
  const before = snapshotsOf(tags, to)[1];
  const from = route.value.parameters["from"] ?? before ?? others[0];
  if (from === undefined) {
    return <Empty>There is only one tag. Two are needed to compare.</Empty>;
  }
  return (
    <>
      <p class="row">
        <label>
          From{" "}
          <select value={from} onChange={(event) => go(here("difference", { from: event.currentTarget.value }), true)}>
            {!others.includes(from) && <option value={from}>{from}</option>}
            {others.map((tag) => (
              <option value={tag} key={tag}>
                {tag}
              </option>
            ))}
          </select>
        </label>
        <span>
          to <strong class="mono">{to}</strong>, the one that is open
        </span>
      </p>
      <Compared key={from} open={open} from={from} />
    </>
  );
}

function Compared({ open, from }: { open: Opened; from: string }) {
  const parsed = parseReference(open.reference);
  const other = parsed && formatReference(withTag(parsed, from));
  const call = useCall(other ? `${other}\n${open.reference}` : "", (watch) =>
    worker.client.call("compare", [other as string, open.reference], watch),
  );
  return (
    <Await call={call} what="Reading both lists of packages">
      {(comparison) => <Result comparison={comparison} />}
    </Await>
  );
}

const KINDS = [
  ["added", "Added"],
  ["removed", "Removed"],
  ["upgraded", "Upgraded"],
  ["downgraded", "Downgraded"],
  ["rebuilt", "Rebuilt"],
] as const;

/** Rows are drawn in pieces of so many. */
const PIECE = 300;

function Result({ comparison }: { comparison: Comparison }) {
  const { changes, unchanged, from, to } = comparison;
  const [kind, setKind] = useState<PackageChange["change"] | "">("");
  const [count, setCount] = useState(PIECE);
  const counts = new Map(KINDS.map(([one]) => [one, changes.filter(({ change }) => change === one).length]));
  const shown = kind ? changes.filter(({ change }) => change === kind) : changes;
  const growth = to.size - from.size;
  return (
    <>
      <p role="status">
        {changes.length
          ? `${plural(changes.length, "difference")}, ${formatCount(unchanged)} unchanged. `
          : `No differences: ${plural(unchanged, "package")}, all the same. `}
        <span class="quiet">
          {plural(from.count, "package")}, {formatSize(from.size)} → {plural(to.count, "package")}, {formatSize(to.size)} (
          {growth < 0 ? "−" : "+"}
          {formatSize(Math.abs(growth))})
        </span>
      </p>
      {changes.length > 0 && (
        <>
          <div class="chips" role="group" aria-label="Kinds of differences">
            <button type="button" aria-pressed={kind === ""} onClick={() => setKind("")}>
              All {formatCount(changes.length)}
            </button>
            {KINDS.map(
              ([one, label]) =>
                (counts.get(one) ?? 0) > 0 && (
                  <button type="button" class={`kind ${one}`} aria-pressed={kind === one} onClick={() => setKind(one)} key={one}>
                    {label} {formatCount(counts.get(one) ?? 0)}
                  </button>
                ),
            )}
          </div>
          <div class="scroll" tabIndex={0} role="region" aria-label="Differences">
            <table class="wide">
              <thead>
                <tr>
                  <th scope="col">Change</th>
                  <th scope="col">Package</th>
                  <th scope="col">Arch</th>
                  <th scope="col">From</th>
                  <th scope="col">To</th>
                  <th scope="col" class="number">
                    Size
                  </th>
                </tr>
              </thead>
              <tbody>
                {shown.slice(0, count).map((change, i) => (
                  <Line key={i} change={change} />
                ))}
              </tbody>
            </table>
          </div>
          {count < shown.length && (
            <button type="button" onClick={() => setCount(count + PIECE * 4)}>
              Show more of {formatCount(shown.length)}
            </button>
          )}
        </>
      )}
    </>
  );
}

function Line({ change }: { change: PackageChange }) {
  const { change: kind, name, arch, old, new: current } = change;
  const growth = (current?.size ?? 0) - (old?.size ?? 0);
  return (
    <tr>
      <td>
        <span class={`kind ${kind}`}>{kind}</span>
      </td>
      <th scope="row">
        {current ? (
          <a href={here("package", { id: current.nevra })}>
            <Text>{name}</Text>
          </a>
        ) : (
          <Text>{name}</Text>
        )}
      </th>
      <td>
        <Text>{arch}</Text>
      </td>
      <td class="mono">{old ? <Text>{old.evr}</Text> : "–"}</td>
      <td class="mono">{current ? <Text>{current.evr}</Text> : "–"}</td>
      <td class="number">
        {growth < 0 ? "−" : "+"}
        {formatSize(Math.abs(growth))}
      </td>
    </tr>
  );
}
