// What people do on the page, by the roles and names that they and their screen readers see.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { check, equal } from "./browser.mjs";

/** The table of packages, once it is there. */
export function grid(page) {
  return page.getByRole("grid", { name: "Packages" });
}

/** The rows of packages that are drawn now. */
export function rows(page) {
  return grid(page).getByRole("row").filter({ has: page.getByRole("gridcell") });
}

export async function open(page, location) {
  const address = page.getByRole("textbox", { name: "Repository address" });
  await address.fill(location);
  await address.press("Enter");
}

export async function view(page, name) {
  await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name, exact: true }).click();
}

/** Searches until exactly so many packages are left. */
export async function search(page, text, count) {
  await page.getByRole("searchbox", { name: "Search packages" }).fill(text);
  await page.waitForFunction(
    (wanted) => document.querySelector("[role=grid]")?.getAttribute("aria-rowcount") === String(wanted + 1),
    count,
  );
}

export async function openPackage(page, name) {
  await rows(page).getByRole("link", { name, exact: true }).click();
  const article = page.getByRole("article");
  await article.getByRole("heading", { name }).first().waitFor();
  // What it requires and provides is read later than the rest.
  await article.locator("summary", { hasText: /^Provides/ }).waitFor();
}

/** Downloads the open package, and returns the digest of the file that came. */
export async function download(page) {
  const button = page.getByRole("button", { name: /^Download/ }).first();
  const [file] = await Promise.all([page.waitForEvent("download"), button.click()]);
  await page.getByRole("status").filter({ hasText: /^Verified/ }).waitFor();
  const content = await readFile(await file.path());
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** The text of the problem that is shown, all of it. */
export async function problem(page) {
  const alert = page.getByRole("alert").first();
  await alert.waitFor();
  return alert.innerText();
}

export async function logIn(page, { user, password }) {
  const dialog = page.getByRole("dialog", { name: /^Credentials for / });
  await dialog.getByLabel("User name", { exact: true }).fill(user);
  await dialog.getByLabel("Password", { exact: true }).fill(password);
  await dialog.getByRole("button", { name: "Log in" }).click();
}

/** The whole way: the list, a search, a package, its file, and what changed between two tags. */
export async function lookAround(page, { name, digest, count, from, changed }) {
  await grid(page).waitFor();
  await search(page, name, 1);
  await openPackage(page, name);
  equal(await download(page), digest, "the digest of the download");
  await view(page, "Difference");
  await page.getByLabel(/^From/).selectOption(from);
  const differences = page.getByRole("region", { name: "Differences" });
  await differences.waitFor();
  const text = await differences.innerText();
  check(text.includes(changed), `the difference does not name ${changed}: ${text}`);
  await view(page, "Packages");
  await search(page, "", count);
}
