import { useState } from "preact/hooks";
import { formatHash } from "../lib/route.ts";
import { ProblemCard, Waiting } from "../page/call.tsx";
import { problemOf } from "../page/client.ts";
import { go, recent, worker } from "../page/state.ts";
import { forget } from "../page/storage.ts";
import type { Problem } from "../protocol.ts";

/** What is there before anything is open. */
export function StartView() {
  return (
    <div class="start">
      <h1>Look into a repository</h1>
      <p class="lead">
        Enter the address of a package repository in an OCI registry above, such as{" "}
        <code>oci://registry.example/me/repo:el9</code>. Its packages, files, manifests and signatures are read by this
        page alone, and every byte it shows as verified was hashed in your browser.
      </p>
      <Demo />
      <Recent />
      <section class="notes">
        <h2>Good to know</h2>
        <ul>
          <li>Any OCI repository can be opened; those that hold RPM packages get a table, pictures and comparisons.</li>
          <li>
            Registries must let web pages read them (CORS). Where one does not, the page says which line of its
            configuration would; or run <code>ocirepo inspect</code>, which brings a gateway of its own.
          </li>
          <li>
            Press <kbd>?</kbd> for keyboard shortcuts.
          </li>
        </ul>
      </section>
    </div>
  );
}

function Demo() {
  const [state, setState] = useState<"idle" | "loading" | Problem>("idle");
  const open = async (): Promise<void> => {
    setState("loading");
    try {
      go(formatHash(await worker.client.call("demo", [])));
    } catch (reason) {
      setState(problemOf(reason));
    }
  };
  return (
    <section class="demo">
      <h2>No registry at hand?</h2>
      <p>
        A small registry with a sample repository can run inside this page, without any network.{" "}
      </p>
      <button type="button" class="primary" disabled={state === "loading"} onClick={() => void open()}>
        Open the demo repository
      </button>
      {state === "loading" && <Waiting what="Loading the demo" progress={undefined} />}
      {typeof state === "object" && <ProblemCard problem={state} retry={() => void open()} />}
    </section>
  );
}

function Recent() {
  const list = recent.value;
  if (!list.length) return null;
  return (
    <section>
      <h2>Recent</h2>
      <ul class="recent">
        {list.map((reference) => (
          <li key={reference}>
            <a href={formatHash(reference)}>{reference}</a>
            <button
              type="button"
              class="bare"
              aria-label={`Forget ${reference}`}
              title="Forget"
              onClick={() => (recent.value = forget(reference))}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      <button type="button" class="bare" onClick={() => (recent.value = forget())}>
        Forget all
      </button>
    </section>
  );
}
