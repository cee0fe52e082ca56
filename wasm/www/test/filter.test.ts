import assert from "node:assert/strict";
import { test } from "node:test";

import { EMPTY, filterCount, filtersOf, formOf, nextSort, sortOf } from "../src/lib/filter.ts";
import { rowForKey, scrollTo, windowOf } from "../src/lib/window.ts";

const LICENCES = ["MIT", "GPL-2.0-or-later AND MIT", "Apache-2.0"];

test("a form becomes the filters of the library", () => {
  const form = { ...EMPTY, q: "ssl", arch: "noarch", source: "openssl", licence: "mit gpl", min: "10k", max: "1M", since: "2023-11-14", until: "2023-11-14", latest: "1" };
  assert.deepEqual(filtersOf(form, LICENCES), {
    arch: ["noarch"],
    source: ["openssl"],
    license: ["GPL-2.0-or-later AND MIT"],
    minSize: 10_000,
    maxSize: 1_000_000,
    since: 1_699_920_000,
    until: 1_699_920_000 + 86_399,
    latest: true,
  });
  assert.equal(filterCount(form), 8);
});

test("what cannot be read does not filter, and a licence that is nowhere lets nothing through", () => {
  assert.deepEqual(filtersOf({ ...EMPTY, min: "much", since: "soon" }, LICENCES), {});
  assert.deepEqual(filtersOf({ ...EMPTY, licence: "beer" }, LICENCES), { license: [] });
  assert.equal(filterCount({ ...EMPTY, q: "x", sort: "size" }), 0);
});

test("orders are those that are known", () => {
  assert.deepEqual(sortOf({ ...EMPTY, sort: "-size" }), { by: "size", descending: true });
  assert.equal(sortOf({ ...EMPTY, sort: "__proto__" }), undefined);
  assert.equal(sortOf(EMPTY), undefined);
});

test("a column sorts, sorts the other way, and sorts no more", () => {
  assert.deepEqual([nextSort("", "name"), nextSort("name", "name"), nextSort("-name", "name")], ["name", "-name", ""]);
  assert.deepEqual([nextSort("name", "size"), nextSort("-size", "size"), nextSort("size", "size")], ["-size", "size", ""]);
});

test("a form is read from an address, without what else is there", () => {
  const form = formOf({ q: "a", evil: "x", latest: "1" });
  assert.deepEqual(form, { ...EMPTY, q: "a", latest: "1" });
});

test("only rows around the viewport are drawn", () => {
  assert.deepEqual(windowOf(0, 300, 30, 80_000), { from: 0, to: 22 });
  assert.deepEqual(windowOf(30_000, 300, 30, 80_000), { from: 988, to: 1022 });
  assert.deepEqual(windowOf(2_399_700, 300, 30, 80_000), { from: 79_978, to: 80_000 });
  assert.deepEqual(windowOf(9_999, 300, 30, 3), { from: 3, to: 3 });
  assert.deepEqual(windowOf(0, 300, 30, 0), { from: 0, to: 0 });
});

test("scrolling brings a row into sight, and no further", () => {
  assert.equal(scrollTo(5, 0, 300, 30), 0);
  assert.equal(scrollTo(10, 0, 300, 30), 30);
  assert.equal(scrollTo(2, 300, 300, 30), 60);
});

test("keys move within the table", () => {
  const move = (key: string, row: number) => rowForKey(key, row, 100, 10);
  assert.deepEqual([move("ArrowDown", 0), move("ArrowUp", 0), move("PageDown", 95), move("PageUp", 5), move("Home", 50), move("End", 50)], [1, 0, 99, 0, 0, 99]);
  assert.equal(move("a", 0), undefined);
  assert.equal(rowForKey("End", 0, 0, 10), 0);
});
