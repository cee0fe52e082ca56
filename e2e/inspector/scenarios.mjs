// One function for each thing the inspector must be seen doing. Each gets what the test that runs
// it wrote into the environment.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { check, equal, withPage } from "./browser.mjs";
import { host } from "./static.mjs";
import { grid, logIn, lookAround, open, openPackage, problem, search, view } from "./steps.mjs";

/** Runs on a page from a static host. */
async function onStaticHost({ page: directory, registry, tokens }, work) {
  const { origin, stop } = await host(directory);
  try {
    const origins = [registry, tokens].filter(Boolean);
    await withPage({ url: `${origin}/`, origins }, work);
  } finally {
    stop();
  }
}

/** From a static host, at a registry that lets pages read it. */
export async function direct(world) {
  await onStaticHost(world, async (page, seen) => {
    await open(page, world.location);
    await lookAround(page, world);
    check(seen.origins.has(world.registry), "no request to the registry was seen");
  });
}

/** The same, with a password. */
export async function password(world) {
  await onStaticHost(world, async (page, seen) => {
    await open(page, world.location);
    await logIn(page, world);
    await lookAround(page, world);
    check(seen.origins.has(world.registry), "no request to the registry was seen");
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    check(!kept.includes(world.password), `the password was kept: ${kept}`);
  });
}

/** Through the gateway of `ocirepo inspect`; the browser never talks to the registry. */
export async function gateway(world) {
  await withPage({ url: world.inspect }, async (page, seen) => {
    if (world.password) await logIn(page, world);
    await lookAround(page, world);
    equal([...seen.origins], [new URL(world.inspect).origin], "origins");
  });
}

/** A byte of the package is wrong: an error, and no file. */
export async function damaged(world) {
  await withPage({ url: world.inspect }, async (page) => {
    let files = 0;
    page.on("download", () => (files += 1));
    await grid(page).waitFor();
    await openPackage(page, world.name);
    await page.getByRole("button", { name: /^Download/ }).first().click();
    const text = await problem(page);
    check(/digest|hash/i.test(text), `it does not say what is wrong: ${text}`);
    equal(files, 0, "files that were saved");
    equal(await page.getByRole("status").filter({ hasText: /^Verified/ }).count(), 0, "verdicts");
  });
}

/** What a registry does not let pages see is named, with what would change it. */
export async function refused(world) {
  await onStaticHost(world, async (page) => {
    await open(page, world.location);
    const text = await problem(page);
    for (const part of world.says) check(text.includes(part), `it does not say ${part}: ${text}`);
  });
}

/** From the address to a verified package without a mouse. */
export async function keyboard(world) {
  await withPage({ url: world.inspect }, async (page) => {
    await grid(page).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type(world.name);
    await page.waitForFunction(() => document.querySelector("[role=grid]")?.getAttribute("aria-rowcount") === "2");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    const button = page.getByRole("button", { name: /^Download/ }).first();
    await button.waitFor();
    // As far as Tab leads.
    for (let presses = 0; presses < 60; presses += 1) {
      if (await button.evaluate((element) => element === document.activeElement)) break;
      await page.keyboard.press("Tab");
    }
    const [file] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
    check((await file.path()) !== null, "nothing was downloaded");
    await page.keyboard.press("4");
    await page.getByRole("region", { name: "Tags", exact: true }).waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("o");
    await page.keyboard.type(world.location);
    await page.keyboard.press("Enter");
    await grid(page).waitFor();
  });
}

const VIEWS = ["Packages", "Pictures", "Difference", "Tags", "Content"];

/** No view has a serious finding, in both colours, wide and narrow. */
export async function accessible(world) {
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  const found = [];
  for (const [width, colorScheme] of [
    [1280, "light"],
    [1280, "dark"],
    [390, "light"],
  ]) {
    const options = { viewport: { width, height: 800 }, colorScheme };
    await withPage({ url: world.inspect, options }, async (page) => {
      const look = async (name) => {
        // Evaluated from outside, so that the page's own policy stays as it is.
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => axe.run());
        for (const { id, impact, nodes } of violations) {
          if (impact === "serious" || impact === "critical") {
            found.push(`${name}, ${width} ${colorScheme}: ${id}: ${nodes[0].html}`);
          }
        }
        if (world.shots) await page.screenshot({ path: join(world.shots, `${name.toLowerCase()}-${width}-${colorScheme}.png`) });
        if (width < 500) {
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          if (wide > 0) found.push(`${name} is ${wide} pixels wider than a narrow screen`);
        }
      };
      await grid(page).waitFor();
      for (const name of VIEWS) {
        await view(page, name);
        await page.waitForLoadState("networkidle");
        await look(name);
      }
      await view(page, "Packages");
      await openPackage(page, world.name);
      await look("Package");
    });
  }
  equal(found, [], "findings");
}

/** Text of strangers stays text, and a link of theirs is one of the web or none. */
export async function hostile(world) {
  await withPage({ url: world.inspect }, async (page) => {
    await grid(page).waitFor();
    await search(page, world.name, 1);
    await openPackage(page, world.name);
    await page.waitForLoadState("networkidle");
    const article = page.getByRole("article");
    check((await article.innerText()).includes("<img src=x onerror"), "the description is not shown as text");
    const found = await page.evaluate(() => ({
      injected: document.querySelectorAll("#app img, #app iframe, #app script, #app object").length,
      schemes: [...new Set([...document.querySelectorAll("a[href]")].map(({ protocol }) => protocol))].filter(
        (scheme) => !["http:", "https:"].includes(scheme),
      ),
      done: "pwned" in globalThis,
    }));
    equal(found, { injected: 0, schemes: [], done: false }, "what hostile text came to");
    for (const name of ["Tags", "Content", "Pictures"]) {
      await view(page, name);
      await page.waitForLoadState("networkidle");
    }
    equal(await page.evaluate(() => "pwned" in globalThis), false, "a script of a stranger ran");
  });
}

/** The demo needs no registry and no network. */
export async function demo(world) {
  await onStaticHost(world, async (page, seen) => {
    await page.getByRole("button", { name: /demo/i }).click();
    await grid(page).waitFor();
    const all = Number(await grid(page).getAttribute("aria-rowcount")) - 1;
    await search(page, "apple", 4);
    await openPackage(page, "apple");
    equal([...seen.origins], [new URL(page.url()).origin], "origins");
    await view(page, "Packages");
    await search(page, "", all);
  });
}
