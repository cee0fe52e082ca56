// Real packages in a real registry: `ocirepo registry`, filled by `ocirepo push`.

import { spawn, spawnSync } from "node:child_process";
import { createServer, request } from "node:http";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";

const program = process.env.OCIREPO_BIN;
if (!program) throw new Error("OCIREPO_BIN must name the program");

export const ocirepo = await import(
  new URL("ocirepo.js", `file://${process.env.OCIREPO_NPM}/`).href
);

export function run(name, ...parameters) {
  const ended = spawnSync(name, parameters, { encoding: "utf8" });
  if (ended.status !== 0) {
    throw new Error(`${name} ${parameters.join(" ")}: ${ended.error ?? ended.stderr}`);
  }
  return ended.stdout;
}

/** A directory that goes with the process. */
export function scratch() {
  const directory = mkdtempSync(join(tmpdir(), "ocirepo-npm-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A registry of the program's own; resolves with its address. */
export async function registry(...options) {
  const child = spawn(program, ["--json", "registry", "--listen", "127.0.0.1:0", ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.on("exit", () => child.kill());
  const [line] = await once(child.stdout, "data");
  const { listening } = JSON.parse(String(line));
  return { address: new URL(listening).host, stop: () => child.kill() };
}

const SPEC = (name, version, more) => `
Name: ${name}
Version: ${version}
Release: 1
Summary: The ${name} of the tests
License: MIT
URL: https://example.org/${name}
BuildArch: noarch
${more}
%description
What ${name} is for, in more than one word.
%install
mkdir -p %{buildroot}/usr/share/${name}
head -c 20000 /dev/urandom > %{buildroot}/usr/share/${name}/data
%files
/usr/share/${name}
%changelog
* Thu Jan 02 2025 Tester <tester@example.org> - ${version}-1
- Made for the tests
`;

/** Builds packages; returns their files. */
export function packages(directory) {
  const made = [
    ["alpha", "1.0", "Requires: beta >= 2\n"],
    ["alpha", "1.1", "Requires: beta >= 2\n"],
    ["beta", "2.0", "Provides: beta(feature) = 7\n"],
    ["gamma", "3.0", "Requires: nowhere\n"],
  ];
  for (const [name, version, more] of made) {
    const spec = join(directory, `${name}-${version}.spec`);
    writeFileSync(spec, SPEC(name, version, more));
    run("rpmbuild", "-bb", "--quiet", "--define", `_topdir ${directory}/build`, "--define",
      `_rpmdir ${directory}`, "--define", "_binary_payload w1.gzdio", spec);
  }
  const folder = join(directory, "noarch");
  return readdirSync(folder).sort().map((file) => join(folder, file));
}

/** An OpenPGP key: the file to sign with, and the certificate. */
export function key(directory) {
  const home = mkdtempSync(join(directory, "gnupg-"));
  const gpg = (...parameters) =>
    run("gpg", "--homedir", home, "--batch", "--quiet", "--yes", "--passphrase", "",
      "--pinentry-mode", "loopback", ...parameters);
  gpg("--quick-generate-key", "Tester <tester@example.org>", "ed25519", "sign", "never");
  const secret = join(directory, "secret.asc");
  gpg("--armor", "--output", secret, "--export-secret-keys");
  const certificate = join(directory, "RPM-GPG-KEY-tests");
  gpg("--armor", "--output", certificate, "--export");
  spawnSync("gpgconf", ["--homedir", home, "--kill", "all"]);
  return { secret, certificate, bytes: new Uint8Array(readFileSync(certificate)) };
}

export function push(...parameters) {
  return run(program, "--quiet", "push", ...parameters);
}

/**
 * A proxy before a registry. `change(request, response, body)` sees every response and may
 * change its `headers` and `status`, and returns the body to send.
 */
export async function proxy(target, change) {
  const [host, port] = target.split(":");
  const server = createServer((asked, answer) => {
    const { method, url, headers } = asked;
    const passed = request({ host, port, method, path: url, headers }, async (response) => {
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      const seen = { status: response.statusCode, headers: { ...response.headers } };
      const body = await change(asked, seen, Buffer.concat(chunks));
      answer.writeHead(seen.status, seen.headers);
      if (body === undefined) return; // The head alone: the body never comes.
      answer.end(body);
    });
    asked.pipe(passed);
    passed.on("error", () => answer.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { address: `127.0.0.1:${server.address().port}`, stop };
}
