/** The demo: a registry in WebAssembly, loaded when a person asks for it. */

/** The registry of the demo. No other has this name: `.invalid` is never resolved. */
export const DEMO_REGISTRY = "demo.invalid";

/** What the module of the demo exports. */
interface Demo {
  /** Publishes the sample; says where, and what answers instead of the network. */
  default(): Promise<{ reference: string; fetch: typeof globalThis.fetch }>;
}

/**
 * Loads it, and lets it answer requests for its registry; those for others go to the network as
 * before. Returns what to open.
 */
export async function loadDemo(): Promise<string> {
  const address = new URL("demo/demo.js", location.href).href;
  const module = (await import(address)) as Demo;
  const { reference, fetch: answer } = await module.default();
  const network = globalThis.fetch;
  globalThis.fetch = (input, init) =>
    new URL(input instanceof Request ? input.url : input, location.href).host === DEMO_REGISTRY
      ? answer(input, init)
      : network(input, init);
  return reference;
}
