import { useState } from "preact/hooks";
import { formatCount, formatMoment, formatSize } from "../lib/format.ts";
import { Await, useCall } from "../page/call.tsx";
import { Fold, Text } from "../page/parts.tsx";
import { worker } from "../page/state.ts";
import type { PackageDetails, UnverifiedHeader } from "../protocol.ts";

/** The header of the package file, read from its front when a person wants it. */
export function HeaderFold({ reference, details }: { reference: string; details: PackageDetails }) {
  return <Fold title="RPM header, not verified">{() => <Header reference={reference} details={details} />}</Fold>;
}

function Header({ reference, details }: { reference: string; details: PackageDetails }) {
  const [wanted, setWanted] = useState(false);
  const call = useCall(wanted ? `${reference}\n${details.id}` : "", (watch) =>
    worker.client.call("header", [reference, details.id], watch),
  );
  if (!wanted) {
    return (
      <>
        <p>
          The header can be read from the front of the file, without the {formatSize(details.size)} behind it. No digest
          covers a part of a file, so nothing of it is verified.
        </p>
        <button type="button" onClick={() => setWanted(true)}>
          Read the header
        </button>
      </>
    );
  }
  return (
    <Await call={call} what="Reading the header">
      {(header) => <Shown header={header} size={details.size} />}
    </Await>
  );
}

function Shown({ header, size }: { header: UnverifiedHeader; size: number }) {
  const { details, files, changes, differs } = header;
  const facts: [string, string][] = [
    ["Package", header.nevra],
    ["Summary", details.summary],
    ["Licence", details.license],
    ["Vendor", details.vendor],
    ["Packager", details.packager],
    ["Build host", details.buildHost],
    ["Source", details.sourceRpm],
    ["Group", details.group],
    ["Files", formatCount(files.length)],
    ["Change log", changes[0] ? `${formatCount(changes.length)} entries, the newest of ${formatMoment(changes[0].date)}` : "none"],
  ];
  return (
    <div class="unverified">
      <p class="badge">Not verified</p>
      <p class="quiet">
        {formatSize(header.bytesRead)} of {formatSize(size)} were read.{" "}
        {differs.length ? (
          <strong>
            It differs from the list of packages in: <Text>{differs.join(", ")}</Text>.
          </strong>
        ) : (
          "It says what the list of packages says."
        )}
      </p>
      <dl class="facts-list">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <Text>{value || "–"}</Text>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
