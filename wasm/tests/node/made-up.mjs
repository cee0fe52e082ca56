// A repository of packages that are made up, with as many dependencies and as much text as
// Fedora's have, and a registry on the loopback that has it as one artifact.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { once } from "node:events";
import { gzipSync } from "node:zlib";

const words = "alpha audio base bench block bridge build cache chart cloud code color config core crypt data desk diff disk doc event fast field file filter flow font frame graph grid http icon image json kernel key lang layer link list mail math media mesh model module net node object page parse path plot plugin port print proxy query random render route script search server shell sign socket sound stack stream string system table task term text thread time tools trace tree type unit user util vector video view web window wrap xml yaml".split(" ");
let state = 1;
const random = (most) => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return (state >>> 8) % most;
};
const word = () => words[random(words.length)];
const hex = (text) => createHash("sha256").update(text).digest("hex");
function xml(at, names) {
  const name = names[at];
  const version = `${random(9)}.${random(30)}.${random(9)}`;
  const evr = `epoch="0" ver="${version}" rel="1.fc44"`;
  const requires = Array.from({ length: 12 }, () => `<rpm:entry name="${names[random(names.length)]}" flags="GE" epoch="0" ver="1"/>`);
  const provides = Array.from({ length: 4 }, (_, n) => `<rpm:entry name="${name}(feature-${n})" flags="EQ" ${evr}/>`);
  const text = (length) => Array.from({ length }, word).join(" ");
  return `<package type="rpm"><name>${name}</name><arch>${["x86_64", "noarch", "i686"][random(3)]}</arch><version ${evr}/>
<checksum type="sha256" pkgid="YES">${hex(name)}</checksum><summary>The ${text(6)}</summary><description>${text(50)}</description>
<packager>Fedora Project</packager><url>https://example.org/${name}</url><time file="1700000000" build="${1600000000 + random(100000000)}"/>
<size package="${random(1e7)}" installed="${random(1e8)}" archive="${random(1e8)}"/><location href="Packages/${name[0]}/${name}-${version}-1.fc44.x86_64.rpm"/>
<format><rpm:license>${["MIT", "GPL-2.0-or-later", "Apache-2.0", "BSD-3-Clause"][random(4)]}</rpm:license><rpm:vendor>Fedora Project</rpm:vendor><rpm:group>Unspecified</rpm:group><rpm:buildhost>build-${random(40)}.example.org</rpm:buildhost><rpm:sourcerpm>${names[at - (at % 3)]}-${version}-1.fc44.src.rpm</rpm:sourcerpm><rpm:header-range start="4504" end="${9000 + random(9000)}"/>
<rpm:provides><rpm:entry name="${name}" flags="EQ" ${evr}/>${provides.join("")}</rpm:provides><rpm:requires>${requires.join("")}</rpm:requires><file>/usr/bin/${name}</file></format></package>\n`;
}

/**
 * Serves so many packages; `location` is what to open, `times.sent` when the last byte of the
 * list of packages had been given away.
 */
export async function madeUp(count) {
  const names = Array.from({ length: count }, (_, at) => `${["rust-", "python3-", "perl-", "lib", ""][random(5)]}${word()}-${word()}${at % 3 ? "" : "-devel"}-${at.toString(36)}`);
  const parts = [`<?xml version="1.0"?>\n<metadata xmlns="x" xmlns:rpm="y" packages="${count}">\n`];
  for (let at = 0; at < count; at += 1) parts.push(xml(at, names));
  parts.push("</metadata>");
  const chunks = [];
  for (let at = 0; at < parts.length; at += 4000) chunks.push(Buffer.from(parts.slice(at, at + 4000).join("")));
  const openSize = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  // Members one after the other are gzip, too.
  const primary = Buffer.concat(chunks.map((chunk) => gzipSync(chunk, { level: 6 })));
  chunks.length = parts.length = 0;
  const digest = (bytes) => `sha256:${hex(bytes)}`;
  const repomd = Buffer.from(`<repomd><revision>1</revision><data type="primary"><checksum type="sha256">${hex(primary)}</checksum><location href="repodata/primary.xml.gz"/><size>${primary.length}</size><open-size>${openSize}</open-size></data></repomd>`);
  const blobs = new Map([repomd, primary, Buffer.from("{}")].map((bytes) => [digest(bytes), bytes]));
  const layer = (bytes, title) => ({ mediaType: "application/octet-stream", digest: digest(bytes), size: bytes.length, annotations: { "org.opencontainers.image.title": title } });
  const type = "application/vnd.oci.image.manifest.v1+json";
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: type, artifactType: "application/x-bench", config: { mediaType: "application/vnd.oci.empty.v1+json", digest: digest(Buffer.from("{}")), size: 2 }, layers: [layer(repomd, "repodata/repomd.xml"), layer(primary, "repodata/primary.xml.gz")] });
  const times = {};
  const server = createServer((asked, answer) => {
    answer.setHeader("access-control-allow-origin", "*");
    answer.setHeader("access-control-allow-headers", "*");
    answer.setHeader("access-control-expose-headers", "Docker-Content-Digest, Link, Location");
    const blob = blobs.get(asked.url.split("/").at(-1));
    if (blob === primary) answer.on("finish", () => (times.sent = Date.now()));
    if (blob) return answer.end(blob);
    answer.setHeader("content-type", type);
    answer.end(manifest);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  const location = `oci://127.0.0.1:${server.address().port}/bench:x`;
  return { location, times, size: primary.length, openSize, stop };
}
