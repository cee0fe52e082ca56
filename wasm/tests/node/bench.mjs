// `OCIREPO_NPM=… node wasm/tests/node/bench.mjs [PACKAGES]`: how long reading and searching take.
//
// In Node and without a page, so that what is measured is the package.

import { madeUp } from "./made-up.mjs";

const { Client, init } = await import(new URL("ocirepo.js", `file://${process.env.OCIREPO_NPM}/`).href);
const { location, size, openSize, stop } = await madeUp(Number(process.argv[2] ?? 80000));

await init();
const client = new Client();
const repository = await client.open(location);
const start = performance.now();
let arrived = start;
let atArrival = process.cpuUsage();
const table = await repository.packages({ progress: ({ phase, done, total }) => { if (phase === "download" && done === total) { arrived = performance.now(); atArrival = process.cpuUsage(); } } });
const read = performance.now();
const used = process.cpuUsage(atArrival).user / 1000;
const first = table.rows(table.search("").slice(0, 50));
const shown = performance.now();
const ms = (number) => number.toFixed(1);
console.log(`${table.length} packages, primary ${(size / 1e6).toFixed(1)} MB, ${(openSize / 1e6).toFixed(1)} MB uncompressed`);
console.log(`download and hash ${ms(arrived - start)} ms; from the arrival to a sorted table ${ms(read - arrived)} ms (${ms(used)} ms of CPU time), to its first ${first.length} rows ${ms(shown - arrived)} ms`);
console.log(`table ${(table.memory / 1e6).toFixed(1)} MB, ${Math.round(table.memory / table.length)} bytes a package`);
const keys = [];
for (const text of ["python3-json", "rust-", "kernel devel", "render vector", "zzz"]) {
  for (let end = 1; end <= text.length; end += 1) {
    // CPU time: what others do on the machine is no part of it.
    const before = process.cpuUsage();
    const found = table.search(text.slice(0, end));
    table.rows(found.slice(0, 50));
    keys.push(process.cpuUsage(before).user / 1000);
  }
}
keys.sort((a, b) => a - b);
console.log(`a keystroke, with 50 rows: median ${ms(keys[keys.length >> 1])} ms of CPU time, worst ${ms(keys.at(-1))} ms of ${keys.length}`);
for (const by of ["size", "buildTime", "source", "license"]) {
  const before = performance.now();
  table.search("", {}, { by });
  const once = performance.now();
  table.search("", { arch: ["x86_64"], latest: true }, { by, descending: true });
  console.log(`sorted by ${by}: first ${ms(once - before)} ms, then ${ms(performance.now() - once)} ms with filters`);
}
const asked = performance.now();
await table.readDependencies();
console.log(`dependencies: ${ms(performance.now() - asked)} ms; the table takes ${(table.memory / 1e6).toFixed(0)} MB then`);
const before = performance.now();
table.dependencies(table.length >> 1);
const then = performance.now();
table.dependencies(7);
console.log(`those of a package: first ${ms(then - before)} ms, then ${ms(performance.now() - then)} ms`);
client.close();
stop();
