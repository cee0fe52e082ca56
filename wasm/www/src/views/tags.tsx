import { useEffect, useState } from "preact/hooks";
import { plural } from "../lib/format.ts";
import { formatReference, parseReference, withTag } from "../lib/reference.ts";
import { formatHash } from "../lib/route.ts";
import { kindsOf } from "../lib/tags.ts";
import { Await, useCall } from "../page/call.tsx";
import { problemOf } from "../page/client.ts";
import { Day, Digest, Empty, Fold } from "../page/parts.tsx";
import { here, worker } from "../page/state.ts";
import type { Opened, TagFacts } from "../protocol.ts";

/** Facts are asked for in pages of so many tags: each is a request. */
const PAGE = 40;

/** Requests for facts under way at once. */
const AT_ONCE = 4;

/** The tags of the repository, with what their manifests say. */
export function TagsView({ open }: { open: Opened }) {
  if (open.rpm?.layout === "tree") return <NoTags />;
  return <List open={open} />;
}

/** What stands where tags are needed and there can be none. */
export function NoTags() {
  return <Empty>A tree keeps every file in a repository of its own, and has no tags for the whole.</Empty>;
}

function List({ open }: { open: Opened }) {
  const call = useCall(open.reference, (watch) => worker.client.call("tags", [open.reference], watch));
  return (
    <section aria-label="Tags">
      <Await call={call} what="Reading the list of tags">
        {(tags) => {
          if (!tags.length) return <Empty>There are no tags.</Empty>;
          const { moving, snapshots, content } = kindsOf(tags);
          return (
            <>
              <TagTable open={open} tags={moving} label="List of tags" />
              {snapshots.length > 0 && (
                <>
                  <h2>Snapshots</h2>
                  <TagTable open={open} tags={snapshots} label="List of snapshots" />
                </>
              )}
              {content.length > 0 && (
                <Fold title="Tags that keep content, signatures and marks" count={plural(content.length, "tag")}>
                  {() => <TagTable open={open} tags={content} label="Tags that keep content" />}
                </Fold>
              )}
            </>
          );
        }}
      </Await>
    </section>
  );
}

type Facts = TagFacts | { problem: string };

function TagTable({ open, tags, label }: { open: Opened; tags: string[]; label: string }) {
  const [count, setCount] = useState(PAGE);
  const [facts, setFacts] = useState<ReadonlyMap<string, Facts>>(new Map());
  const shown = tags.slice(0, count);
  useEffect(() => {
    const controller = new AbortController();
    const waiting = shown.filter((tag) => !facts.has(tag));
    const next = async (): Promise<void> => {
      for (let tag = waiting.shift(); tag !== undefined; tag = waiting.shift()) {
        const one = tag;
        const found: Facts = await worker.client
          .call("tag", [open.reference, one], { signal: controller.signal })
          .catch((reason: unknown) => ({ problem: problemOf(reason).message }));
        if (controller.signal.aborted) return;
        setFacts((before) => new Map(before).set(one, found));
      }
    };
    for (let i = 0; i < AT_ONCE; i += 1) void next();
    return () => controller.abort();
  }, [count]);
  const parsed = parseReference(open.reference);
  if (!parsed) return null;
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label={label}>
        <table class="wide">
          <thead>
            <tr>
              <th scope="col">Tag</th>
              <th scope="col">Date</th>
              <th scope="col">What</th>
              <th scope="col">Digest</th>
              <th scope="col">
                <span class="unseen">Compare</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((tag) => {
              const one = facts.get(tag);
              return (
                <tr key={tag} aria-current={tag === open.tag ? "true" : undefined}>
                  <th scope="row" class="mono">
                    <a href={formatHash(formatReference(withTag(parsed, tag)))}>{tag}</a>
                  </th>
                  {one === undefined ? (
                    <td colSpan={3} class="quiet">
                      …
                    </td>
                  ) : "problem" in one ? (
                    <td colSpan={3} class="quiet">
                      {one.problem}
                    </td>
                  ) : (
                    <>
                      <td>
                        <Day seconds={one.created} />
                      </td>
                      <td>{whatOf(one)}</td>
                      <td>
                        <Digest href={here("content", { manifest: one.digest })}>{one.digest}</Digest>
                      </td>
                    </>
                  )}
                  <td>{open.rpm && tag !== open.tag && <a href={here("difference", { from: tag })}>Compare</a>}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {count < tags.length && (
        <button type="button" onClick={() => setCount(count + PAGE)}>
          Show more of {plural(tags.length, "tag")}
        </button>
      )}
    </>
  );
}

function whatOf({ layout, sequence, artifactType, mediaType }: TagFacts): string {
  if (layout) return sequence === undefined ? layout : `${layout}, snapshot ${sequence}`;
  return artifactType ?? mediaType;
}
