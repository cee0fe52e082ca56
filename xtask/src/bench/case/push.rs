//! One large file as a blob.

use std::cell::Cell;
use std::io;
use std::process::Command;

use super::super::finding::{Finding, Of};
use super::super::lab::Lab;
use super::super::pairs::{Contender, in_turns};
use super::super::published::{Host, entries, noise, oras};

/// The most memory, in bytes.
const MEMORY: u64 = 24 << 20;

/// What curl needs for an upload: where to, then the bytes.
const CURL: &str = "\
set -e
base=$1; file=$2; digest=$3
to=$(curl --silent --fail --request POST --output /dev/null --write-out '%header{location}' \\
    \"$base/blobs/uploads/\")
case $to in *\\?*) to=\"$to&digest=$digest\";; *) to=\"$to?digest=$digest\";; esac
curl --silent --fail --output /dev/null --upload-file \"$file\" \\
    --header 'Content-Type: application/octet-stream' \"$to\"
";

const ORAS: &str = "\
import sys, oras.client
client = oras.client.OrasClient(insecure=True)
client.push(target=sys.argv[1], files=[sys.argv[2]], disable_path_validation=True)
";

pub(crate) fn run(lab: &Lab) -> io::Result<Vec<Finding>> {
    let size = lab.amount(1 << 30, 256 << 20, 1 << 20);
    let place = lab.scratch("push")?;
    noise(place.path(), 1, size)?;
    let paths = entries(place.path())?;
    let sums = super::super::bridged::sums(lab, &[&paths[0]])?;
    let digest = format!("sha256:{}", sums[0]);
    let file = paths[0].to_string_lossy();
    let host = Host::docker(lab)?;
    let client = |arguments: &[&str]| {
        let mut command = Command::new(lab.helper("client"));
        command.args(arguments);
        host.asked(1, || lab.cost(&command))
    };
    let to = format!("{}/bench/push", host.host);
    let pushed = Cell::new(0);
    let mut contenders = vec![
        Contender::new("ocirepo, digest unknown", || client(&["push", &to, &file])),
        Contender::new("ocirepo, digest known", || {
            client(&["push", &to, &file, &digest])
        }),
        Contender::new("curl", || {
            let base = format!("http://{}/v2/bench/curl", host.host);
            let mut command = Command::new("sh");
            command.args(["-c", CURL, "sh", &base, &file, &digest]);
            host.asked(1, || lab.cost(&command))
        }),
        Contender::new("SHA-256 of it", || {
            let mut command = Command::new(lab.helper("hash"));
            lab.cost(command.arg(size.to_string()))
        }),
        Contender::new("oras (Python)", || {
            // It sends nothing to a repository that has the blob.
            pushed.set(pushed.get() + 1);
            let image = format!("{}/bench/oras-{}:latest", host.host, pushed.get());
            let home = lab.scratch("oras")?;
            let command = oras(lab, ORAS, &[&image, &file], home.path());
            host.asked(1, || lab.cost(&command))
        }),
    ];
    if let Some(peer) = lab.peer("oci-client") {
        let (host, file) = (&host, &file);
        contenders.push(Contender::new("oci-client", move || {
            let mut command = Command::new(&peer);
            command.args(["push", &format!("{}/bench/peer:latest", host.host), file]);
            host.asked(1, || lab.cost(&command))
        }));
    }
    let series = in_turns(lab.rounds(), contenders)?;
    let title = format!("A file of {} MiB as a blob, to docker-registry", size >> 20);
    let finding = Finding::new(title, series).note(
        "Where the digest is unknown, the file is hashed while it is sent. oci-client is given \
         the digest of what it has in memory, as its `push()` does; curl is given it.",
    );
    let most = finding.most("ocirepo, digest unknown");
    let curl_and_hash = ["curl", "SHA-256 of it"];
    Ok(vec![
        finding
            .ratio(
                Of::Cpu,
                "ocirepo, digest unknown",
                &curl_and_hash,
                Some(1.1),
            )
            .ratio(Of::Wall, "ocirepo, digest unknown", &["curl"], Some(1.35))
            .ratio(Of::Wall, "ocirepo, digest known", &["curl"], Some(1.15))
            .ratio(Of::Cpu, "ocirepo, digest known", &["curl"], None)
            .ratio(Of::Wall, "oci-client", &["curl"], None)
            .ratio(Of::Wall, "oras (Python)", &["curl"], None)
            .count("requests of ocirepo", most.requests, 3)
            .count("memory of ocirepo, bytes", most.peak, MEMORY),
    ])
}
