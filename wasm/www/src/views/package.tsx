import { useEffect, useState } from "preact/hooks";
import { formatCount, formatMoment, formatSize, plural } from "../lib/format.ts";
import { parseReference } from "../lib/reference.ts";
import { command } from "../lib/shell.ts";
import { Await, useCall } from "../page/call.tsx";
import { Address, CopyBlock, Day, Digest, Empty, Fold, Text } from "../page/parts.tsx";
import { here, route, signatureOf, worker } from "../page/state.ts";
import type { Opened, PackageDetails, PackageFile, PackageRow } from "../protocol.ts";
import { DependencyFolds } from "./dependencies.tsx";
import { Download } from "./download.tsx";
import { HeaderFold } from "./header.tsx";

/** One package. */
export function PackageView({ open }: { open: Opened }) {
  const { reference } = open;
  const { id = "", what = "" } = route.value.parameters;
  const call = useCall(`${reference}\n${id}\n${what}`, async (watch) => {
    if (what) {
      const rows = await worker.client.call(
        what === "needs" ? "requiredBy" : "providers",
        [reference, id],
        watch,
      );
      return { rows };
    }
    return worker.client.call("details", [reference, id], watch).then((found) => ({ found }));
  });
  return (
    <Await call={call} what="Reading the list of packages">
      {(result) =>
        "rows" in result ? (
          <PackageList rows={result.rows} title={what === "needs" ? `Packages that require ${id}` : `Packages that provide ${id}`} />
        ) : result.found ? (
          <OnePackage key={id} open={open} details={result.found.package} others={result.found.others} />
        ) : (
          <Empty>
            There is no package <code>{id}</code> at this tag. <a href={here("packages")}>All packages</a>
          </Empty>
        )
      }
    </Await>
  );
}

/** Packages that have something in common. */
function PackageList({ rows, title }: { rows: PackageRow[]; title: string }) {
  return (
    <section>
      <h2>
        <Text>{title}</Text>
      </h2>
      {rows.length ? <Rows rows={rows} /> : <Empty>No package of this repository.</Empty>}
    </section>
  );
}

function Rows({ rows }: { rows: PackageRow[] }) {
  return (
    <ul class="plain-rows">
      {rows.slice(0, 1_000).map((row) => (
        <li key={row.id}>
          <a href={here("package", { id: row.nevra })}>
            <Text>{row.name}</Text>
          </a>{" "}
          <span class="mono">
            <Text>{row.evr}</Text>
          </span>{" "}
          <span class="quiet">
            <Text>{row.arch}</Text> · {formatSize(row.size)} · <Day seconds={row.buildTime} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function OnePackage({ open, details, others }: { open: Opened; details: PackageDetails; others: PackageRow[] }) {
  const { reference } = open;
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      const { target } = event;
      const typing = target instanceof HTMLElement && target.matches("input, textarea, select");
      if (event.key === "Escape" && !typing && !document.querySelector("dialog[open]")) history.back();
    };
    addEventListener("keydown", listen);
    document.getElementById("main")?.focus({ preventScroll: true });
    return () => removeEventListener("keydown", listen);
  }, []);
  return (
    <article class="package" aria-labelledby="package-name">
      <p class="crumbs">
        <a href={here("packages")}>Packages</a> / <Text>{details.name}</Text>
      </p>
      <header>
        <h2 id="package-name">
          <Text>{details.name}</Text>{" "}
          <span class="evr mono">
            <Text>{details.evr}</Text>
          </span>{" "}
          <span class="arch">
            <Text>{details.arch}</Text>
          </span>
        </h2>
        <p class="lead">
          <Text>{details.summary}</Text>
        </p>
      </header>
      <div class="columns">
        <div class="column-main">
          {details.description && (
            <p class="description">
              <Text>{details.description}</Text>
            </p>
          )}
          <DependencyFolds reference={reference} id={details.id} />
          <Fold title="Files">{() => <Files reference={reference} id={details.id} />}</Fold>
          <Fold title="Change log">{() => <Changes reference={reference} id={details.id} />}</Fold>
          <HeaderFold reference={reference} details={details} />
          {others.length > 0 && (
            <Fold title="Other versions and architectures" count={formatCount(others.length)}>
              {() => <Rows rows={others} />}
            </Fold>
          )}
        </div>
        <aside class="column-side" aria-label="Facts and commands">
          <Download
            label="Download"
            name={details.location.split("/").at(-1) || "package.rpm"}
            size={details.size}
            digest={details.checksum}
            run={(file, watch) => worker.client.call("download", [reference, details.id, file], watch)}
          />
          <Facts details={details} state={signatureOf(reference, open.rpm?.signed === true)} />
          <Commands open={open} details={details} />
        </aside>
      </div>
    </article>
  );
}

function Facts({ details, state }: { details: PackageDetails; state: string }) {
  const facts: [string, preact.ComponentChildren][] = [
    ["File", formatSize(details.size)],
    ["Installed", formatSize(details.installedSize)],
    ["Built", details.buildTime > 0 ? formatMoment(details.buildTime) : "–"],
    ["Licence", <Text>{details.license || "–"}</Text>],
    [
      "Source",
      details.source ? (
        <a href={here("packages", { source: details.source })}>
          <Text>{details.source}</Text>
        </a>
      ) : (
        "–"
      ),
    ],
    ["Homepage", details.url ? <Address>{details.url}</Address> : "–"],
    ["Vendor", <Text>{details.vendor || "–"}</Text>],
    ["Packager", <Text>{details.packager || "–"}</Text>],
    ["Build host", <Text>{details.buildHost || "–"}</Text>],
    ["Path", <span class="mono break">{<Text>{details.location}</Text>}</span>],
    ["Checksum", <Digest>{details.checksum}</Digest>],
    ["Metadata", state],
  ];
  return (
    <dl class="facts-list">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Commands({ open, details }: { open: Opened; details: PackageDetails }) {
  const parsed = parseReference(open.reference);
  if (!parsed) return null;
  const { name, evr, arch, checksum } = details;
  const commands: [string, string][] = [
    ["dnf", command("dnf install", `${name}-${evr}.${arch}`)],
    ["ocirepo", command("ocirepo get", open.reference, details.nevra)],
  ];
  if (open.rpm?.layout === "native" && checksum.startsWith("sha256:")) {
    // In this layout a package is an artifact of its own.
    const tag = `p-${checksum.slice("sha256:".length)}`;
    commands.push(["skopeo", command("skopeo copy", `docker://${parsed.registry}/${parsed.name}:${tag}`, `dir:${name}`)]);
  } else {
    const place = `docker://${parsed.registry}/${parsed.name}${parsed.digest ? `@${parsed.digest}` : `:${parsed.tag ?? "latest"}`}`;
    commands.push(["skopeo (all of the repository)", command("skopeo copy --all", place, `oci:${parsed.name.split("/").at(-1)}`)]);
  }
  return (
    <section class="commands">
      <h3>Commands</h3>
      {commands.map(([program, text]) => (
        <div key={program}>
          <h4>{program}</h4>
          <CopyBlock text={text} label={`Copy the ${program} command`} />
        </div>
      ))}
    </section>
  );
}

/** Files are drawn in pieces of so many; kernels have tens of thousands. */
const FILES = 500;

function Files({ reference, id }: { reference: string; id: number }) {
  const call = useCall(`${reference}\n${id}`, (watch) => worker.client.call("files", [reference, id], watch));
  return (
    <Await call={call} what="Reading the lists of files">
      {(files) => (files.length ? <FileList files={files} /> : <Empty>The package has no files.</Empty>)}
    </Await>
  );
}

function FileList({ files }: { files: PackageFile[] }) {
  const [search, setSearch] = useState("");
  const [count, setCount] = useState(FILES);
  const fitting = search ? files.filter(({ path }) => path.toLowerCase().includes(search.toLowerCase())) : files;
  return (
    <>
      <div class="filters-line">
        <input
          type="search"
          aria-label="Search files"
          placeholder="Search paths"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <span class="quiet">
          {search ? `${formatCount(fitting.length)} of ` : ""}
          {plural(files.length, "entry", "entries")}
        </span>
      </div>
      <ul class="paths mono">
        {fitting.slice(0, count).map(({ path, kind }) => (
          <li key={path}>
            <Text>{path}</Text>
            {kind === "dir" && "/"}
            {kind === "ghost" && <span class="quiet"> (ghost)</span>}
          </li>
        ))}
      </ul>
      {count < fitting.length && (
        <button type="button" onClick={() => setCount(count + FILES * 4)}>
          Show more
        </button>
      )}
    </>
  );
}

function Changes({ reference, id }: { reference: string; id: number }) {
  const call = useCall(`${reference}\n${id}`, (watch) => worker.client.call("changes", [reference, id], watch));
  return (
    <Await call={call} what="Reading the change logs">
      {(changes) =>
        changes.length ? (
          <ol class="changelog">
            {changes.map(({ author, date, text }, i) => (
              <li key={i}>
                <p class="quiet">
                  <Day seconds={date} /> <Text>{author}</Text>
                </p>
                <p class="change-text">
                  <Text>{text}</Text>
                </p>
              </li>
            ))}
          </ol>
        ) : (
          <Empty>The package has no change log.</Empty>
        )
      }
    </Await>
  );
}

