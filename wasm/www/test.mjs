// Compiles the tests and runs them with Node's own runner. The last line is one that the
// project's totals understand.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const outdir = mkdtempSync(join(tmpdir(), "inspector-tests-"));
try {
  const tests = readdirSync(join(here, "test")).filter((name) => /\.test\.tsx?$/.test(name));
  await build({
    entryPoints: tests.map((name) => join(here, "test", name)),
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node18",
    jsx: "automatic",
    jsxImportSource: "preact",
    sourcemap: "inline",
    logLevel: "warning",
  });
  const compiled = readdirSync(outdir).map((name) => join(outdir, name));
  const { status } = spawnSync(
    process.execPath,
    ["--enable-source-maps", `--test-reporter=${join(here, "reporter.mjs")}`, "--test", ...compiled],
    { stdio: "inherit" },
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(outdir, { recursive: true });
}
