/** Which rows of a long table are drawn. */

/** The rows from `from` up to `to`, which is not one of them. */
export interface Window {
  from: number;
  to: number;
}

/** What a viewport shows, and some rows around it, so that scrolling finds them there. */
export function windowOf(top: number, height: number, rowHeight: number, count: number, around = 12): Window {
  const first = Math.floor(top / rowHeight);
  const from = Math.min(Math.max(first - around, 0), count);
  const to = Math.min(Math.max(Math.ceil((top + height) / rowHeight) + around, from), count);
  return { from, to };
}

/** Where to scroll so that a row is in sight; `top` if it is already. */
export function scrollTo(row: number, top: number, height: number, rowHeight: number): number {
  const begin = row * rowHeight;
  if (begin < top) return begin;
  if (begin + rowHeight > top + height) return begin + rowHeight - height;
  return top;
}

/** The row that a key leads to, or `undefined` for other keys. */
export function rowForKey(key: string, row: number, count: number, page: number): number | undefined {
  const target = ((): number | undefined => {
    switch (key) {
      case "ArrowDown":
        return row + 1;
      case "ArrowUp":
        return row - 1;
      case "PageDown":
        return row + page;
      case "PageUp":
        return row - page;
      case "Home":
        return 0;
      case "End":
        return count - 1;
      default:
        return undefined;
    }
  })();
  return target === undefined ? undefined : Math.min(Math.max(target, 0), Math.max(count - 1, 0));
}
