/** Shortcuts. Single keys work wherever nothing is being typed. */

import type { View } from "../lib/route.ts";
import { go, helpShown, here, opened } from "./state.ts";

/** The shortcuts, for the page that lists them. */
export const SHORTCUTS: readonly [keys: string, what: string][] = [
  ["o", "Go to the repository address"],
  ["/", "Search packages"],
  ["1 … 5", "Packages, Pictures, Difference, Tags, Content"],
  ["↑ ↓", "In the table: the package before and after"],
  ["Page Up, Page Down, Home, End", "In the table: further"],
  ["Enter", "In the table: open the package"],
  ["Esc", "In the search: clear it; in a package: back to the table"],
  ["← →", "In a picture: the part before and after"],
  ["?", "This list"],
];

const VIEW_KEYS: Record<string, View> = { 1: "packages", 2: "pictures", 3: "difference", 4: "tags", 5: "content" };

/** Listens for them. Returns how to stop. */
export function installKeys(): () => void {
  const listen = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const { target } = event;
    if (document.querySelector("dialog[open]")) return;
    if (target instanceof HTMLElement && target.matches("input:not([type=checkbox]), textarea, select")) return;
    if (act(event.key)) event.preventDefault();
  };
  addEventListener("keydown", listen);
  return () => removeEventListener("keydown", listen);
}

function act(key: string): boolean {
  if (key === "?") {
    helpShown.value = true;
    return true;
  }
  if (key === "o") return focus("#address");
  if (key === "/") return focus("#search") || goTo("packages", "#search");
  const view = VIEW_KEYS[key];
  return view !== undefined && goTo(view);
}

function goTo(view: View, then?: string): boolean {
  const open = opened.value;
  if (!open || (!open.rpm && view !== "tags" && view !== "content")) return false;
  go(here(view));
  if (then) requestAnimationFrame(() => setTimeout(() => focus(then), 50));
  return true;
}

function focus(selector: string): boolean {
  const element = document.querySelector<HTMLInputElement>(selector);
  element?.focus();
  element?.select();
  return element !== null;
}
