import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

import { indentJson, splitDigests } from "../src/lib/json.ts";
import { command, quote, repoFile } from "../src/lib/shell.ts";
import { kindsOf, snapshotsOf } from "../src/lib/tags.ts";
import { packagesOf } from "../src/worker/layers.ts";
import { textOf } from "../src/worker/text.ts";

test("a shell reads each word back as it was", () => {
  for (const word of ["bash-5.3-1.x86_64", "$(touch /tmp/x)", "a'b\"c`d", "; rm -rf ~", "*", "-e", "~", "", "a b", "\\", "!x", "gtk+", "x\u202ey"]) {
    const { stdout } = spawnSync("sh", ["-c", `printf %s ${quote(word)}`], { encoding: "utf8" });
    assert.equal(stdout, word);
  }
});

test("a copied command is one line, whatever a name holds", () => {
  const text = command("dnf install", "evil\nrm -rf ~\r\u0007");
  assert.equal(text, "dnf install 'evil rm -rf ~ '");
  assert.equal(command("dnf install", "bash"), "dnf install bash");
});

test("a file for dnf has one section, whatever a name holds", () => {
  const text = repoFile("oci://ghcr.io/me/repo:el9", "me/repo\n[evil]\nbaseurl=x", true);
  assert.match(text, /^\[me-repo-evil-baseurl-x\]\nname=me\/repo \[evil\] baseurl=x\nbaseurl=oci:\/\/ghcr\.io\/me\/repo:el9\n/);
  assert.match(text, /repo_gpgcheck=1/);
  assert.doesNotMatch(repoFile("oci://a/b", "b", false), /repo_gpgcheck/);
});

test("JSON is indented without being understood", () => {
  assert.equal(
    indentJson('{"a":[1.0,2e3,{"b":"x,{}[]:\\"y"}],"c":{},"d":[ ],"a":null}'),
    '{\n  "a": [\n    1.0,\n    2e3,\n    {\n      "b": "x,{}[]:\\"y"\n    }\n  ],\n  "c": {},\n  "d": [],\n  "a": null\n}',
  );
});

test("what is no JSON does not hang or throw", () => {
  for (const text of ["", "{", "}}}}", '"open', "[[[[", "a b c", "\\", "{".repeat(10_000)]) {
    assert.equal(indentJson(text).replace(/\s/g, ""), text.replace(/\s/g, ""));
  }
});

test("digests are found in text, and only whole ones", () => {
  const digest = `sha256:${"0a".repeat(32)}`;
  assert.deepEqual(splitDigests(`x"${digest}"y`), [
    { text: 'x"', digest: false },
    { text: digest, digest: true },
    { text: '"y', digest: false },
  ]);
  assert.ok(splitDigests(`${digest}0 sha256:ff`).every((piece) => !piece.digest));
  assert.deepEqual(splitDigests(""), []);
});

test("tags are told apart by their names", () => {
  const tags = ["el9", "el9-s2-0123456789ab", "el9-s10-0123456789ab", "el10-s1-0123456789ab", `c-${"a".repeat(64)}`, `p-${"b".repeat(64)}`, `sha256-${"c".repeat(64)}.sig`, "el9-s2-0123456789ab-u1795534254", "v1-s2"];
  const { moving, snapshots, content } = kindsOf(tags);
  assert.deepEqual(moving, ["el9", "v1-s2"]);
  assert.deepEqual(snapshots, ["el9-s10-0123456789ab", "el9-s2-0123456789ab", "el10-s1-0123456789ab"]);
  assert.equal(content.length, 4);
  assert.deepEqual(snapshotsOf(tags, "el9"), ["el9-s10-0123456789ab", "el9-s2-0123456789ab"]);
});

test("packages among layers are counted once", () => {
  const layer = (title: string, digest: string, size: number) => ({ digest, size, annotations: { "org.opencontainers.image.title": title } });
  const one = { layers: [layer("a.rpm", "sha256:1", 10), layer("repodata/repomd.xml", "sha256:2", 5)] };
  const two = { layers: [layer("b.rpm", "sha256:3", 7), layer("a.rpm", "sha256:1", 10)] };
  assert.deepEqual(packagesOf([one, two]), { packages: 2, size: 17 });
  assert.equal(packagesOf([{ layers: [{ digest: "sha256:1", size: 1 }] }]), undefined);
});

test("only text is shown as text", () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  assert.equal(textOf(encode("a\tb\n漢")), "a\tb\n漢");
  assert.equal(textOf(encode("a\u0000b")), undefined);
  assert.equal(textOf(Uint8Array.of(0xff, 0xfe)), undefined);
});
