/** Counts over time, and the axes of pictures. */

/** One bar: what falls into `[from, to)`, in seconds since 1970. */
export interface Bar {
  from: number;
  to: number;
  count: number;
  label: string;
}

/**
 * Counts moments by month, or by quarter or year where that would be more than 48 bars. Moments
 * that are not known (0) are left out.
 */
export function histogram(moments: ArrayLike<number>): Bar[] {
  let first = Infinity;
  let last = -Infinity;
  for (let i = 0; i < moments.length; i += 1) {
    const moment = moments[i] as number;
    if (!(moment > 0)) continue;
    if (moment < first) first = moment;
    if (moment > last) last = moment;
  }
  if (last < first) return [];
  const from = monthOf(first);
  const to = monthOf(last);
  const months = [1, 3, 12].find((step) => (to - from) / step < 48) ?? 12;
  const begin = from - (from % months);
  const bars: Bar[] = [];
  for (let month = begin; month <= to; month += months) {
    bars.push({
      from: startOf(month),
      to: startOf(month + months),
      count: 0,
      label: labelOf(month, months),
    });
  }
  for (let i = 0; i < moments.length; i += 1) {
    const moment = moments[i] as number;
    if (!(moment > 0)) continue;
    const bar = bars[Math.floor((monthOf(moment) - begin) / months)];
    if (bar) bar.count += 1;
  }
  return bars;
}

/** Months since the year 0. */
function monthOf(seconds: number): number {
  const date = new Date(seconds * 1000);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

function startOf(month: number): number {
  return Date.UTC(Math.floor(month / 12), month % 12, 1) / 1000;
}

function labelOf(month: number, step: number): string {
  const year = Math.floor(month / 12);
  if (step === 12) return `${year}`;
  if (step === 3) return `${year} Q${Math.floor((month % 12) / 3) + 1}`;
  return `${year}-${String((month % 12) + 1).padStart(2, "0")}`;
}

/** Round numbers from 0 to at least the largest value, about as many as asked for. */
export function ticks(largest: number, about = 4): number[] {
  if (!(largest > 0)) return [0];
  const rough = largest / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const found = [];
  for (let i = 0; (i - 1) * step < largest; i += 1) found.push(i * step);
  return found;
}
