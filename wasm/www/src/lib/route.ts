/**
 * Where in the inspector a person is, as the hash of the address says it:
 * `#oci://registry/name:tag?view=package&id=bash-0:5.3-1.x86_64`. A link opens the same view.
 */

/** The views of an opened repository. */
export const VIEWS = ["packages", "package", "pictures", "difference", "tags", "content"] as const;

/** One of them. */
export type View = (typeof VIEWS)[number];

/** A place in the inspector. */
export interface Route {
  /** The repository, as typed; empty on the start page. */
  reference: string;
  /** What of it; `undefined` leaves the choice to what the repository is. */
  view: View | undefined;
  /** What the view needs besides: a search, a package, a digest. */
  parameters: Readonly<Record<string, string>>;
}

/** The start page. */
export const START: Route = { reference: "", view: undefined, parameters: {} };

/** Reads the hash of an address, with or without its `#`. */
export function parseHash(hash: string): Route {
  const text = hash.replace(/^#/, "");
  const question = text.indexOf("?");
  const before = question < 0 ? text : text.slice(0, question);
  const reference = decode(before).trim();
  if (!reference) return START;
  const parameters: Record<string, string> = Object.create(null);
  let view: View | undefined;
  if (question >= 0) {
    for (const [key, value] of new URLSearchParams(text.slice(question + 1))) {
      if (key === "view") view = VIEWS.find((known) => known === value);
      else if (value) parameters[key] = value;
    }
  }
  return { reference, view, parameters };
}

/** The hash of a route, with its `#`; parameters without a value are left out. */
export function formatHash(
  reference: string,
  view?: View,
  parameters: Record<string, string | undefined> = {},
): string {
  if (!reference) return "#";
  const query = new URLSearchParams();
  if (view) query.set("view", view);
  for (const [key, value] of Object.entries(parameters)) if (value) query.set(key, value);
  const text = query.toString();
  return `#${reference.replace(/[%?#\s]/g, encodeURIComponent)}${text ? `?${text}` : ""}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
