import { useRef, useState } from "preact/hooks";
import { formatSize } from "../lib/format.ts";
import { ProblemCard, Waiting } from "../page/call.tsx";
import { problemOf, type Watch } from "../page/client.ts";
import { Digest } from "../page/parts.tsx";
import { announcement } from "../page/state.ts";
import type { Downloaded, Problem, Progress } from "../protocol.ts";

/** The part of the File System Access API that is used, where a browser has it. */
interface Picker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
}

/** Without that API, a file is kept in memory until its digest is known. */
const MOST_IN_MEMORY = 512 * 1024 * 1024;

interface Props {
  label: string;
  name: string;
  size: number;
  digest: string;
  run: (file: FileSystemFileHandle | undefined, watch: Watch) => Promise<Downloaded>;
}

type State =
  | { kind: "idle" }
  | { kind: "running"; progress: Progress | undefined; cancel: () => void }
  | { kind: "done"; result: Downloaded }
  | { kind: "failed"; problem: Problem };

/** A button that saves a blob. It is hashed as it comes, and appears only if its digest is right. */
export function Download({ label, name, size, digest, run }: Props) {
  const [state, setState] = useState<State>({ kind: "idle" });
  const picker = globalThis as Picker;
  const tooLarge = !picker.showSaveFilePicker && size > MOST_IN_MEMORY;
  const begun = useRef(0);
  const start = async (): Promise<void> => {
    begun.current += 1;
    const turn = begun.current;
    const set = (next: State): void => {
      if (turn === begun.current) setState(next);
    };
    let file: FileSystemFileHandle | undefined;
    try {
      file = await picker.showSaveFilePicker?.({ suggestedName: fileName(name) });
    } catch (reason) {
      // The person closed the dialog: nothing was asked for. Elsewhere (a frame) it is forbidden.
      if ((reason as Error).name === "AbortError") return;
    }
    const controller = new AbortController();
    const cancel = (): void => controller.abort();
    set({ kind: "running", progress: undefined, cancel });
    try {
      const result = await run(file, {
        signal: controller.signal,
        progress: (progress) => set({ kind: "running", progress, cancel }),
      });
      if (result.blob) hand(result.blob, fileName(name));
      announcement.value = "Downloaded and verified.";
      set({ kind: "done", result });
    } catch (reason) {
      set({ kind: "failed", problem: problemOf(reason) });
    }
  };
  return (
    <div class="download">
      <button type="button" class="primary" disabled={state.kind === "running" || tooLarge} onClick={() => void start()}>
        {label} <span class="size">{formatSize(size)}</span>
      </button>
      {tooLarge && (
        <p class="quiet">
          This browser cannot write files as they come, and {formatSize(size)} is more than this page keeps in memory. Use
          the command below.
        </p>
      )}
      {state.kind === "running" && <Waiting what={`Downloading ${name}`} progress={state.progress} cancel={state.cancel} />}
      {state.kind === "failed" && <ProblemCard problem={state.problem} retry={() => void start()} />}
      {state.kind === "done" && (
        <p class="good" role="status">
          Verified: {formatSize(state.result.size)} with the digest <Digest>{state.result.digest || digest}</Digest>
        </p>
      )}
    </div>
  );
}

/** Names come from strangers: what is left has no folders and does not begin with a dot. */
function fileName(name: string): string {
  return (
    name
      .replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069"*/:<>?\\|]+/g, "_")
      .replace(/^\.+/, "")
      .slice(0, 200) || "download"
  );
}

function hand(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
