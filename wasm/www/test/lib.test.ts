import assert from "node:assert/strict";
import { test } from "node:test";

import { formatAge, formatDay, formatSize, parseDay, parseSize, plural, shortDigest } from "../src/lib/format.ts";
import { histogram, ticks } from "../src/lib/histogram.ts";
import { plainText, safeLink } from "../src/lib/link.ts";
import { formatReference, parseReference, skopeoName, withTag } from "../src/lib/reference.ts";
import { formatHash, parseHash } from "../src/lib/route.ts";
import { treemap } from "../src/lib/treemap.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

test("references are taken apart and put together again", () => {
  for (const text of [
    "oci://ghcr.io/me/repo:el9",
    "oci+http://127.0.0.1:5000/me/repo",
    `oci://ghcr.io/me/repo@${DIGEST}`,
    `oci://ghcr.io/me/repo:el9@${DIGEST}`,
    "oci://[::1]:5000/a",
  ]) {
    const parsed = parseReference(text);
    assert.ok(parsed, text);
    assert.equal(formatReference(parsed), text);
  }
  assert.equal(parseReference("oci://127.0.0.1:5000/a:b")?.registry, "127.0.0.1:5000");
});

test("what is no full reference is left to the core", () => {
  for (const text of ["", "me/repo", "ghcr.io/me/repo", "https://ghcr.io/me/repo", "oci://ghcr.io", "oci://user@ghcr.io/a", "oci://ghcr.io/UPPER"]) {
    assert.equal(parseReference(text), undefined, text);
  }
});

test("another tag of a repository drops the digest", () => {
  const reference = parseReference(`oci://ghcr.io/me/repo:el9@${DIGEST}`);
  assert.ok(reference);
  assert.equal(formatReference(withTag(reference, "el10")), "oci://ghcr.io/me/repo:el10");
  assert.equal(skopeoName(reference), `docker://ghcr.io/me/repo@${DIGEST}`);
});

test("a hash says repository, view and parameters", () => {
  const hash = formatHash("oci://ghcr.io/me/repo:el9", "package", { id: "gtk+-0:1.2-1.x86_64", q: "", none: undefined });
  const route = parseHash(hash);
  assert.equal(route.reference, "oci://ghcr.io/me/repo:el9");
  assert.equal(route.view, "package");
  assert.deepEqual({ ...route.parameters }, { id: "gtk+-0:1.2-1.x86_64" });
});

test("a hash of anybody's is harmless", () => {
  assert.equal(parseHash("").reference, "");
  assert.equal(parseHash("#").reference, "");
  assert.equal(parseHash("#oci://a/b?view=__proto__").view, undefined);
  assert.equal(parseHash("#oci://a/b?__proto__=x").parameters["polluted"], undefined);
  assert.equal(Object.getPrototypeOf(parseHash("#oci://a/b?__proto__=x").parameters), null);
  assert.equal(parseHash("#%E0%A4%A").reference, "%E0%A4%A");
});

test("only web addresses become links", () => {
  assert.equal(safeLink("https://example.org/a?b#c"), "https://example.org/a?b#c");
  assert.equal(safeLink(" HTTP://example.org "), "http://example.org/");
  for (const text of [
    "javascript:alert(1)",
    "JaVaScRiPt://example.org/%0aalert(1)",
    "java\nscript:alert(1)",
    "\u0001javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://example.org/x",
    "//example.org",
    "/relative",
    "example.org",
    "https:example.org",
    "https:///",
    "https://user:password@example.org/",
    "https://trusted.example\\@evil.example/",
    "https://exam\u202eple.org/",
    "https://example.org/\nx",
    "ftp://example.org/",
    "",
  ]) {
    assert.equal(safeLink(text), undefined, JSON.stringify(text));
  }
});

test("text that would mislead its reader is shown as it is", () => {
  assert.equal(plainText("a\u202eb\u0000c\u200d"), "a\\u{202e}b\\u{0}c\\u{200d}");
  assert.equal(plainText("<img src=x onerror=alert(1)>\r\n\tnext – ü 漢"), "<img src=x onerror=alert(1)>\n\tnext – ü 漢");
});

test("sizes have three digits and their unit", () => {
  const shown = [0, 999, 1000, 1234, 9996, 45_600_000, 999_500, 123_456_789_012].map(formatSize);
  assert.deepEqual(shown, ["0 B", "999 B", "1.00 kB", "1.23 kB", "10.0 kB", "45.6 MB", "1.00 MB", "123 GB"]);
  assert.equal(formatSize(Number.NaN), "–");
});

test("sizes are typed in the same units", () => {
  assert.equal(parseSize("10M"), 10_000_000);
  assert.equal(parseSize("1.5 GB"), 1_500_000_000);
  assert.equal(parseSize("2048"), 2048);
  assert.equal(parseSize("1,5k"), 1500);
  for (const text of ["", "M", "-1", "1 XB", "1e9"]) assert.equal(parseSize(text), undefined, text);
});

test("days are those of UTC", () => {
  assert.equal(formatDay(1_700_000_000), "2023-11-14");
  assert.equal(formatDay(0), "–");
  assert.equal(formatDay(1e18), "–");
  assert.equal(parseDay("2023-11-14"), 1_699_920_000);
  assert.equal(parseDay("14.11.2023"), undefined);
});

test("ages are in the largest unit", () => {
  const now = 1_700_000_000;
  assert.equal(formatAge(now - 30, now), "just now");
  assert.equal(formatAge(now - 3_600, now), "1 hour ago");
  assert.equal(formatAge(now - 400 * 86_400, now), "1 year ago");
  assert.equal(formatAge(0, now), "–");
});

test("counts agree with their nouns, digests are cut", () => {
  assert.equal(plural(1, "package"), "1 package");
  assert.equal(plural(80_000, "package"), "80,000 packages");
  assert.equal(shortDigest(DIGEST), `sha256:${"a".repeat(12)}…`);
  assert.equal(shortDigest("sha256:abc"), "sha256:abc");
});

test("a treemap fills its area in proportion, without overlaps", () => {
  const values = [500, 300, 120, 80, 40, 40, 7, 3, 1];
  const tiles = treemap(values, 640, 360);
  assert.equal(tiles.length, values.length);
  const total = values.reduce((a, b) => a + b);
  for (const { index, x, y, width, height } of tiles) {
    assert.ok(Math.abs(width * height - ((values[index] as number) / total) * 640 * 360) < 1e-6);
    assert.ok(x >= 0 && y >= 0 && x + width <= 640 + 1e-6 && y + height <= 360 + 1e-6);
  }
  for (const a of tiles) {
    for (const b of tiles) {
      if (a.index === b.index) continue;
      const wide = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
      const high = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
      assert.ok(wide <= 1e-6 || high <= 1e-6, `${a.index} and ${b.index} overlap`);
    }
  }
  // Squarified: the large ones are no slivers.
  for (const { width, height } of tiles.slice(0, 4)) assert.ok(Math.max(width / height, height / width) < 3);
});

test("a treemap of nothing is empty", () => {
  assert.deepEqual(treemap([], 10, 10), []);
  assert.deepEqual(treemap([0, 0], 10, 10), []);
  assert.deepEqual(treemap([1], 0, 10), []);
  assert.equal(treemap([5, 0], 10, 10).length, 1);
});

test("packages are counted by month, or by year when there are many", () => {
  const day = 86_400;
  const months = histogram([1_700_000_000, 1_700_000_000 + 40 * day, 1_700_000_000 + 41 * day, 0]);
  assert.deepEqual(months.map(({ label, count }) => [label, count]), [["2023-11", 1], ["2023-12", 2]]);
  const years = histogram([946_684_800, 1_700_000_000]);
  assert.equal(years.at(0)?.label, "2000");
  assert.equal(years.at(-1)?.label, "2023");
  assert.equal(years.reduce((sum, bar) => sum + bar.count, 0), 2);
  assert.deepEqual(histogram([0, 0]), []);
});

test("axes end at round numbers", () => {
  assert.deepEqual(ticks(87), [0, 50, 100]);
  assert.deepEqual(ticks(100), [0, 50, 100]);
  assert.deepEqual(ticks(0), [0]);
  assert.ok((ticks(1_234_567).at(-1) ?? 0) >= 1_234_567);
});
