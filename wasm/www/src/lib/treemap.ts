/** A squarified treemap (Bruls, Huizing and van Wijk, 2000). */

/** Where a value is drawn, in the units of the area it was laid out in. */
export interface Tile {
  /** Which of the values. */
  index: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * Lays out values in an area, best the largest first. The areas of tiles are in proportion to
 * the values, and together they fill it. Nothing comes after a value that is not positive.
 */
export function treemap(values: readonly number[], width: number, height: number): Tile[] {
  const tiles: Tile[] = [];
  const positive = values.findIndex((value) => !(value > 0));
  const count = positive < 0 ? values.length : positive;
  let total = 0;
  for (let i = 0; i < count; i += 1) total += values[i] as number;
  if (!(total > 0) || !(width > 0) || !(height > 0)) return tiles;
  const scale = (width * height) / total;

  let [x, y, w, h] = [0, 0, width, height];
  let start = 0;
  while (start < count) {
    const side = Math.min(w, h);
    let sum = 0;
    let end = start;
    let worst = Infinity;
    let [largest, smallest] = [0, Infinity];
    while (end < count) {
      const next = (values[end] as number) * scale;
      largest = Math.max(largest, next);
      smallest = Math.min(smallest, next);
      const ratio = worstRatio(largest, smallest, sum + next, side);
      if (ratio > worst) break;
      worst = ratio;
      sum += next;
      end += 1;
    }
    // One strip along the shorter side.
    const thickness = Math.min(sum / side, Math.max(w, h));
    let along = 0;
    for (let i = start; i < end; i += 1) {
      const length = ((values[i] as number) * scale * side) / sum;
      tiles.push(
        w >= h
          ? { index: i, x, y: y + along, width: thickness, height: length }
          : { index: i, x: x + along, y, width: length, height: thickness },
      );
      along += length;
    }
    if (w >= h) {
      x += thickness;
      w = Math.max(w - thickness, 0);
    } else {
      y += thickness;
      h = Math.max(h - thickness, 0);
    }
    // What rounding left over is no place to draw in.
    if (w * h <= 0) break;
    start = end;
  }
  return tiles;
}

/** The worst ratio of sides in a strip whose areas lie between two and sum up to a third. */
function worstRatio(largest: number, smallest: number, sum: number, side: number): number {
  const squared = side * side;
  return Math.max((squared * largest) / (sum * sum), (sum * sum) / (squared * smallest));
}
