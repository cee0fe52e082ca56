//! Many small blobs and a manifest.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::process::Command;

use super::super::finding::{Finding, Of};
use super::super::lab::Lab;
use super::super::pairs::{Contender, in_turns};
use super::super::published::{Host, noise};

const SIZE: usize = 20 << 10;

pub(crate) fn run(lab: &Lab) -> io::Result<Vec<Finding>> {
    let count = lab.amount(1000, 300, 10);
    let place = lab.scratch("push-many")?;
    noise(place.path(), count, SIZE)?;
    let docker = Host::docker(lab)?;
    let ferro = Host::ferro(lab)?;
    let mut found = Vec::new();
    for host in [Some(&docker), ferro.as_ref()].into_iter().flatten() {
        found.push(to(lab, host, place.path(), count)?);
    }
    Ok(found)
}

fn to(lab: &Lab, host: &Host, files: &Path, count: usize) -> io::Result<Finding> {
    let runs = Cell::new(0);
    let library = |program: &Path| {
        // A repository that has nothing yet.
        runs.set(runs.get() + 1);
        let image = format!("{}/bench/many{}:latest", host.host, runs.get());
        let mut command = Command::new(program);
        command.args(["push-many", &image]).arg(files);
        host.asked(1, || lab.cost(&command))
    };
    let mut contenders = vec![Contender::new("ocirepo", || library(&lab.helper("client")))];
    if let Some(peer) = lab.peer("oci-client") {
        let library = &library;
        contenders.push(Contender::new("oci-client", move || library(&peer)));
    }
    let series = in_turns(lab.rounds(), contenders)?;
    let title = format!(
        "{count} files of {} KiB and a manifest, to {}",
        SIZE >> 10,
        host.name
    );
    let finding = Finding::new(title, series)
        .note("Into a new repository each time. oci-client pushes monolithically.");
    let requests = finding.most("ocirepo").requests;
    let aim = (host.name == "ferro").then_some(0.8);
    let finding = finding
        .ratio(Of::Wall, "ocirepo", &["oci-client"], aim)
        .ratio(Of::Cpu, "ocirepo", &["oci-client"], None);
    Ok(match requests {
        0 => finding,
        _ => finding.count("requests of ocirepo", requests, 2 * count as u64 + 3),
    })
}
