// The npm package against the real program: every layout, and what goes wrong.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { key, ocirepo, packages, proxy, push, registry, scratch } from "./world.mjs";

const { Client, OcirepoError, diff, init, parseReference, version } = ocirepo;
const LAYOUTS = ["files", "index", "native", "tree"];

const directory = scratch();
let files, signer, open, basic, client;

before(async () => {
  files = packages(directory);
  signer = key(directory);
  [open, basic] = await Promise.all([
    registry(),
    registry("--auth", "bearer", "--user", "me", "--password", "secret"),
  ]);
  client = new Client();
  for (const layout of LAYOUTS) {
    const tag = layout === "tree" ? "latest" : "el9";
    push(...files.filter((file) => !file.includes("alpha-1.1")), "--layout", layout,
      "--sign-key", signer.secret, `oci://${open.address}/test/${layout}:${tag}`);
  }
  push(...files, "--layout", "files", `oci://${open.address}/test/files:el10`);
});

after(() => {
  client.close();
  open.stop();
  basic.stop();
});

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const refused = async (promise, kind) => {
  const error = await promise.then(
    () => assert.fail("it should have failed"),
    (error) => error,
  );
  assert.ok(error instanceof OcirepoError, String(error));
  assert.equal(error.kind, kind, error.message);
  return error;
};

test("references are taken apart", async () => {
  await init();
  const found = parseReference("oci://registry.example:5000/me/repo:el9");
  assert.deepEqual(found, {
    location: "oci://registry.example:5000/me/repo:el9",
    registry: "registry.example:5000",
    origin: "https://registry.example:5000",
    name: "me/repo",
    tag: "el9",
  });
  assert.throws(() => parseReference("oci://x"), OcirepoError);
  const about = JSON.parse(readFileSync(`${process.env.OCIREPO_NPM}/package.json`));
  assert.equal(about.version, version);
});

test("manifests, tags, catalogue, blobs and ranges", async () => {
  const repository = `oci://${open.address}/test/files`;
  await client.ping(open.address);
  assert.deepEqual((await client.tags(repository)).filter((tag) => /^el\d+$/.test(tag)), ["el10", "el9"]);
  assert.ok((await client.catalog(open.address)).includes("test/files"));
  const manifest = await client.manifest(`${repository}:el9`);
  assert.equal(manifest.kind, "image");
  assert.equal(`sha256:${sha256(manifest.bytes)}`, manifest.digest);
  assert.equal((await client.resolve(`${repository}:el9`)).digest, manifest.digest);
  assert.deepEqual(await client.referrers(`${repository}:el9`), []);
  const layer = manifest.layers.find((layer) => layer.size > 10000);
  const reference = `${repository}@${layer.digest}`;
  const bytes = await client.blob(reference, { size: layer.size }).bytes();
  assert.equal(`sha256:${sha256(bytes)}`, layer.digest);
  const range = await client.range(reference, 10, 20);
  assert.equal(range.verified, false);
  assert.deepEqual(range.bytes, bytes.slice(10, 20));
  await refused(client.blob(reference, { size: layer.size }).bytes({ limit: 100 }), "too-large");
  await refused(client.manifest(`${repository}:none`), "not-found");
});

for (const layout of LAYOUTS) {
  test(`a repository in the layout ${layout}`, async () => {
    const tag = layout === "tree" ? "" : ":el9";
    const repository = await client.open(`oci://${open.address}/test/${layout}${tag}`);
    assert.equal(repository.layout, layout);
    assert.equal(repository.signed, true);
    assert.equal(repository.root?.digest, layout === "tree" ? undefined : repository.digest);
    const table = await repository.packages();
    assert.equal(table.length, 3);
    const [alpha] = table.search("alpha");
    const [row] = table.rows([alpha]);
    assert.equal(row.nevra, "alpha-1.0-1.noarch");
    const details = table.details(alpha);
    assert.equal(details.homepage, "https://example.org/alpha");
    assert.match(details.description, /more than one word/);
    assert.equal(table.hasDependencies, false);
    for (const unread of [() => table.dependencies(alpha), () => table.providers("beta"), () => table.search("requires:beta")]) {
      assert.throws(unread, { kind: "input", message: /readDependencies/ });
    }
    await table.readDependencies();
    assert.equal(table.hasDependencies, true);
    const requires = table.dependencies(alpha).requires.find((entry) => entry.name === "beta");
    assert.deepEqual(requires.providers.map((one) => one.nevra), ["beta-2.0-1.noarch"]);
    assert.equal(table.search("provides:beta(feature)").length, 1);
    assert.deepEqual(table.requiredBy("beta"), Uint32Array.of(alpha));
    assert.deepEqual(table.arches().map((one) => one.value), ["noarch"]);
    const listed = await table.files(alpha);
    assert.ok(listed.some((file) => file.path === "/usr/share/alpha/data"));
    const [change] = await table.changes(alpha);
    assert.match(change.text, /Made for the tests/);

    const original = readFileSync(files.find((file) => file.includes("alpha-1.0")));
    const download = await table.download(alpha);
    assert.equal(download.digest, `sha256:${sha256(original)}`);
    assert.equal(download.size, original.length);
    assert.deepEqual(Buffer.from(await download.bytes()), original);
    assert.equal((await download.verdict).verified, true);

    const header = await table.header(alpha);
    assert.equal(header.verified, false);
    assert.ok(header.bytesRead < original.length / 2, `${header.bytesRead} bytes were read`);
    assert.deepEqual(header.differs, []);
    assert.ok(header.dependencies.requires.some((entry) => entry.name === "beta"));
    assert.ok(header.files.some((file) => file.path === "/usr/share/alpha/data"));

    const good = await repository.signature({ keys: [signer.bytes] });
    assert.equal(good.state, "good", JSON.stringify(good));
    assert.equal(good.signatures[0].userId, "Tester <tester@example.org>");
    const repomd = await (await repository.file("repodata/repomd.xml")).bytes();
    assert.deepEqual(repomd, repository.repomd);
    await refused(repository.file("nothing/here"), "not-found");
    table.free();
    repository.close();
  });
}

// The program does not write them, so they are made of what it wrote.
for (const [form, end] of [["xz", "xz"], ["bzip2", "bz2"]]) {
  test(`metadata that is compressed with ${form} is read by the second module`, async () => {
    const from = await client.open(`oci://${open.address}/test/files:el9`);
    const record = from.records.find(({ type }) => type === "primary");
    const plain = gunzipSync(await (await from.file(record.path)).bytes());
    const packed = execFileSync(form, ["-c"], { input: plain });
    const path = `repodata/primary.xml.${end}`;
    const to = `oci://${open.address}/test/${form}`;
    const publish = async (tag, stored, checksum) => {
      const repomd = Buffer.from(`<repomd><data type="primary"><checksum type="sha256">${checksum}</checksum><location href="${path}"/><size>${stored.length}</size></data></repomd>`);
      const layers = [];
      for (const [bytes, title] of [[repomd, "repodata/repomd.xml"], [stored, path]]) {
        const { digest, size } = await client.push(to, new Blob([bytes]));
        layers.push({ mediaType: "application/octet-stream", digest, size,
          annotations: { "org.opencontainers.image.title": title } });
      }
      const config = { mediaType: "application/vnd.oci.empty.v1+json",
        ...(await client.push(to, new Blob(["{}"]))) };
      const manifest = { schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
        artifactType: "application/x-test", config, layers };
      await client.pushManifest(`${to}:${tag}`, new TextEncoder().encode(JSON.stringify(manifest)));
      return client.open(`${to}:${tag}`);
    };
    const table = await (await publish("good", packed, sha256(packed))).packages();
    assert.deepEqual(table.rows(table.search("")).map(({ nevra }) => nevra),
      ["alpha-1.0-1.noarch", "beta-2.0-1.noarch", "gamma-3.0-1.noarch"]);
    const cut = packed.subarray(0, -30);
    const error = await refused((await publish("cut", cut, sha256(cut))).packages(), "malformed");
    assert.ok(error.message.includes(path), error.message);
    const other = await publish("other", packed, sha256("something else"));
    await assert.rejects(other.packages(), OcirepoError);
  });
}

test("two tags differ in what was added", async () => {
  const tables = await Promise.all(
    ["el9", "el10"].map(async (tag) => {
      const repository = await client.open(`oci://${open.address}/test/files:${tag}`);
      return repository.packages();
    }),
  );
  const found = diff(...tables);
  assert.equal(found.unchanged, 3);
  assert.deepEqual(found.changes.map((one) => [one.change, one.new.nevra]), [
    ["added", "alpha-1.1-1.noarch"],
  ]);
  assert.equal(tables[1].search("alpha", { latest: true }).length, 1);
  const one = tables[1].search("", {}, { by: "name", descending: true });
  assert.equal(tables[1].rows(one)[0].name, "gamma");
});

test("a wrong byte is refused, and the file never appears", async () => {
  const middle = await proxy(open.address, (asked, _, body) => {
    if (asked.url.includes("/blobs/") && body.length > 10000) body[5000] ^= 1;
    return body;
  });
  const repository = await client.open(`oci+http://${middle.address}/test/files:el9`);
  const table = await repository.packages();
  const [id] = table.search("alpha");
  const written = [];
  let end = "open";
  const file = new WritableStream({
    write: (chunk) => void written.push(chunk),
    close: () => void (end = "closed"),
    abort: () => void (end = "aborted"),
  });
  const download = await table.download(id);
  const error = await refused(download.pipeTo(file), "corrupt");
  assert.match(error.message, /sha256/);
  assert.match(error.hint, /Do not use what came/);
  assert.equal(end, "aborted");
  await refused(download.verdict, "corrupt");
  middle.stop();
});

test("an abort ends what is under way, with the reason of the signal", async () => {
  let reached;
  const waiting = new Promise((resolve) => (reached = resolve));
  const middle = await proxy(open.address, (asked, _, body) => {
    if (!asked.url.includes("/blobs/")) return body;
    reached();
    return undefined;
  });
  const controller = new AbortController();
  const opening = client.open(`oci+http://${middle.address}/test/files:el9`, {
    signal: controller.signal,
  });
  opening.catch(() => {});
  await waiting;
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(opening, reason);
  await assert.rejects(
    client.tags(`oci://${open.address}/test/files`, { signal: AbortSignal.abort(reason) }),
    reason,
  );
  middle.stop();
});

test("progress is told", async () => {
  const told = [];
  const repository = await client.open(`oci://${open.address}/test/files:el9`);
  await repository.packages({ progress: (progress) => told.push(progress) });
  assert.ok(told.some((one) => one.phase === "download" && one.done === one.total));
  assert.deepEqual(told.at(-1), { phase: "read", done: 3, total: 3, what: told.at(-1).what });
});

test("credentials open a private registry, and only that", async () => {
  const reference = `oci://${basic.address}/test/private`;
  const error = await refused(client.tags(reference), "unauthorized");
  assert.match(error.hint, /user name and password/);
  assert.equal(error.registry, basic.address);
  const asked = [];
  const asking = new Client({
    onCredentials: (registry) => {
      asked.push(registry);
      return { username: "me", password: "secret" };
    },
  });
  await refused(asking.manifest(`${reference}:latest`), "not-found");
  assert.deepEqual(asked, [basic.address]);
  const given = new Client({
    credentials: { [basic.address]: { username: "me", password: "wrong" } },
  });
  await refused(given.tags(reference), "unauthorized");
  given.setCredentials(basic.address, { username: "me", password: "secret" });
  await refused(given.manifest(`${reference}:latest`), "not-found");
});

test("a gateway is asked in place of the registry", async () => {
  const asked = [];
  const middle = await proxy(open.address, (request, _, body) => {
    asked.push(request.url);
    return body;
  });
  // It takes the place of a gateway that knows one registry.
  const gateway = await proxy(middle.address, (_, __, body) => body);
  const through = new Client({ gateway: `http://${gateway.address}/gateway/` });
  await through.ping("registry.example").catch(() => {});
  assert.deepEqual(asked, ["/gateway/registry.example/v2/"]);
  middle.stop();
  gateway.stop();
});

test("what is not there says so", async () => {
  const lonely = new Client();
  const error = await refused(lonely.tags("oci://127.0.0.1:9/x"), "network");
  assert.match(error.message, /127.0.0.1:9/);
  await refused(client.open(`oci://${open.address}/test/none:el9`), "not-found");
  await refused(client.manifest("oci://x"), "input");
});
