//! What it costs to be there: size, and a start that does nothing.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::super::finding::{Finding, Of};
use super::super::lab::{Lab, Scale};
use super::super::pairs::{Contender, in_turns};
use crate::run::{cargo, run, target_dir};

/// The most bytes a release may have.
const SIZE: u64 = 12_000_000;

pub(crate) fn run_case(lab: &Lab) -> io::Result<Vec<Finding>> {
    // What people install; a smoke run takes what is there.
    let program = match lab.scale {
        Scale::Smoke => lab.program.clone(),
        _ => {
            let build = ["build", "--quiet", "--release", "--package", "ocirepo-cli"];
            run(&mut cargo(build)).map_err(io::Error::other)?;
            target_dir().join("release/ocirepo")
        }
    };
    let times = lab.amount(200, 100, 3);
    let version = |program: &Path| {
        let script = "program=$1; for n in $(seq $2); do \"$program\" --version; done";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(program);
        let mut sample = lab.cost(command.arg(times.to_string()))?;
        sample.wall /= times as f64;
        sample.cpu /= times as f64;
        Ok(sample)
    };
    let contenders = vec![
        Contender::new("ocirepo --version", || version(&program)),
        Contender::new("curl --version", || version(Path::new("curl"))),
    ];
    let series = in_turns(lab.rounds(), contenders)?;
    let finding = Finding::new("Size and start", series)
        .note(format!("{times} runs a sample, started by a shell."))
        .ratio(Of::Cpu, "ocirepo --version", &["curl --version"], Some(1.0));
    Ok(vec![match lab.scale {
        Scale::Smoke => finding,
        _ => finding.count("bytes of the release", fs::metadata(&program)?.len(), SIZE),
    }])
}
