/** The search and filters of the table of packages, as the address keeps them. */

import type { Filters, Sort, SortKey } from "ocirepo";
import { parseDay, parseSize } from "./format.ts";

/** As typed; empty where nothing was. */
export interface Form {
  q: string;
  arch: string;
  source: string;
  licence: string;
  min: string;
  max: string;
  since: string;
  until: string;
  latest: string;
  /** `size` or, descending, `-size`. */
  sort: string;
}

/** Nothing typed. */
export const EMPTY: Form = { q: "", arch: "", source: "", licence: "", min: "", max: "", since: "", until: "", latest: "", sort: "" };

const SORTS: readonly SortKey[] = ["relevance", "name", "size", "installedSize", "buildTime", "source", "arch", "license"];

/** The form that parameters of an address describe. */
export function formOf(parameters: Readonly<Record<string, string>>): Form {
  const form = { ...EMPTY };
  for (const key of Object.keys(EMPTY) as (keyof Form)[]) form[key] = parameters[key] ?? "";
  return form;
}

/** The order, if one was chosen. */
export function sortOf(form: Form): Sort | undefined {
  const descending = form.sort.startsWith("-");
  const by = SORTS.find((key) => key === form.sort.replace(/^-/, ""));
  return by && { by, descending };
}

/** What a click on the head of a column makes of the order: up, down, none. */
export function nextSort(sort: string, column: SortKey): string {
  // What is largest or newest is what people look for first.
  const first = column === "size" || column === "installedSize" || column === "buildTime" ? `-${column}` : column;
  const second = first === column ? `-${column}` : column;
  return sort === first ? second : sort === second ? "" : first;
}

/**
 * The filters for the library. Parts that cannot be read (yet) are as if they were not there;
 * words of a licence stand for every licence in which they are.
 */
export function filtersOf(form: Form, licences: readonly string[]): Filters {
  const filters: Filters = {};
  if (form.arch) filters.arch = [form.arch];
  if (form.source) filters.source = [form.source];
  const words = form.licence.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) {
    filters.license = licences.filter((licence) => {
      const text = licence.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }
  const [minSize, maxSize] = [parseSize(form.min), parseSize(form.max)];
  if (minSize !== undefined) filters.minSize = minSize;
  if (maxSize !== undefined) filters.maxSize = maxSize;
  const [since, until] = [parseDay(form.since), parseDay(form.until)];
  if (since !== undefined) filters.since = since;
  // To the end of that day.
  if (until !== undefined) filters.until = until + 86_399;
  if (form.latest) filters.latest = true;
  return filters;
}

/** How many filters are set, besides the search. */
export function filterCount(form: Form): number {
  const { arch, source, licence, min, max, since, until, latest } = form;
  return [arch, source, licence, min, max, since, until, latest].filter(Boolean).length;
}
