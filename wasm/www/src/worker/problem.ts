/** Errors of the library, as the page shows them. */

import { OcirepoError } from "ocirepo";
import type { Problem } from "../protocol.ts";

/** Whatever was thrown, as a problem. */
export function problemOf(reason: unknown): Problem {
  if (reason instanceof OcirepoError) {
    const { kind, hint, fix, registry } = reason;
    return {
      kind,
      message: sentence(reason.message),
      ...(hint && { hint }),
      ...(registry && { registry }),
      ...(fix && {
        fix: [
          { program: "distribution, config.yml", text: fix.distribution },
          { program: "zot, config.json", text: fix.zot },
          { program: "nginx, in location /v2/", text: fix.nginx },
        ],
      }),
    };
  }
  if (reason instanceof Refused) return { kind: "input", message: reason.message };
  const text = reason instanceof Error ? reason.message : String(reason);
  return { kind: "page", message: `Something failed in this page: ${text}.` };
}

/** A message of the core as a sentence of its own: those are written to stand after a colon. */
function sentence(text: string): string {
  const begun = /^[a-z]+ /.test(text) ? text[0]?.toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** What the worker itself does not do, in a sentence. */
export class Refused extends Error {}
