// `node e2e/inspector/bench.mjs [PACKAGES]`: the inspector in Chromium with a large repository.
//
// OCIREPO_INSPECTOR   the built page, by default target/inspector of the checkout
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { madeUp } from "../../wasm/tests/node/made-up.mjs";
import { host } from "./static.mjs";

const page = process.env.OCIREPO_INSPECTOR ?? fileURLToPath(new URL("../../target/inspector", import.meta.url));
const count = Number(process.argv[2] ?? 80000);
const repository = await madeUp(count);
const { origin, stop } = await host(page);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });

/** What the processes that draw pages and run their workers take, in MB: now, and at most so far. */
async function memory() {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const sum = { now: 0, most: 0 };
  for (const { type, id } of processInfo) {
    if (type !== "renderer") continue;
    const status = await readFile(`/proc/${id}/status`, "utf8");
    const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)[1]) / 1000;
    sum.now += field("VmRSS");
    sum.most += field("VmHWM");
  }
  return sum;
}

try {
  const tab = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await tab.goto(`${origin}/`);
  const before = await memory();
  await tab.evaluate(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector("[role=gridcell]")) return;
      globalThis.drawn = Date.now();
      observer.disconnect();
    }).observe(document, { childList: true, subtree: true });
  });
  await tab.evaluate((location) => void (globalThis.location.hash = location), repository.location);
  const drawn = await (await tab.waitForFunction(() => globalThis.drawn, undefined, { timeout: 300_000 })).jsonValue();
  const after = await memory();
  console.log(`${count} packages, the list has ${(repository.size / 1e6).toFixed(1)} MB, ${(repository.openSize / 1e6).toFixed(1)} MB uncompressed`);
  console.log(`from its last byte to the first rows: ${drawn - repository.times.sent} ms`);
  console.log(`memory of the page and its worker: ${before.now.toFixed(0)} MB before, ${after.now.toFixed(0)} MB after, at most ${after.most.toFixed(0)} MB`);

  const type = (texts) => tab.evaluate(async (texts) => {
    const field = document.querySelector("input[type=search]");
    const setter = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
    const changed = () => document.querySelector("[role=grid]")?.getAttribute("aria-rowcount") ?? "none";
    const times = [];
    for (const text of texts) {
      for (let end = 1; end <= text.length; end += 1) {
        let last;
        const observer = new MutationObserver(() => (last = performance.now()));
        observer.observe(document.querySelector("section.packages"), { childList: true, subtree: true, attributes: true, characterData: true });
        const [count, start] = [changed(), performance.now()];
        setter.call(field, text.slice(0, end));
        field.dispatchEvent(new Event("input", { bubbles: true }));
        // The answer is there when nothing changes any more.
        do await new Promise((resolve) => setTimeout(resolve, 100));
        while (last !== undefined && performance.now() - last < 100);
        observer.disconnect();
        // Where as many packages are left as before, nothing says when they were drawn.
        if (changed() !== count) times.push(last - start);
      }
    }
    return times.sort((a, b) => a - b);
  }, texts);
  const ms = (number) => number.toFixed(1);
  const tell = (when, keys) =>
    console.log(`a keystroke, until the rows are drawn, ${when}: median ${ms(keys[keys.length >> 1])} ms, worst ${ms(keys.at(-1))} ms of ${keys.length}`);
  tell("while dependencies are read", await type(["rust-", "kernel devel"]));
  const link = tab.locator("[role=gridcell] a").first();
  await link.click();
  await tab.waitForFunction(() => document.querySelector(".dependencies"), undefined, { timeout: 300_000 });
  console.log(`from the last byte to the dependencies of a package, after typing that: ${Date.now() - repository.times.sent} ms`);
  const whole = await memory();
  console.log(`memory then: ${whole.now.toFixed(0)} MB, at most ${whole.most.toFixed(0)} MB`);
  await tab.goBack();
  await tab.waitForFunction(() => document.querySelector("[role=gridcell]"));
  tell("afterwards", await type(["python3-json", "rust-", "kernel devel", "render vector", "zzz"]));
} finally {
  await browser.close();
  repository.stop();
  stop();
}
