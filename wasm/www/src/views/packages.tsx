import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { EMPTY, type Form, filterCount, filtersOf, formOf, sortOf } from "../lib/filter.ts";
import { formatSize, parseSize, plural } from "../lib/format.ts";
import { formatHash } from "../lib/route.ts";
import { Await, ProblemCard, useCall } from "../page/call.tsx";
import { problemOf } from "../page/client.ts";
import { go, route, worker } from "../page/state.ts";
import type { Facet, Found, Overview, Problem } from "../protocol.ts";
import { PackageGrid } from "./grid.tsx";

/** The table of packages, with its search and filters. */
export function PackagesView({ reference }: { reference: string }) {
  const call = useCall(reference, (watch) => worker.client.call("packages", [reference], watch));
  return (
    <Await call={call} what="Reading the list of packages">
      {(overview) => <Browser reference={reference} overview={overview} />}
    </Await>
  );
}

function Browser({ reference, overview }: { reference: string; overview: Overview }) {
  const [form, setForm] = useState<Form>(() => formOf(route.peek().parameters));
  const [found, setFound] = useState<Found>();
  const [problem, setProblem] = useState<Problem>();
  const search = useSearch(reference, overview, setFound, setProblem);

  useEffect(() => search(form), [form]);
  // The address follows what is typed, without an entry in the history for each letter.
  useEffect(() => {
    const timer = setTimeout(() => {
      const { view, parameters } = route.peek();
      if (view !== undefined && view !== "packages") return;
      const wanted = formatHash(reference, "packages", { ...form });
      if (formatHash(reference, "packages", { ...formOf(parameters) }) !== wanted) go(wanted, true);
    }, 300);
    return () => clearTimeout(timer);
  }, [form]);
  // And the form follows the address, when a link or the history changed that.
  const address = formatHash(reference, "packages", { ...formOf(route.value.parameters) });
  useEffect(() => {
    if (address !== formatHash(reference, "packages", { ...form })) setForm(formOf(route.peek().parameters));
  }, [address]);

  const set = (change: Partial<Form>): void => setForm((before) => ({ ...before, ...change }));
  return (
    <section class="packages" aria-label="Packages">
      <Filters form={form} set={set} overview={overview} />
      <p class="summary" role="status">
        {found && summaryOf(found, overview, form)}
        {(filterCount(form) > 0 || form.q) && (
          <button type="button" class="bare" onClick={() => setForm({ ...EMPTY, sort: form.sort })}>
            Clear
          </button>
        )}
      </p>
      {problem && <ProblemCard problem={problem} retry={() => search(form)} />}
      {found && (
        <PackageGrid
          reference={reference}
          found={found}
          sort={form.sort}
          setSort={(sort) => set({ sort })}
          place={address}
        />
      )}
    </section>
  );
}

function summaryOf(found: Found, overview: Overview, form: Form): string {
  if (!overview.count) return "The repository has no packages.";
  const all = found.count === overview.count;
  const amount = all
    ? plural(found.count, "package")
    : `${found.count.toLocaleString("en")} of ${plural(overview.count, "package")}`;
  const odd = [form.min, form.max].find((text) => text && parseSize(text) === undefined);
  return `${amount}, ${formatSize(found.size)}.${odd ? ` “${odd}” is no size: write 500k, 10M or 1.5G.` : ""}`;
}

/** Searches one after another; of those that came while one was under way, only the last. */
function useSearch(
  reference: string,
  overview: Overview,
  setFound: (found: Found) => void,
  setProblem: (problem: Problem | undefined) => void,
): (form: Form) => void {
  const state = useRef<{ busy: boolean; next: Form | undefined; begun: number }>({ busy: false, next: undefined, begun: 0 });
  const run = async (form: Form): Promise<void> => {
    const { current } = state;
    if (current.busy) {
      current.next = form;
      return;
    }
    current.busy = true;
    const begun = performance.now();
    try {
      const licences = overview.licenses.map(({ value }) => value);
      const query = { search: form.q, filters: filtersOf(form, licences), sort: sortOf(form) };
      setFound(await worker.client.call("search", [reference, query]));
      setProblem(undefined);
      // After the next frame was drawn: what a person waits for, for the browser's own tools.
      requestAnimationFrame(() => setTimeout(() => performance.measure("search", { start: begun, end: performance.now() })));
    } catch (reason) {
      setProblem(problemOf(reason));
    }
    current.busy = false;
    const { next } = current;
    current.next = undefined;
    if (next) void run(next);
  };
  return (form) => void run(form);
}

function Filters(props: { form: Form; set: (change: Partial<Form>) => void; overview: Overview }) {
  const { form, set, overview } = props;
  const count = filterCount(form);
  const [open, setOpen] = useState(count > 0);
  return (
    <form class="filters" role="search" aria-label="Packages" onSubmit={(event) => event.preventDefault()}>
      <div class="filters-line">
        <input
          id="search"
          type="search"
          aria-label="Search packages"
          placeholder="Search names and summaries"
          spellcheck={false}
          autocomplete="off"
          value={form.q}
          onInput={(event) => set({ q: event.currentTarget.value })}
          onKeyDown={(event) => {
            if (event.key === "ArrowDown") {
              event.preventDefault();
              document.querySelector<HTMLElement>("[role=grid] [role=row][tabindex='0']")?.focus();
            }
          }}
        />
        <Choice label="Architecture" any="Any architecture" value={form.arch} facets={overview.arches} set={(arch) => set({ arch })} />
        <label class="check">
          <input type="checkbox" checked={form.latest !== ""} onChange={(event) => set({ latest: event.currentTarget.checked ? "1" : "" })} />
          Latest only
        </label>
        <button type="button" class="bare" aria-expanded={open} aria-controls="more-filters" onClick={() => setOpen(!open)}>
          Filters{count > 0 ? ` (${count})` : ""}
        </button>
      </div>
      <div id="more-filters" class="filters-more" hidden={!open}>
        {open && <More form={form} set={set} overview={overview} />}
      </div>
    </form>
  );
}

function More({ form, set, overview }: { form: Form; set: (change: Partial<Form>) => void; overview: Overview }) {
  return (
    <>
      <Suggested label="Source package" id="sources" value={form.source} facets={overview.sources} set={(source) => set({ source })} />
      <Suggested label="Licence contains" id="licences" value={form.licence} facets={overview.licenses} set={(licence) => set({ licence })} />
      <Field label="Size from" type="text" value={form.min} hint="500k" set={(min) => set({ min })} />
      <Field label="Size to" type="text" value={form.max} hint="10M" set={(max) => set({ max })} />
      <Field label="Built from" type="date" value={form.since} set={(since) => set({ since })} />
      <Field label="Built to" type="date" value={form.until} set={(until) => set({ until })} />
    </>
  );
}

function Choice(props: { label: string; any: string; value: string; facets: Facet[]; set: (value: string) => void }) {
  const { label, any, value, facets, set } = props;
  return (
    <select aria-label={label} value={value} onChange={(event) => set(event.currentTarget.value)}>
      <option value="">{any}</option>
      {facets.map(({ value: one, count }) => (
        <option value={one} key={one}>
          {one} ({count.toLocaleString("en")})
        </option>
      ))}
    </select>
  );
}

/** How many suggestions the browser is given: it draws them all. */
const SUGGESTIONS = 300;

function Suggested(props: { label: string; id: string; value: string; facets: Facet[]; set: (value: string) => void }) {
  const { label, id, value, facets, set } = props;
  // Every letter typed anywhere draws the form anew, and there are tens of thousands of sources.
  const fitting = useMemo(() => {
    const typed = value.toLowerCase();
    return facets.filter((facet) => facet.value.toLowerCase().includes(typed)).slice(0, SUGGESTIONS);
  }, [value, facets]);
  return (
    <label>
      {label}
      <input
        type="text"
        list={id}
        value={value}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => set(event.currentTarget.value)}
      />
      <datalist id={id}>
        {fitting.map((facet) => (
          <option value={facet.value} key={facet.value} />
        ))}
      </datalist>
    </label>
  );
}

function Field(props: { label: string; type: "text" | "date"; value: string; hint?: string; set: (value: string) => void }) {
  const { label, type, value, hint, set } = props;
  return (
    <label>
      {label}
      {type === "date" ? (
        <input type="date" value={value} onInput={(event) => set(event.currentTarget.value)} />
      ) : (
        <input type="text" value={value} placeholder={hint} autocomplete="off" onInput={(event) => set(event.currentTarget.value)} />
      )}
    </label>
  );
}

