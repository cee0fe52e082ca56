// Puts the inspector together: the page, its worker, the style sheet, the WebAssembly module.
//
// OCIREPO_INSPECTOR_OUT   where to, by default target/inspector of the checkout
// OCIREPO_WASM_PACKAGE    the built npm package `ocirepo`, which may be the one that only reads
// OCIREPO_DEMO_PACKAGE    the demo registry, if it was built
import { build } from "esbuild";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.env.OCIREPO_INSPECTOR_OUT ?? join(here, "../../target/inspector"));
const wasm = process.env.OCIREPO_WASM_PACKAGE;
const demo = process.env.OCIREPO_DEMO_PACKAGE;
if (!wasm) {
  console.error("OCIREPO_WASM_PACKAGE must name the built npm package `ocirepo`.");
  process.exit(2);
}

/**
 * What a person waits for before the first view is complete may not be more, gzipped: a little more
 * than it is, so that it does not grow unseen. The aim is 400 kB; the module has to shrink for it.
 */
const MOST = 545_000;

/** Parts of the first view. The rest is loaded when it is asked for. */
const FIRST = ["index.html", "app.css", "app.js", "worker.js", "ocirepo_bg.wasm", "icon.svg"];

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const common = {
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome111", "firefox113", "safari16.4"],
  legalComments: "none",
  logLevel: "warning",
  outdir: out,
};
await build({
  ...common,
  entryPoints: { app: join(here, "src/page/main.tsx") },
  jsx: "automatic",
  jsxImportSource: "preact",
});
await build({
  ...common,
  entryPoints: { worker: join(here, "src/worker/main.ts") },
  alias: { ocirepo: join(resolve(wasm), "ocirepo.js") },
  // The module of a page has nothing that changes a registry.
  logOverride: { "import-is-undefined": "silent" },
  // Asked for where the package runs in Node alone.
  external: ["node:*"],
});
await build({ ...common, entryPoints: { app: join(here, "src/style/app.css") } });
for (const name of ["index.html", "icon.svg"]) cpSync(join(here, "src", name), join(out, name));
cpSync(join(wasm, "ocirepo_bg.wasm"), join(out, "ocirepo_bg.wasm"));
// Its JavaScript is in the worker already.
cpSync(join(wasm, "extra/ocirepo_extra_bg.wasm"), join(out, "extra/ocirepo_extra_bg.wasm"));
if (demo) cpSync(demo, join(out, "demo"), { recursive: true });

let first = 0;
for (const name of filesOf(out)) {
  const packed = gzipSync(readFileSync(join(out, name)), { level: 9 }).length;
  const needed = FIRST.includes(name);
  if (needed) first += packed;
  const size = statSync(join(out, name)).size;
  console.log(`    ${name.padEnd(36)} ${size.toString().padStart(9)} B ${packed.toString().padStart(9)} B gzipped${needed ? "" : ", when asked for"}`);
}
console.log(`    first view: ${first} B gzipped, ${MOST} B at most`);
if (first > MOST) {
  console.error(`The first view is ${first - MOST} bytes too large.`);
  process.exit(1);
}

function filesOf(directory, prefix = "") {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? filesOf(join(directory, entry.name), `${prefix}${entry.name}/`)
      : [`${prefix}${entry.name}`],
  );
}
