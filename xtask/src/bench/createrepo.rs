//! Making metadata, beside createrepo_c.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::synthetic;

use super::{bench_dir, measure};

/// How often each is run; in turns, so that neither has the warmer machine.
const ROUNDS: usize = 5;

/// About how large packages are, in bytes.
const SIZE: usize = 1 << 20;

/// Runs both on the same files and says how long each took.
pub(crate) fn compare(program: &Path, packages: usize) -> io::Result<()> {
    let files = synthetic::with_payloads(&bench_dir(), packages, SIZE)?;
    let scratch = Scratch::new("createrepo")?;
    let given = files.to_string_lossy().into_owned();
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for round in 0..ROUNDS {
        let to = scratch.join(format!("ours-{round}"));
        let mut command = Command::new(program);
        command.args(["createrepo", &given, "--output", &to.to_string_lossy()]);
        ours.push(measure::run(&mut command, &scratch.join("output"))?.1);
        let to = scratch.join(format!("theirs-{round}"));
        fs::create_dir_all(&to)?;
        let mut command = Command::new("createrepo_c");
        // What we write: gz, and no SQLite.
        command.args([
            "--no-database",
            "--general-compress-type",
            "gz",
            "--compress-type",
            "gz",
        ]);
        command.args(["--outputdir", &to.to_string_lossy(), &given]);
        theirs.push(measure::run(&mut command, &scratch.join("output"))?.1);
        if let (Some(ours), Some(theirs)) = (ours.last(), theirs.last()) {
            println!(
                "    round {round}: ocirepo {:.2} s, createrepo_c {:.2} s",
                ours.seconds, theirs.seconds
            );
        }
    }
    println!("\n| | median time | CPU | peak memory |\n| --- | ---: | ---: | ---: |");
    for (name, mut runs) in [("ocirepo createrepo", ours), ("createrepo_c", theirs)] {
        runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let median = runs[runs.len() / 2];
        println!(
            "| {name} | {:.2} s | {:.2} s | {} MiB |",
            median.seconds,
            median.cpu,
            median.peak >> 20
        );
    }
    Ok(())
}
