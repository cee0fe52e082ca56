/** Answers the page: one call, one answer, with progress between and an end at any time. */

import type { Credentials, Method, Problem, Progress, ToPage, ToWorker } from "../protocol.ts";

/** How a call tells how far it is, and learns that nobody waits any more. */
export interface Context {
  signal: AbortSignal;
  progress: (progress: Progress) => void;
}

/** The functions behind the methods; the context comes before the arguments. */
export type Handlers = {
  [M in Method]: (context: Context, ...values: never[]) => unknown;
};

/** What a worker's global scope has, as far as it is used. */
export interface Scope {
  postMessage(message: ToPage, transfer?: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<ToWorker>) => void): void;
}

/** Progress is told this often, in milliseconds: more would only keep the page busy. */
const INTERVAL = 100;

/** Begins to answer. Returns how to ask the page for credentials. */
export function serve(
  scope: Scope,
  handlers: (ask: (registry: string) => Promise<Credentials | undefined>) => Handlers,
  problemOf: (reason: unknown) => Problem,
): void {
  const running = new Map<number, AbortController>();
  const asked = new Map<number, (credentials: Credentials | undefined) => void>();
  let questions = 0;
  const known = handlers((registry) => {
    questions += 1;
    const ask = questions;
    scope.postMessage({ ask, registry });
    return new Promise((resolve) => asked.set(ask, resolve));
  });

  scope.addEventListener("message", ({ data }) => {
    if ("cancel" in data) {
      running.get(data.cancel)?.abort();
      return;
    }
    if ("answer" in data) {
      asked.get(data.answer)?.(data.credentials);
      asked.delete(data.answer);
      return;
    }
    const { id, method } = data;
    const controller = new AbortController();
    running.set(id, controller);
    let last = -Infinity;
    const context: Context = {
      signal: controller.signal,
      progress: (progress) => {
        const now = performance.now();
        if (now - last < INTERVAL && progress.done !== progress.total) return;
        last = now;
        if (running.has(id)) scope.postMessage({ id, progress });
      },
    };
    const handler = known[method] as (context: Context, ...values: unknown[]) => unknown;
    Promise.resolve()
      .then(() => handler(context, ...data.arguments))
      .then(
        (value) => scope.postMessage({ id, value }),
        (reason: unknown) => {
          if (!controller.signal.aborted) scope.postMessage({ id, problem: problemOf(reason) });
        },
      )
      .finally(() => running.delete(id));
  });
}
