import { useMemo } from "preact/hooks";
import { formatCount, formatDay, plural } from "../lib/format.ts";
import { histogram, ticks } from "../lib/histogram.ts";
import { Empty, Fold } from "../page/parts.tsx";
import { here } from "../page/state.ts";

const WIDTH = 960;
const HEIGHT = 220;
const LEFT = 76;
const BOTTOM = 24;

/** When the packages were built. */
export function Ages({ times }: { times: Float64Array }) {
  const bars = useMemo(() => histogram(times), [times]);
  const largest = bars.reduce((most, { count }) => Math.max(most, count), 0);
  const unknown = times.filter((time) => !(time > 0)).length;
  if (!bars.length) {
    return (
      <figure>
        <figcaption>
          <h2>When packages were built</h2>
        </figcaption>
        <Empty>No package says when it was built.</Empty>
      </figure>
    );
  }
  const marks = ticks(largest);
  const top = marks.at(-1) || 1;
  const high = HEIGHT - BOTTOM - 8;
  const step = (WIDTH - LEFT) / bars.length;
  const every = Math.ceil(bars.length / 8);
  const newest = times.reduce((a, b) => Math.max(a, b), 0);
  return (
    <figure>
      <figcaption>
        <h2>When packages were built</h2>
        <p class="quiet">
          The newest on {formatDay(newest)}.{unknown > 0 && ` ${plural(unknown, "package")} do not say.`}
        </p>
      </figcaption>
      <svg
        class="chart"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`Packages by the time they were built, from ${bars[0]?.label} to ${bars.at(-1)?.label}; at most ${formatCount(largest)} in one bar`}
      >
        {marks.map((mark) => {
          const y = 8 + high - (mark / top) * high;
          return (
            <g key={mark}>
              <line class="rule" x1={LEFT} x2={WIDTH} y1={y} y2={y} />
              <text class="mark" x={LEFT - 8} y={y + 4} text-anchor="end">
                {formatCount(mark)}
              </text>
            </g>
          );
        })}
        {bars.map(({ label, count }, i) => {
          const height = (count / top) * high;
          return (
            <g key={label}>
              <rect
                class="bar-rect"
                x={LEFT + i * step + step * 0.08}
                y={8 + high - height}
                width={step * 0.84}
                height={height}
              >
                <title>{`${label}: ${plural(count, "package")}`}</title>
              </rect>
              {i % every === 0 && (
                <text class="mark" x={Math.min(LEFT + (i + 0.5) * step, WIDTH - 44)} y={HEIGHT - 6} text-anchor="middle">
                  {label}
                </text>
              )}
            </g>
          );
        })}
      </svg>
      <Fold title="As a table">
        {() => (
          <table>
            <thead>
              <tr>
                <th scope="col">Built</th>
                <th scope="col" class="number">
                  Packages
                </th>
              </tr>
            </thead>
            <tbody>
              {bars
                .filter(({ count }) => count > 0)
                .map(({ label, count, from, to }) => (
                  <tr key={label}>
                    <th scope="row">
                      <a href={here("packages", { since: formatDay(from), until: formatDay(to - 86_400) })}>{label}</a>
                    </th>
                    <td class="number">{formatCount(count)}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        )}
      </Fold>
    </figure>
  );
}
