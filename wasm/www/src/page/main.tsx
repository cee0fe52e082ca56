/** The page's entry. */

import { render } from "preact";
import { App } from "./app.tsx";
import { Client } from "./client.ts";
import { go, worker, route } from "./state.ts";
import { formatHash } from "../lib/route.ts";

/** What `ocirepo inspect` says in the page that it serves; other hosts say nothing. */
interface Settings {
  /** The base of the gateway, on the page's own origin. */
  gateway?: string;
  /** What to open when the address names nothing. */
  open?: string | null;
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

/** The worker's own address is the only script that this page ever names itself. */
function workerUrl(): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  const address = new URL("worker.js", location.href).href;
  return trustedTypes?.createPolicy("inspector", { createScriptURL: () => address }).createScriptURL("") ?? address;
}

function settings(): Settings {
  const meta = document.querySelector<HTMLMetaElement>("meta[name=ocirepo-inspect]");
  return meta ? (JSON.parse(meta.content) as Settings) : {};
}

async function start(): Promise<void> {
  worker.client = new Client(new Worker(workerUrl(), { type: "module", name: "registries" }));
  const { gateway, open } = settings();
  await worker.client.call("configure", [{ gateway: gateway && new URL(gateway, location.href).href }]);
  if (open && !route.value.reference) go(formatHash(open), true);
  render(<App />, document.getElementById("app") as HTMLElement);
}

void start();
