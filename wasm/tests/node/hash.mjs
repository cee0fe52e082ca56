// How fast the package hashes what arrives, beside sha2 alone in WebAssembly: `cargo xtask npm-hash`.
//
// The package gets its chunks from JavaScript, of a size as fetch gives them; sha2 alone hashes
// a piece of that size that is in its memory all the time.
//
// OCIREPO_NPM       the built package
// OCIREPO_MEASURE   the built module with sha2 alone

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

const MEBI = 1024 * 1024;
const TIMES = 256;
const ROUNDS = 7;

/** A module as wasm-bindgen made it. */
async function load(directory, script, module) {
  const found = await import(new URL(script, `file://${directory}/`).href);
  await found.default({ module_or_path: await readFile(`${directory}/${module}`) });
  return found;
}

const wasm = await load(process.env.OCIREPO_NPM, "ocirepo_bg.js", "ocirepo_bg.wasm");
const alone = await load(process.env.OCIREPO_MEASURE, "measure.js", "measure_bg.wasm");

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const seconds = (work) => {
  const before = process.cpuUsage();
  work();
  return process.cpuUsage(before).user / 1e6;
};

for (const size of [MEBI / 16, MEBI]) {
  const piece = new Uint8Array(size).fill(7);
  const times = (TIMES * MEBI) / size;
  const expected = createHash("sha256");
  for (let at = 0; at < times; at += 1) expected.update(piece);
  const digest = expected.digest("hex");
  const [package_, sha2] = [[], []];
  // In turn, so that what others do on the machine is shared by both.
  for (let round = 0; round < ROUNDS; round += 1) {
    package_.push(seconds(() => {
      const partial = new wasm.Partial(`oci://registry.example/a@sha256:${digest}`, TIMES * MEBI);
      for (let at = 0; at < times; at += 1) {
        if (!partial.feed(piece)) throw new Error("the package hashed something else");
      }
      partial.free();
    }));
    sha2.push(seconds(() => {
      const found = Buffer.from(alone.hash(piece, times)).toString("hex");
      if (found !== digest) throw new Error(`sha2 alone found ${found}`);
    }));
  }
  const rate = (list) => (TIMES * MEBI) / median(list) / 1e6;
  const [one, other] = [rate(package_), rate(sha2)];
  console.log(`in chunks of ${size / 1024} KiB: ${one.toFixed(0)} MB/s in the package, ${other.toFixed(0)} MB/s by sha2 alone: ${((100 * one) / other).toFixed(0)} %`);
}
