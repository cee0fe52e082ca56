import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { formatSize, plural } from "../lib/format.ts";
import { treemap } from "../lib/treemap.ts";
import { Empty, Fold, Text } from "../page/parts.tsx";
import { here } from "../page/state.ts";
import type { Overview } from "../protocol.ts";

/** More tiles than this are too small to be told apart. */
const MOST = 250;

const HEIGHT = 420;

/** How much room each source package takes in the registry. */
export function Sources({ overview }: { overview: Overview }) {
  const area = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [active, setActive] = useState(0);
  useEffect(() => {
    const element = area.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const sorted = useMemo(
    () => overview.sources.filter(({ size }) => size > 0).sort((a, b) => b.size - a.size),
    [overview],
  );
  const shown = useMemo(() => sorted.slice(0, MOST), [sorted]);
  const left = sorted.slice(MOST).reduce((sum, { size }) => sum + size, 0);
  const tiles = useMemo(() => treemap(shown.map(({ size }) => size), width, HEIGHT), [shown, width]);
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(Math.max(active + step, 0), tiles.length - 1);
    setActive(next);
    area.current?.querySelectorAll<HTMLElement>(".tile")[next]?.focus();
  };
  if (!shown.length) return <Empty>There are no packages to draw.</Empty>;
  return (
    <figure>
      <figcaption>
        <h2>Size by source package</h2>
        <p class="quiet">
          {formatSize(overview.size)} in {plural(overview.sources.length, "source package")}. A tile leads to the packages
          of its source.
          {left > 0 &&
            ` Drawn are the ${MOST} largest; ${plural(sorted.length - MOST, "other")} with ${formatSize(left)} are not.`}
        </p>
      </figcaption>
      <div
        class="treemap"
        ref={area}
        role="group"
        aria-label="Source packages by size, the largest first"
        style={{ height: `${HEIGHT}px` }}
        onKeyDown={move}
      >
        {tiles.map(({ index, x, y, width: w, height: h }) => {
          const one = shown[index];
          if (!one) return null;
          const label = `${one.value} ${formatSize(one.size)}, ${plural(one.count, "package")}`;
          const share = one.size / (shown[0]?.size ?? 1);
          return (
            <a
              key={index}
              class="tile"
              href={here("packages", { source: one.value })}
              title={label}
              aria-label={label}
              tabIndex={index === active ? 0 : -1}
              onFocus={() => setActive(index)}
              style={{
                left: `${x}px`,
                top: `${y}px`,
                width: `${Math.max(w - 1, 0)}px`,
                height: `${Math.max(h - 1, 0)}px`,
                // How dark a tile is says the same as its size, for a quick look.
                "--share": share.toFixed(3),
              }}
            >
              {w > 44 && h > 22 && (
                <>
                  <span class="tile-name">
                    <Text>{one.value}</Text>
                  </span>{" "}
                  {h > 40 && w > 60 && <span class="tile-size">{formatSize(one.size)}</span>}
                </>
              )}
            </a>
          );
        })}
      </div>
      <Fold title="As a table">
        {() => (
          <div class="scroll" tabIndex={0} role="region" aria-label="Source packages by size">
            <table>
              <thead>
                <tr>
                  <th scope="col">Source</th>
                  <th scope="col" class="number">
                    Size
                  </th>
                  <th scope="col" class="number">
                    Packages
                  </th>
                </tr>
              </thead>
              <tbody>
                {shown.map(({ value, size, count }) => (
                  <tr key={value}>
                    <th scope="row">
                      <Text>{value}</Text>
                    </th>
                    <td class="number">{formatSize(size)}</td>
                    <td class="number">{count.toLocaleString("en")}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Fold>
    </figure>
  );
}
