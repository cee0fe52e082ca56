import { useState } from "preact/hooks";
import { formatCount } from "../lib/format.ts";
import { Await, useCall } from "../page/call.tsx";
import { Fold, Text } from "../page/parts.tsx";
import { here, worker } from "../page/state.ts";
import type { Dependencies } from "../protocol.ts";

const KINDS = [
  ["requires", "Requires"],
  ["provides", "Provides"],
  ["conflicts", "Conflicts with"],
  ["obsoletes", "Obsoletes"],
  ["recommends", "Recommends"],
  ["suggests", "Suggests"],
  ["supplements", "Supplements"],
  ["enhances", "Enhances"],
] as const;

/** Entries are drawn in pieces of so many. */
const PIECE = 200;

/** What a package needs and offers. Requirements lead to what provides them, and the other way. */
export function DependencyFolds({ reference, id }: { reference: string; id: number }) {
  const call = useCall(`${reference}\n${id}`, (watch) => worker.client.call("dependencies", [reference, id], watch));
  return (
    <Await call={call} what="Reading what packages require and provide">
      {(dependencies) =>
        KINDS.map(
          ([kind, title]) =>
            dependencies[kind].length > 0 && (
              <Fold key={kind} title={title} count={formatCount(dependencies[kind].length)} open={kind === "requires"}>
                {() => <List dependencies={dependencies} kind={kind} />}
              </Fold>
            ),
        )
      }
    </Await>
  );
}

function List({ dependencies, kind }: { dependencies: Dependencies; kind: (typeof KINDS)[number][0] }) {
  const [count, setCount] = useState(PIECE);
  const all = dependencies[kind];
  return (
    <>
      <ul class="dependencies">
        {all.slice(0, count).map(({ text, name, pre, providers }, i) => {
          const [only] = providers;
          const href =
            kind === "provides"
              ? here("package", { id: name, what: "needs" })
              : providers.length === 1 && only
                ? here("package", { id: only.nevra })
                : here("package", { id: name, what: "has" });
          // A requirement that nothing here provides is told, for that is what breaks installations.
          const missing = kind === "requires" && !providers.length && !name.startsWith("rpmlib(") && !name.startsWith("(");
          return (
            <li key={i}>
              {missing || name.startsWith("(") || name.startsWith("rpmlib(") ? (
                <span class="mono">
                  <Text>{text}</Text>
                </span>
              ) : (
                <a class="mono" href={href} title={kind === "provides" ? "What requires it" : "What provides it"}>
                  <Text>{text}</Text>
                </a>
              )}
              {pre && <span class="quiet"> before installation</span>}
              {missing && <span class="quiet"> not in this repository</span>}
              {kind === "requires" && only && only.nevra && (
                <span class="quiet">
                  {" "}
                  → <Text>{providers.length === 1 ? only.nevra : `${providers.length >= 20 ? "20 or more" : providers.length} packages`}</Text>
                </span>
              )}
            </li>
          );
        })}
      </ul>
      {count < all.length && (
        <button type="button" onClick={() => setCount(count + PIECE * 4)}>
          Show more
        </button>
      )}
    </>
  );
}
