import assert from "node:assert/strict";
import { test } from "node:test";
import { render } from "preact-render-to-string";

// What the modules of the page touch when they are loaded.
Object.assign(globalThis, {
  location: { hash: "", href: "http://localhost/" },
  document: { documentElement: { dataset: {} } },
  addEventListener: () => {},
});
const { Address, CopyBlock, Digest, Text } = await import("../src/page/parts.tsx");

test("text of strangers is text", () => {
  const html = render(<p><Text>{'<img src=x onerror="alert(1)">\u202e&'}</Text></p>);
  assert.doesNotMatch(html, /<img/);
  assert.match(html, /&lt;img/);
  assert.match(html, /\\u\{202e\}&amp;/);
});

test("addresses that are not of the web are no links", () => {
  for (const address of ["javascript:alert(1)", "JAVASCRIPT:alert(1)", " javascript:alert(1)", "data:text/html,x", "vbscript:x", "//evil.example", '"><script>alert(1)</script>']) {
    const html = render(<Address>{address}</Address>);
    assert.doesNotMatch(html, /<a|href|<script/i, html);
  }
});

test("links to the web take nothing along", () => {
  const html = render(<Address>{'https://example.org/"onmouseover="alert(1)'}</Address>);
  assert.match(html, /^<a href="https:\/\/example\.org\/%22onmouseover=%22alert\(1\)" rel="noopener noreferrer nofollow" target="_blank">/);
});

test("commands and digests are attributes and text only", () => {
  const html = render(<><CopyBlock text={"<b>'\""} label={'Copy "x"'} /><Digest>{'sha256:"><i>'}</Digest></>);
  assert.doesNotMatch(html, /<b>|<i>/);
});
