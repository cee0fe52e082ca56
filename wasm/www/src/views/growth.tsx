import { useRef, useState } from "preact/hooks";
import { formatCount, formatDay, formatSize, plural } from "../lib/format.ts";
import { ticks } from "../lib/histogram.ts";
import { kindsOf, snapshotsOf } from "../lib/tags.ts";
import { Await, ProblemCard, useCall, Waiting } from "../page/call.tsx";
import { problemOf } from "../page/client.ts";
import { Day, Empty } from "../page/parts.tsx";
import { worker } from "../page/state.ts";
import type { Opened, Problem, TagSize } from "../protocol.ts";

/** So many tags are measured at most: each takes some requests. */
const MOST = 40;

const WIDTH = 960;
const HEIGHT = 240;
const LEFT = 108;
const RIGHT = 24;
const BOTTOM = 26;

/** How the repository grew from tag to tag. */
export function Growth({ open }: { open: Opened }) {
  const call = useCall(open.reference, (watch) => worker.client.call("tags", [open.reference], watch));
  return (
    <figure>
      <figcaption>
        <h2>Growth over tags</h2>
      </figcaption>
      <Await call={call} what="Reading the list of tags">
        {(tags) => {
          const snapshots = snapshotsOf(tags, open.tag ?? "latest");
          const chosen = (snapshots.length > 1 ? snapshots : kindsOf(tags).moving).slice(0, MOST);
          return chosen.length > 1 ? (
            <Measure open={open} tags={chosen} />
          ) : (
            <Empty>There is one tag only, and nothing to compare it with.</Empty>
          );
        }}
      </Await>
    </figure>
  );
}

type State =
  | { kind: "idle" }
  | { kind: "running"; done: number; cancel: () => void }
  | { kind: "done"; sizes: TagSize[]; left: string[] }
  | { kind: "failed"; problem: Problem };

function Measure({ open, tags }: { open: Opened; tags: string[] }) {
  const [state, setState] = useState<State>({ kind: "idle" });
  const turn = useRef(0);
  const start = async (): Promise<void> => {
    turn.current += 1;
    const controller = new AbortController();
    const cancel = (): void => controller.abort();
    const sizes: TagSize[] = [];
    const left: string[] = [];
    try {
      for (const tag of tags) {
        setState({ kind: "running", done: sizes.length + left.length, cancel });
        try {
          sizes.push(await worker.client.call("tagSize", [open.reference, tag], { signal: controller.signal }));
        } catch (reason) {
          // A tag that is no repository is told, and does not end the rest.
          if (controller.signal.aborted) throw reason;
          left.push(tag);
        }
      }
      setState({ kind: "done", sizes, left });
    } catch (reason) {
      setState({ kind: "failed", problem: problemOf(reason) });
    }
  };
  switch (state.kind) {
    case "idle":
      return (
        <p class="row">
          <button type="button" onClick={() => void start()}>
            Measure {plural(tags.length, "tag")}
          </button>
          <span class="quiet">Reads the manifests of each tag.</span>
        </p>
      );
    case "running":
      return (
        <Waiting
          what="Measuring tags"
          progress={{ unit: "tags", done: state.done, total: tags.length, what: "Manifests" }}
          cancel={state.cancel}
        />
      );
    case "failed":
      return <ProblemCard problem={state.problem} retry={() => void start()} />;
    case "done":
      return <Chart sizes={state.sizes} left={state.left} />;
  }
}

function Chart({ sizes, left }: { sizes: TagSize[]; left: string[] }) {
  // Snapshots come by number, the newest first. Dates are those of the newest package, which
  // several tags can have in common: then the tags are drawn side by side.
  const ordered = [...sizes].reverse().sort((a, b) => (a.created ?? 0) - (b.created ?? 0));
  const dated = ordered.every(({ created }, i) => created !== undefined && created > (ordered[i - 1]?.created ?? 0));
  const first = ordered[0];
  if (!first) return <Empty>None of the tags could be measured.</Empty>;
  const marks = ticks(ordered.reduce((most, { size }) => Math.max(most, size), 0));
  const top = marks.at(-1) || 1;
  const high = HEIGHT - BOTTOM - 8;
  const begin = first.created ?? 0;
  const span = (ordered.at(-1)?.created ?? 0) - begin;
  const points = ordered.map((one, i) => {
    const along = dated && span > 0 ? ((one.created ?? 0) - begin) / span : i / Math.max(ordered.length - 1, 1);
    return { one, x: LEFT + along * (WIDTH - LEFT - RIGHT), y: 8 + high - (one.size / top) * high };
  });
  const line = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  return (
    <>
      <svg
        class="chart"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`Bytes of packages over ${plural(ordered.length, "tag")}, from ${formatSize(first.size)} to ${formatSize(ordered.at(-1)?.size ?? 0)}`}
      >
        {marks.map((mark) => {
          const y = 8 + high - (mark / top) * high;
          return (
            <g key={mark}>
              <line class="rule" x1={LEFT} x2={WIDTH} y1={y} y2={y} />
              <text class="mark" x={LEFT - 8} y={y + 4} text-anchor="end">
                {formatSize(mark)}
              </text>
            </g>
          );
        })}
        <polyline class="growth-line" points={line} />
        {points.map(({ one, x, y }) => (
          <circle class="growth-point" cx={x} cy={y} r="4" key={one.tag}>
            <title>{`${one.tag}: ${formatSize(one.size)}, ${plural(one.packages, "package")}`}</title>
          </circle>
        ))}
        <text class="mark" x={LEFT} y={HEIGHT - 6}>
          {dated ? formatDay(begin) : first.tag}
        </text>
        <text class="mark" x={WIDTH - RIGHT} y={HEIGHT - 6} text-anchor="end">
          {dated ? formatDay(begin + span) : ordered.at(-1)?.tag}
        </text>
      </svg>
      <div class="scroll" tabIndex={0} role="region" aria-label="Sizes of tags">
        <table>
          <thead>
            <tr>
              <th scope="col">Tag</th>
              <th scope="col">Date</th>
              <th scope="col" class="number">
                Packages
              </th>
              <th scope="col" class="number">
                Size
              </th>
            </tr>
          </thead>
          <tbody>
            {ordered.map(({ tag, created, packages, size }) => (
              <tr key={tag}>
                <th scope="row" class="mono">
                  {tag}
                </th>
                <td>
                  <Day seconds={created} />
                </td>
                <td class="number">{formatCount(packages)}</td>
                <td class="number">{formatSize(size)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {left.length > 0 && <p class="quiet">No RPM repositories, or not readable: {left.join(", ")}</p>}
    </>
  );
}
