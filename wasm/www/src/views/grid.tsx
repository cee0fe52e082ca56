/** The virtual table of packages: only the rows in sight are in the document. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { SortKey } from "ocirepo";
import { nextSort } from "../lib/filter.ts";
import { formatSize } from "../lib/format.ts";
import { plainText } from "../lib/link.ts";
import { rowForKey, scrollTo, type Window, windowOf } from "../lib/window.ts";
import { Day } from "../page/parts.tsx";
import { go, here, worker } from "../page/state.ts";
import type { Found, PackageRow } from "../protocol.ts";

/** Rows are fetched in pieces of so many. */
const PIECE = 100;

/** The heights of rows in pixels, which the style sheet must have as well. */
const ROW = 30;
const ROW_NARROW = 52;
const NARROW = "(max-width: 46rem)";

interface Column {
  /** What a click on its head sorts by. */
  by: SortKey | undefined;
  label: string;
  style: string;
}

const COLUMNS: Column[] = [
  { by: "name", label: "Name", style: "name" },
  { by: undefined, label: "Version", style: "version" },
  { by: "arch", label: "Arch", style: "arch" },
  { by: "size", label: "Size", style: "size" },
  { by: "buildTime", label: "Built", style: "built" },
  { by: "license", label: "Licence", style: "licence" },
  { by: undefined, label: "Summary", style: "text" },
];

/** Where a table was scrolled to, for when one comes back to it. */
const places = new Map<string, { top: number; row: number }>();

interface Props {
  reference: string;
  found: Found;
  sort: string;
  setSort: (sort: string) => void;
  /** What identifies this table in the history. */
  place: string;
}

/** The table. */
export function PackageGrid({ reference, found, sort, setSort, place }: Props) {
  const viewport = useRef<HTMLDivElement>(null);
  const rowHeight = useRowHeight();
  const [shown, setShown] = useState<Window>({ from: 0, to: 40 });
  const [active, setActive] = useState(0);
  /** Set by keys: the row that gets the focus once it is drawn. */
  const wanted = useRef<number | undefined>(undefined);
  const row = useRows(reference, found, shown, active);

  const look = (): void => {
    const element = viewport.current;
    if (!element) return;
    const next = windowOf(element.scrollTop, element.clientHeight, rowHeight, found.count);
    setShown((before) => (before.from === next.from && before.to === next.to ? before : next));
    places.set(place, { top: element.scrollTop, row: active });
  };
  const first = useRef(true);
  useLayoutEffect(() => {
    const element = viewport.current;
    if (!element) return;
    const back = first.current ? places.get(place) : undefined;
    first.current = false;
    element.scrollTop = back?.top ?? 0;
    setActive(back && back.row < found.count ? back.row : 0);
    look();
  }, [found.query]);
  useEffect(() => {
    const observer = new ResizeObserver(look);
    if (viewport.current) observer.observe(viewport.current);
    return () => observer.disconnect();
  });
  useEffect(() => {
    const target = wanted.current;
    if (target === undefined) return;
    const element = viewport.current?.querySelector<HTMLElement>(`[data-row="${target}"]`);
    if (element) {
      element.focus({ preventScroll: true });
      wanted.current = undefined;
    }
  });

  const onKeyDown = (event: KeyboardEvent): void => {
    const element = viewport.current;
    if (!element || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") {
      const here = row(active);
      if (here) open(here);
      event.preventDefault();
      return;
    }
    const page = Math.max(Math.floor(element.clientHeight / rowHeight) - 1, 1);
    const target = rowForKey(event.key, active, found.count, page);
    if (target === undefined) return;
    event.preventDefault();
    if (event.key === "ArrowUp" && active === 0) {
      document.querySelector<HTMLElement>("#search")?.focus();
      return;
    }
    element.scrollTop = scrollTo(target, element.scrollTop, element.clientHeight, rowHeight);
    wanted.current = target;
    setActive(target);
    look();
  };

  if (!found.count) return <p class="empty">No package matches.</p>;
  const drawn: number[] = [];
  for (let i = shown.from; i < Math.min(shown.to, found.count); i += 1) drawn.push(i);
  // The active row stays in the document, or the focus would be lost with it.
  if (active < shown.from) drawn.unshift(active);
  else if (active >= shown.to && active < found.count) drawn.push(active);
  return (
    <div class="grid" role="grid" aria-label="Packages" aria-rowcount={found.count + 1} aria-colcount={COLUMNS.length}>
      <div class="grid-head" role="rowgroup">
        <div class="grid-row" role="row" aria-rowindex={1}>
          {COLUMNS.map((column) => (
            <Head key={column.label} column={column} sort={sort} setSort={setSort} />
          ))}
        </div>
      </div>
      <div class="grid-view" role="presentation" ref={viewport} onScroll={look} onKeyDown={onKeyDown}>
        <div role="rowgroup" class="grid-body" style={{ height: `${found.count * rowHeight}px` }}>
          {drawn.map((i) => (
            <Row key={i} index={i} top={i * rowHeight} row={row(i)} active={i === active} activate={() => setActive(i)} />
          ))}
        </div>
      </div>
    </div>
  );
}

function open({ nevra }: PackageRow): void {
  go(here("package", { id: nevra }));
}

function Head({ column, sort, setSort }: { column: Column; sort: string; setSort: (sort: string) => void }) {
  const { by, label, style } = column;
  const direction = by && (sort === by ? "ascending" : sort === `-${by}` ? "descending" : "none");
  return (
    <div role="columnheader" class={`cell ${style}`} {...(direction && { "aria-sort": direction })}>
      {by ? (
        <button type="button" class="sort" onClick={() => setSort(nextSort(sort, by))}>
          {label}
          <span aria-hidden="true" class={`arrow ${direction}`} />
        </button>
      ) : (
        label
      )}
    </div>
  );
}

function Row(props: { index: number; top: number; row: PackageRow | undefined; active: boolean; activate: () => void }) {
  const { index, top, row, active, activate } = props;
  return (
    <div
      role="row"
      class={`grid-row${index % 2 ? " odd" : ""}`}
      aria-rowindex={index + 2}
      data-row={index}
      tabIndex={active ? 0 : -1}
      style={{ transform: `translateY(${top}px)` }}
      onFocus={activate}
      onClick={(event) => {
        if (row && !(event.target as HTMLElement).closest("a") && !getSelection()?.toString()) open(row);
      }}
    >
      {row ? (
        <>
          <div role="gridcell" class="cell name">
            <a href={here("package", { id: row.nevra })} tabIndex={-1}>
              {plainText(row.name)}
            </a>
          </div>
          <div role="gridcell" class="cell version mono">
            {plainText(row.evr)}
          </div>
          <div role="gridcell" class="cell arch">
            {plainText(row.arch)}
          </div>
          <div role="gridcell" class="cell size">
            {formatSize(row.size)}
          </div>
          <div role="gridcell" class="cell built">
            <Day seconds={row.buildTime} />
          </div>
          <div role="gridcell" class="cell licence" title={row.license}>
            {plainText(row.license)}
          </div>
          <div role="gridcell" class="cell text" title={row.summary}>
            {plainText(row.summary)}
          </div>
        </>
      ) : (
        <div role="gridcell" class="cell name quiet">
          …
        </div>
      )}
    </div>
  );
}

/** The rows of what was found, fetched when they come into sight. */
function useRows(reference: string, found: Found, shown: Window, active: number): (index: number) => PackageRow | undefined {
  const cache = useRef<{ query: number; pieces: Map<number, PackageRow[] | "asked"> }>({ query: -1, pieces: new Map() });
  const [, redraw] = useState(0);
  if (cache.current.query !== found.query) {
    cache.current = { query: found.query, pieces: new Map([[0, found.rows]]) };
  }
  const { query, pieces } = cache.current;
  useEffect(() => {
    const from = Math.floor(shown.from / PIECE);
    const to = Math.ceil(Math.min(shown.to, found.count) / PIECE);
    const numbers = [Math.floor(active / PIECE)];
    for (let piece = from; piece < to; piece += 1) numbers.push(piece);
    for (const piece of numbers) {
      if (pieces.has(piece)) continue;
      pieces.set(piece, "asked");
      worker.client.call("rows", [reference, query, piece * PIECE, (piece + 1) * PIECE]).then(
        (rows) => {
          pieces.set(piece, rows);
          redraw((count) => count + 1);
        },
        () => pieces.delete(piece),
      );
    }
  }, [query, shown.from, shown.to, active]);
  return (index) => {
    const piece = pieces.get(Math.floor(index / PIECE));
    return piece === "asked" ? undefined : piece?.[index % PIECE];
  };
}

function useRowHeight(): number {
  const [narrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const query = matchMedia(NARROW);
    const change = (): void => setNarrow(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  return narrow ? ROW_NARROW : ROW;
}
