/** Work that several calls wait for, and that ends when none does any more. */

import type { Progress } from "../protocol.ts";
import type { Context } from "./serve.ts";

/** How long it goes on although nobody waits: a person who changes the view waits again at once. */
const GRACE = 500;

/** One piece of work. Begun when first waited for, and again if it failed or was ended. */
export class Shared<T> {
  readonly #work: (context: Context) => Promise<T>;
  readonly #waiting = new Set<Context>();
  #running: { promise: Promise<T>; controller: AbortController; done: boolean } | undefined;

  constructor(work: (context: Context) => Promise<T>) {
    this.#work = work;
  }

  /** The result, for one who may stop waiting. */
  async wait(context: Context): Promise<T> {
    context.signal.throwIfAborted();
    const promise = this.#begin();
    this.#waiting.add(context);
    let leave = (): void => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(context.signal.reason as Error);
      context.signal.addEventListener("abort", leave);
    });
    try {
      return await Promise.race([promise, left]);
    } finally {
      context.signal.removeEventListener("abort", leave);
      this.#waiting.delete(context);
      if (context.signal.aborted && !this.#waiting.size) setTimeout(() => this.#endIfUnwanted(), GRACE);
    }
  }

  /** Ends it; its result, if it came to one, is for `dispose`. */
  end(dispose: (value: T) => void): void {
    this.#running?.controller.abort();
    this.#running?.promise.then(dispose, () => {});
    this.#running = undefined;
  }

  #begin(): Promise<T> {
    if (this.#running) return this.#running.promise;
    const controller = new AbortController();
    const progress = (progress: Progress): void => {
      for (const context of this.#waiting) context.progress(progress);
    };
    const promise = this.#work({ signal: controller.signal, progress });
    const running = { promise, controller, done: false };
    this.#running = running;
    promise.then(
      () => {
        running.done = true;
      },
      () => {
        if (this.#running === running) this.#running = undefined;
      },
    );
    return promise;
  }

  #endIfUnwanted(): void {
    if (!this.#waiting.size && !this.#running?.done) this.end(() => {});
  }
}
