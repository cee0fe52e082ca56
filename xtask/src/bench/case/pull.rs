//! One large blob into a file.

use std::io;
use std::process::Command;

use super::super::finding::{Finding, Of};
use super::super::lab::Lab;
use super::super::pairs::{Contender, in_turns};
use super::super::published::{Host, NAME, Published, TAG, oras};

/// The most memory, in bytes.
const MEMORY: u64 = 20 << 20;

const ORAS: &str = "\
import sys, oras.client
client = oras.client.OrasClient(insecure=True)
client.pull(target=sys.argv[1], outdir=sys.argv[2])
";

pub(crate) fn run(lab: &Lab) -> io::Result<Vec<Finding>> {
    let size = lab.amount(1 << 30, 256 << 20, 1 << 20);
    let published = Published::start(lab, 1, size)?;
    let mut found = Vec::new();
    for (host, wall) in [(&published.nginx, 1.2), (&published.docker, 1.35)] {
        found.push(from(lab, host, &published.digests[0], size, wall)?);
    }
    Ok(found)
}

fn from(lab: &Lab, host: &Host, digest: &str, size: usize, wall: f64) -> io::Result<Finding> {
    let place = lab.scratch("pull")?;
    // Over one file, and not beside it: memory is limited.
    let file = place.join("pulled");
    let fresh = || match std::fs::remove_file(&file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let to = file.to_string_lossy();
    let home = place.join("home");
    let url = format!("http://{}/v2/{NAME}/blobs/{digest}", host.host);
    let measured = |command: Command| {
        fresh()?;
        host.asked(1, || lab.cost(&command))
    };
    let location = format!("oci://{}/{NAME}@{digest}", host.host);
    let mut contenders = vec![
        Contender::new("ocirepo", || {
            measured(lab.ocirepo(&home, ["blob", &location, "-o", &to]))
        }),
        Contender::new("curl", || {
            let mut command = Command::new("curl");
            command.args(["--silent", "--fail", "--output", &to, &url]);
            measured(command)
        }),
        Contender::new("SHA-256 of it", || {
            let mut command = Command::new(lab.helper("hash"));
            lab.cost(command.arg(size.to_string()))
        }),
        Contender::new("skopeo", || {
            let image = format!("docker://{}/{NAME}:{TAG}", host.host);
            let directory = lab.scratch("skopeo")?;
            let to = format!("dir:{}", directory.path().display());
            let mut command = Command::new("skopeo");
            command.args(["copy", "--quiet", "--src-tls-verify=false", &image, &to]);
            measured(command)
        }),
        Contender::new("oras (Python)", || {
            let image = format!("{}/{NAME}:{TAG}", host.host);
            let directory = lab.scratch("oras")?;
            let to = directory.path().to_string_lossy();
            measured(oras(lab, ORAS, &[&image, &to], directory.path()))
        }),
    ];
    if let Some(peer) = lab.peer("oci-client") {
        let (host, to) = (&host.host, &to);
        contenders.push(Contender::new("oci-client", move || {
            let mut command = Command::new(&peer);
            let image = format!("{host}/{NAME}:{TAG}");
            command.args(["blob", &image, digest, to.as_ref()]);
            measured(command)
        }));
    }
    let series = in_turns(lab.rounds(), contenders)?;
    let title = format!(
        "A blob of {} MiB from {} into a file",
        size >> 20,
        host.name
    );
    let finding = Finding::new(title, series).note(
        "ocirepo, oci-client (twice) and skopeo verify what they pull; curl and the Python oras \
         client verify nothing. skopeo and oras pull the manifest too.",
    );
    let most = finding.most("ocirepo");
    Ok(finding
        .ratio(Of::Cpu, "ocirepo", &["curl", "SHA-256 of it"], Some(1.08))
        .ratio(Of::Wall, "ocirepo", &["curl"], Some(wall))
        .ratio(Of::Wall, "oci-client", &["curl"], None)
        .ratio(Of::Wall, "skopeo", &["curl"], None)
        .ratio(Of::Wall, "oras (Python)", &["curl"], None)
        .ratio(Of::Cpu, "ocirepo", &["oci-client"], None)
        .ratio(Of::Cpu, "ocirepo", &["skopeo"], None)
        .count("requests of ocirepo", most.requests, 1)
        .count("memory of ocirepo, bytes", most.peak, MEMORY))
}
