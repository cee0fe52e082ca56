/** The page's side of the worker: promises that can be cancelled and tell how far they are. */

import { signal } from "@preact/signals";
import type { Credentials, Method, Methods, Problem, Progress, ToPage, ToWorker } from "../protocol.ts";

/** A problem as it is thrown. */
export class Failed extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** How to follow and end a call. */
export interface Watch {
  signal?: AbortSignal;
  progress?: (progress: Progress) => void;
}

/** A registry that wants to know who is there. */
export interface Question {
  ask: number;
  registry: string;
  /** What to do when credentials were entered, where no call waits for them. */
  then?: () => void;
}

interface Pending {
  resolve: (value: unknown) => void;
  reject: (reason: Failed) => void;
  progress: ((progress: Progress) => void) | undefined;
}

/** The part of `Worker` that is used, so that tests can put another in its place. */
export type Port = Pick<Worker, "postMessage" | "addEventListener">;

/** Calls into one worker. */
export class Client {
  /** Registries that wait for credentials, the first first. */
  readonly questions = signal<Question[]>([]);
  /** Registries for which credentials are in the worker's memory. */
  readonly known = signal<string[]>([]);

  readonly #port: Port;
  readonly #pending = new Map<number, Pending>();
  #last = 0;
  /** The worker counts its questions up from 1, the page down from -1. */
  #own = 0;

  constructor(port: Port) {
    this.#port = port;
    port.addEventListener("message", (event) => this.#receive((event as MessageEvent<ToPage>).data));
    port.addEventListener("error", (event) => {
      const why = (event as ErrorEvent).message || "it could not be loaded";
      this.#fail({ kind: "page", message: `The part of the page that reads registries stopped: ${why}.`, hint: "Reload the page." });
    });
  }

  /** Asks, and waits for the answer. Throws `Failed`. */
  call<M extends Method>(
    method: M,
    values: Parameters<Methods[M]>,
    watch: Watch = {},
  ): Promise<ReturnType<Methods[M]>> {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      if (watch.signal?.aborted) {
        reject(new Failed(CANCELLED));
        return;
      }
      this.#pending.set(id, {
        resolve: resolve as (value: unknown) => void,
        reject,
        progress: watch.progress,
      });
      watch.signal?.addEventListener("abort", () => {
        if (!this.#pending.delete(id)) return;
        this.#send({ cancel: id });
        reject(new Failed(CANCELLED));
      });
      this.#send({ id, method, arguments: values });
    });
  }

  /** Answers a question; `undefined` goes on without credentials. */
  answer({ ask, registry, then }: Question, credentials: Credentials | undefined): void {
    this.questions.value = this.questions.value.filter((question) => question.ask !== ask);
    if (ask > 0) this.#send({ answer: ask, credentials });
    else if (credentials) void this.call("credentials", [registry, credentials]).then(then, then);
  }

  /** Asks the person for credentials although no call waits for them, and then does something. */
  askFor(registry: string, then: () => void = () => {}): void {
    this.#own -= 1;
    this.questions.value = [...this.questions.value, { ask: this.#own, registry, then }];
  }

  #send(message: ToWorker): void {
    this.#port.postMessage(message);
  }

  #receive(message: ToPage): void {
    if ("ask" in message) {
      this.questions.value = [...this.questions.value, message];
      return;
    }
    if ("known" in message) {
      this.known.value = message.known;
      return;
    }
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if ("progress" in message) {
      pending.progress?.(message.progress);
      return;
    }
    this.#pending.delete(message.id);
    if ("problem" in message) pending.reject(new Failed(message.problem));
    else pending.resolve(message.value);
  }

  #fail(problem: Problem): void {
    for (const { reject } of this.#pending.values()) reject(new Failed(problem));
    this.#pending.clear();
  }
}

/** What an ended wait says. */
export const CANCELLED: Problem = { kind: "cancelled", message: "Cancelled." };

/** Whatever was thrown, as a problem. */
export function problemOf(reason: unknown): Problem {
  if (reason instanceof Failed) return reason.problem;
  const message = reason instanceof Error ? reason.message : String(reason);
  return { kind: "page", message: `The page made a mistake: ${message}` };
}
