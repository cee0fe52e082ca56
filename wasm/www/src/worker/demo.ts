/** The demo: a registry in WebAssembly, loaded when a person asks for it. */

/** The registry of the demo. No other has this name: `.invalid` is never resolved. */
export const DEMO_REGISTRY = "demo.invalid";

/** What the module of the demo exports. */
interface Demo {
  /** Publishes the sample; says where, and what answers instead of the network. */
  default(): Promise<{ reference: string; fetch: typeof globalThis.fetch }>;
}

/** Loads it. */
export async function loadDemo(): Promise<Awaited<ReturnType<Demo["default"]>>> {
  const address = new URL("demo/demo.js", location.href).href;
  const module = (await import(address)) as Demo;
  return module.default();
}
