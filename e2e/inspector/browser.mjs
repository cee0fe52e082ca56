// A browser that keeps count of what a page does: where it sends requests, what its policy
// forbade, which errors nobody caught.
import { chromium } from "playwright-core";

/** How long anything may take, in milliseconds: machines that run tests are busy. */
export const PATIENCE = 30_000;

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-sync",
  "--no-first-run",
];

/**
 * Opens a page and lets `work` use it. Afterwards nothing may have been forbidden or uncaught,
 * and no request may have gone to another origin than those allowed.
 */
export async function withPage({ url, origins = [], options = {} }, work) {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
  try {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      acceptDownloads: true,
      ...options,
    });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const seen = { origins: new Set(), forbidden: [], uncaught: [], dialogs: [] };
    context.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol !== "data:" && protocol !== "blob:") seen.origins.add(origin);
    });
    page.on("dialog", (dialog) => {
      seen.dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    page.on("pageerror", (error) => seen.uncaught.push(error.message));
    page.on("console", (message) => {
      if (/Content Security Policy|Trusted ?Type/i.test(message.text())) seen.forbidden.push(message.text());
    });
    // Asked for by the page, not by hand: what opens another window is as wrong as an alert.
    context.on("page", (other) => other !== page && seen.dialogs.push(`a window: ${other.url()}`));
    // A dialog of the system, which no test could answer; without it the page keeps the file
    // in memory until it is verified.
    await page.addInitScript(() => delete globalThis.showSaveFilePicker);
    await page.goto(url);
    await work(page, seen);
    const allowed = new Set([new URL(url).origin, ...origins]);
    const strangers = [...seen.origins].filter((origin) => !allowed.has(origin));
    equal(strangers, [], "requests to strangers");
    equal(seen.forbidden, [], "forbidden by the policy");
    equal(seen.uncaught, [], "uncaught errors");
    equal(seen.dialogs, [], "dialogs and windows");
  } finally {
    await browser.close();
  }
}

/** Fails with both values if they differ. */
export function equal(found, expected, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a}, expected ${b}`);
}

/** Fails with these words unless it is so. */
export function check(right, what) {
  if (!right) throw new Error(what);
}
