// The npm package in Node: its fetch, streams and files, and what the lines of
// tests/hosts/README.md say to do with them.
//
//     $ printf '1 tags oci://registry.example/me/demo\nrun\n' | node suite.mjs
//     host node
//     1 ok tags=el8,el9
//     end

import { constants, openAsBlob } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { suite } from "../js-common/suite.mjs";

const files = {
  read: readFile,
  write: writeFile,
  blob: openAsBlob,
  async open(path) {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT);
    return {
      async *pieces() {
        const piece = new Uint8Array(64 * 1024);
        for (let position = 0; ; ) {
          const { bytesRead } = await file.read(piece, 0, piece.length, position);
          if (bytesRead === 0) return;
          position += bytesRead;
          yield piece.subarray(0, bytesRead);
        }
      },
      async write(bytes, position) {
        for (let from = 0; from < bytes.length; ) {
          const { bytesWritten } = await file.write(bytes, from, undefined, position + from);
          from += bytesWritten;
        }
      },
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    };
  },
};

const say = (line) => process.stdout.write(`${line}\n`);

say("host node");
const perform = suite(files, say);
for await (const line of createInterface({ input: process.stdin })) await perform(line);
