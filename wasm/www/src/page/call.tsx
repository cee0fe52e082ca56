/** Calls into the worker as views use them: waiting, progress, cancel, problems. */

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { formatCount, formatSize } from "../lib/format.ts";
import { plainText } from "../lib/link.ts";
import type { Problem, Progress } from "../protocol.ts";
import { problemOf, type Watch } from "./client.ts";
import { CopyBlock } from "./parts.tsx";
import { worker } from "./state.ts";

/** Something under way is shown after this many milliseconds. */
const PATIENCE = 400;

/** Where a call is. */
export interface Call<T> {
  value: T | undefined;
  problem: Problem | undefined;
  progress: Progress | undefined;
  /** Ends the wait; the problem is then `cancelled`. */
  cancel: () => void;
  /** Begins again. */
  retry: () => void;
}

interface State<T> {
  key: string;
  value?: T;
  problem?: Problem;
  progress?: Progress;
}

/**
 * Runs whenever the key changes, and ends what ran before. An empty key does not run.
 */
export function useCall<T>(key: string, run: (watch: Watch) => Promise<T>): Call<T> {
  const [state, setState] = useState<State<T>>({ key });
  const [attempt, setAttempt] = useState({ count: 0, cancel: () => {} });
  useEffect(() => {
    setState({ key });
    if (!key) return undefined;
    const controller = new AbortController();
    let wanted = true;
    const set = (change: Partial<State<T>>): void => {
      if (wanted) setState({ key, ...change });
    };
    attempt.cancel = () => controller.abort();
    run({ signal: controller.signal, progress: (progress) => set({ progress }) }).then(
      (value) => set({ value }),
      (reason: unknown) => set({ problem: problemOf(reason) }),
    );
    return () => {
      wanted = false;
      controller.abort();
    };
  }, [key, attempt.count]);
  // Between a change of the key and its effect, the old state is not shown.
  const current: State<T> = state.key === key ? state : { key };
  return {
    value: current.value,
    problem: current.problem,
    progress: current.progress,
    cancel: () => attempt.cancel(),
    retry: () => setAttempt(({ count }) => ({ count: count + 1, cancel: () => {} })),
  };
}

/** Draws what a call came to, or how far it is. */
export function Await<T>(props: { call: Call<T>; what: string; children: (value: T) => ComponentChildren }) {
  const { call, what, children } = props;
  if (call.problem) return <ProblemCard problem={call.problem} retry={call.retry} />;
  if (call.value !== undefined) return <>{children(call.value)}</>;
  return <Waiting what={what} progress={call.progress} cancel={call.cancel} />;
}

/** How far something is, with a way to end it. */
export function Waiting(props: { what: string; progress: Progress | undefined; cancel?: () => void }) {
  const { what, progress, cancel } = props;
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), PATIENCE);
    return () => clearTimeout(timer);
  }, []);
  if (!shown) return <div class="waiting" aria-hidden="true" />;
  const known = progress?.total !== undefined && progress.total > 0;
  return (
    <div class="waiting" role="status">
      <p>{what}</p>
      <progress aria-label={what} {...(known ? { value: progress.done, max: progress.total } : {})} />
      <p class="quiet">{progress ? progressText(progress) : "Waiting for the registry"}</p>
      {cancel && (
        <button type="button" onClick={cancel}>
          Cancel
        </button>
      )}
    </div>
  );
}

function progressText({ unit, done, total, what }: Progress): string {
  const show = unit === "bytes" ? formatSize : formatCount;
  const amount = total ? `${show(done)} of ${show(total)}` : show(done);
  return `${what}: ${amount}${unit === "bytes" ? "" : ` ${unit}`}`;
}

const NEED_CREDENTIALS = new Set(["unauthorized", "denied"]);

/** A problem: what happened, what to do, and what to do it with. */
export function ProblemCard(props: { problem: Problem; retry?: () => void }) {
  const { problem, retry } = props;
  if (problem.kind === "cancelled") {
    return (
      <div class="problem mild" role="status">
        <p>Cancelled.</p>
        {retry && (
          <button type="button" onClick={retry}>
            Start again
          </button>
        )}
      </div>
    );
  }
  const { registry } = problem;
  return (
    <div class="problem" role="alert">
      <p class="problem-message">{plainText(problem.message)}</p>
      {problem.hint && <p>{plainText(problem.hint)}</p>}
      {problem.fix?.map(({ program, text }) => (
        <figure class="fix" key={program}>
          <figcaption>{program}</figcaption>
          <CopyBlock text={text} label={`Copy the configuration of ${program}`} />
        </figure>
      ))}
      <div class="row">
        {NEED_CREDENTIALS.has(problem.kind) && registry && (
          <button type="button" class="primary" onClick={() => worker.client.askFor(registry, retry)}>
            Enter credentials
          </button>
        )}
        {retry && (
          <button type="button" onClick={retry}>
            Try again
          </button>
        )}
      </div>
    </div>
  );
}
