import type { Opened } from "../protocol.ts";
import { Await, useCall } from "../page/call.tsx";
import { worker } from "../page/state.ts";
import { Ages } from "./ages.tsx";
import { Growth } from "./growth.tsx";
import { Sources } from "./sources.tsx";

/** Pictures where people would rather look than read. Each has its numbers below it. */
export function PicturesView({ open }: { open: Opened }) {
  const { reference } = open;
  const call = useCall(reference, async (watch) => {
    const overview = await worker.client.call("packages", [reference], watch);
    return { overview, times: await worker.client.call("buildTimes", [reference], watch) };
  });
  return (
    <section class="pictures" aria-label="Pictures">
      <Await call={call} what="Reading the list of packages">
        {({ overview, times }) => (
          <>
            <Sources overview={overview} />
            <Ages times={times} />
          </>
        )}
      </Await>
      {open.rpm?.layout !== "tree" && <Growth open={open} />}
    </section>
  );
}
