import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, Failed, type Port } from "../src/page/client.ts";
import type { Credentials, Problem, Progress, ToPage, ToWorker } from "../src/protocol.ts";
import { serve, type Context, type Handlers, type Scope } from "../src/worker/serve.ts";
import { Shared } from "../src/worker/shared.ts";

type Ask = (registry: string) => Promise<Credentials | undefined>;

/** A page and its worker, with messages copied as a browser does. */
function pair(handlers: (ask: Ask) => Record<string, unknown>): Client {
  const listeners: { page?: (event: { data: ToPage }) => void; worker?: (event: { data: ToWorker }) => void } = {};
  const problemOf = (reason: unknown): Problem => ({ kind: "x", message: (reason as Error).message });
  const scope = {
    postMessage: (data: ToPage) => queueMicrotask(() => listeners.page?.({ data: structuredClone(data) })),
    addEventListener: (_: string, listener: (event: { data: ToWorker }) => void) => {
      listeners.worker = listener;
    },
  };
  serve(scope as unknown as Scope, (ask) => handlers(ask) as unknown as Handlers, problemOf);
  const port = {
    postMessage: (data: ToWorker) => queueMicrotask(() => listeners.worker?.({ data: structuredClone(data) })),
    addEventListener: (type: string, listener: (event: { data: ToPage }) => void) => {
      if (type === "message") listeners.page = listener;
    },
  };
  return new Client(port as unknown as Port);
}

const problemIn = async (promise: Promise<unknown>): Promise<Problem> => {
  const reason = await promise.then(() => undefined, (reason: unknown) => reason);
  assert.ok(reason instanceof Failed);
  return reason.problem;
};

test("a call is answered, and a mistake arrives as a problem", async () => {
  const client = pair(() => ({
    tags: (_: Context, reference: string) => [reference],
    open: () => {
      throw new Error("no such repository");
    },
  }));
  assert.deepEqual(await client.call("tags", ["a"]), ["a"]);
  assert.equal((await problemIn(client.call("open", ["a"]))).message, "no such repository");
});

test("a cancelled call ends at once, in the worker as well", async () => {
  let ended = false;
  const client = pair(() => ({
    tags: ({ signal }: Context) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => {
        ended = true;
        reject(signal.reason as Error);
      })),
  }));
  const controller = new AbortController();
  const call = client.call("tags", ["a"], { signal: controller.signal });
  await Promise.resolve();
  controller.abort();
  assert.equal((await problemIn(call)).kind, "cancelled");
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(ended);
  assert.equal((await problemIn(client.call("tags", ["a"], { signal: controller.signal }))).kind, "cancelled");
});

test("progress is told, but not more often than a page can draw", async () => {
  const told: Progress[] = [];
  const client = pair(() => ({
    tags: async ({ progress }: Context) => {
      for (let done = 0; done <= 1_000; done += 1) progress({ unit: "bytes", done, total: 1_000, what: "x" });
      return [];
    },
  }));
  await client.call("tags", ["a"], { progress: (progress) => told.push(progress) });
  assert.ok(told.length >= 2 && told.length < 20, `${told.length} times`);
  assert.equal(told.at(-1)?.done, 1_000);
});

test("a registry's question reaches the page, and its answer the one who asked", async () => {
  const client = pair((ask) => ({ tags: async () => [JSON.stringify(await ask("ghcr.io"))] }));
  const call = client.call("tags", ["a"]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const [question] = client.questions.value;
  assert.equal(question?.registry, "ghcr.io");
  assert.ok(question);
  client.answer(question, { username: "me", password: "secret" });
  assert.deepEqual(await call, ['{"username":"me","password":"secret"}']);
  assert.equal(client.questions.value.length, 0);
});

const context = (controller = new AbortController()): Context & { told: Progress[] } => {
  const told: Progress[] = [];
  return { signal: controller.signal, progress: (progress) => told.push(progress), told };
};

test("shared work is done once, and everybody is told how far it is", async () => {
  let times = 0;
  const shared = new Shared(async ({ progress }) => {
    times += 1;
    await Promise.resolve();
    progress({ unit: "bytes", done: 1, what: "x" });
    return 7;
  });
  const [a, b] = [context(), context()];
  assert.deepEqual(await Promise.all([shared.wait(a), shared.wait(b)]), [7, 7]);
  assert.equal(await shared.wait(context()), 7);
  assert.equal(times, 1);
  assert.deepEqual([a.told.length, b.told.length], [1, 1]);
});

test("one who leaves does not end it for the others", async () => {
  const controller = new AbortController();
  let ended = false;
  const shared = new Shared(async ({ signal }) => {
    signal.addEventListener("abort", () => {
      ended = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    return 7;
  });
  const leaving = shared.wait(context(controller));
  const staying = shared.wait(context());
  controller.abort();
  await assert.rejects(leaving);
  assert.equal(await staying, 7);
  assert.ok(!ended);
});

test("work that nobody waits for ends, and begins anew when it is wanted again", async () => {
  let times = 0;
  const shared = new Shared(async ({ signal }) => {
    times += 1;
    if (times > 1) return 7;
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    return 0;
  });
  const controller = new AbortController();
  const left = shared.wait(context(controller));
  controller.abort();
  await assert.rejects(left);
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.equal(await shared.wait(context()), 7);
  assert.equal(times, 2);
});

test("failed work is tried again", async () => {
  let times = 0;
  const shared = new Shared(async () => {
    times += 1;
    if (times === 1) throw new Error("lost");
    return 7;
  });
  await assert.rejects(shared.wait(context()), /lost/);
  assert.equal(await shared.wait(context()), 7);
});
