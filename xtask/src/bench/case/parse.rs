//! Parsers of references and manifests, in one process.

use std::io;
use std::path::Path;
use std::process::Command;

use super::super::finding::{Finding, Of};
use super::super::lab::Lab;
use super::super::pairs::{Sample, Series};

pub(crate) fn references(lab: &Lab) -> io::Result<Vec<Finding>> {
    let Some(micro) = lab.peer("micro") else {
        return Ok(Vec::new());
    };
    let series = run(lab, &micro, "reference", lab.amount(20_000, 5_000, 1))?;
    Ok(vec![
        Finding::new("References of all kinds that every parser takes", series)
            .note("Each time is that of the whole corpus, many times over; all on one thread.")
            .ratio(
                Of::Cpu,
                "ocirepo, borrowed",
                &["container_image_dist_ref"],
                Some(1.1),
            )
            .ratio(Of::Cpu, "ocirepo, owned", &["oci-client"], Some(0.1)),
    ])
}

pub(crate) fn manifests(lab: &Lab) -> io::Result<Vec<Finding>> {
    let Some(micro) = lab.peer("micro") else {
        return Ok(Vec::new());
    };
    let series = run(lab, &micro, "manifest", lab.amount(20, 10, 1))?;
    let hashed = ["serde_json, borrowed", "SHA-256 of it"];
    Ok(vec![
        Finding::new("A manifest of 15,000 layers, about 4 MiB", series)
            .note(
                "A view has the descriptors where they lie, checked by the same rules. Owned is what a pull returns: checked, hashed, and with its raw bytes, of which \
                 it makes a copy here; oci-client's is only parsed.",
            )
            .ratio(
                Of::Cpu,
                "ocirepo, view",
                &["serde_json, borrowed"],
                Some(1.1),
            )
            .ratio(Of::Cpu, "ocirepo, owned and hashed", &hashed, Some(2.0))
            .ratio(
                Of::Cpu,
                "ocirepo, owned and hashed",
                &["serde_json, borrowed"],
                None,
            )
            .ratio(Of::Cpu, "oci-client", &["serde_json, borrowed"], None),
    ])
}

/// The lines that `micro` prints.
fn run(lab: &Lab, micro: &Path, case: &str, repetitions: usize) -> io::Result<Vec<Series>> {
    let mut command = Command::new(micro);
    command.args([case, "21", &repetitions.to_string()]);
    let (_, printed) = lab.printed(&command)?;
    let mut all: Vec<Series> = Vec::new();
    for line in printed.lines() {
        let Some((name, seconds)) = line.split_once('\t') else {
            continue;
        };
        let seconds: f64 = seconds.parse().map_err(io::Error::other)?;
        // One thread that only computes.
        let sample = Sample {
            wall: seconds,
            cpu: seconds,
            ..Sample::default()
        };
        match all.iter_mut().find(|series| series.name == name) {
            Some(series) => series.samples.push(sample),
            None => all.push(Series {
                name: name.to_owned(),
                samples: vec![sample],
            }),
        }
    }
    Ok(all)
}
