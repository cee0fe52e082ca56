/** What all views share. */

import { effect, signal } from "@preact/signals";
import type { Opened, SignatureState } from "../protocol.ts";
import { formatHash, parseHash, type Route, type View } from "../lib/route.ts";
import type { Client } from "./client.ts";
import { recents, remember, stored } from "./storage.ts";

/** Where the person is. */
export const route = signal<Route>(parseHash(location.hash));

/** The repository that is open. */
export const opened = signal<Opened | undefined>(undefined);

/** What signatures came to, by the reference they were checked for. */
export const verdicts = signal<ReadonlyMap<string, SignatureState>>(new Map());

/** References opened before, the last first. */
export const recent = signal<string[]>(recents());

/** `light`, `dark`, or what the system says. */
export const theme = signal<"light" | "dark" | "system">(stored("theme", ["light", "dark", "system"], "system"));

/** What a screen reader says now. */
export const announcement = signal("");

/** Whether the list of shortcuts is shown. */
export const helpShown = signal(false);

/** The worker; set once before anything is drawn. */
export const worker: { client: Client } = {} as { client: Client };

/** Goes somewhere; `replace` leaves no entry behind in the history. */
export function go(hash: string, replace = false): void {
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  route.value = parseHash(location.hash);
}

/** The hash of a view of the open repository. */
export function here(view: View, parameters: Record<string, string | undefined> = {}): string {
  return formatHash(route.value.reference, view, parameters);
}

/** The state of the signature of repomd.xml, in a few words. */
export function signatureOf(reference: string, signed: boolean): string {
  if (!signed) return "not signed";
  const verdict = verdicts.value.get(reference);
  if (!verdict || verdict.state === "unchecked") return "signed, not checked";
  if (verdict.state !== "good") return "signature does not count";
  const given = verdict.keys.some(({ source }) => source === "given");
  return given ? "signature good" : "signature good by the repository's own key";
}

/** Notes that a reference could be opened. */
export function noteOpened(one: Opened): void {
  opened.value = one;
  // A tag that moved names something else: what was checked was what it named before.
  const rest = new Map(verdicts.value);
  if (rest.delete(one.reference)) verdicts.value = rest;
  recent.value = remember(one.reference);
}

addEventListener("hashchange", () => {
  route.value = parseHash(location.hash);
});
addEventListener("popstate", () => {
  route.value = parseHash(location.hash);
});

effect(() => {
  const chosen = theme.value;
  const { dataset } = document.documentElement;
  if (chosen === "system") delete dataset["theme"];
  else dataset["theme"] = chosen;
});
