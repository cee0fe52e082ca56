//! The packages of a large repository, read from its metadata.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use ocirepo_e2e::synthetic;

use super::super::bench_dir;
use super::super::finding::{Finding, Of};
use super::super::lab::Lab;
use super::super::pairs::{Contender, Sample, in_turns};

/// Keeps every package, as somebody does who wants to look at all of them.
const CREATEREPO_C: &str = "\
import sys, createrepo_c
packages = list(createrepo_c.PackageIterator(sys.argv[1], None, None))
print(len(packages))
";

/// What no reader in Rust alone can do without, and what decompression costs in C.
const FLOORS: [(&str, &str); 3] = [
    ("inflate", "ruzstd alone"),
    ("events", "ruzstd and quick-xml alone"),
    ("inflate-c", "libzstd alone"),
];

pub(crate) fn run(lab: &Lab) -> io::Result<Vec<Finding>> {
    let count = lab.amount(20_000, 5_000, 20);
    let made = synthetic::make(&bench_dir(), count)?;
    let scratch = lab.scratch("primary")?;
    let (from, to) = (
        made.packages.to_string_lossy(),
        scratch.path().to_string_lossy(),
    );
    let arguments = ["createrepo", &from, "--output", &to, "--compress", "zstd"];
    lab.prepare(&mut lab.ocirepo(&scratch.join("home"), arguments))?;
    let file = primary(&scratch.join("repodata"))?;

    let reader = || {
        let mut command = Command::new(lab.helper("primary"));
        command.arg(&file);
        command
    };
    let facts: u64 = match lab.printed(&reader())?.1.split_once(' ') {
        Some((_, facts)) => facts.trim().parse().map_err(io::Error::other)?,
        None => return Err(io::Error::other("the reader printed no figures")),
    };
    let read = |command: &Command| -> io::Result<Sample> {
        let (sample, printed) = lab.printed(command)?;
        let found = printed.split_whitespace().next().unwrap_or_default();
        if found == count.to_string() {
            return Ok(sample);
        }
        let message = format!("{found} of {count} packages were read");
        Err(io::Error::other(message))
    };
    let mut contenders = vec![Contender::new("ocirepo", || read(&reader()))];
    for (stage, name) in FLOORS {
        let file = &file;
        contenders.push(Contender::new(name, move || {
            let mut command = Command::new(lab.helper("floor"));
            lab.cost(command.arg(stage).arg(file))
        }));
    }
    if let Some(python) = lab.peers_python() {
        let file = &file;
        contenders.push(Contender::new("createrepo_c", move || {
            let mut command = Command::new(&python);
            read(command.args(["-c", CREATEREPO_C]).arg(file))
        }));
    }
    let series = in_turns(lab.rounds(), contenders)?;
    let title = format!("primary.xml.zst of {count} packages into a list");
    let finding = Finding::new(title, series)
        .note(format!(
            "createrepo_c's `PackageIterator` over primary alone, from Python, kept in a list. \
             What ocirepo keeps comes to {facts} bytes of texts and numbers, each counted as often \
             as a package has it. Those that are alone decompress, or decompress and find the \
             events of the XML, and keep nothing.",
        ))
        .ratio(Of::Wall, "ocirepo", &["createrepo_c"], Some(1.0 / 3.0))
        .ratio(Of::Cpu, "ocirepo", &["createrepo_c"], None);
    let finding = FLOORS.iter().fold(finding, |finding, (_, name)| {
        finding.ratio(Of::Wall, name, &["createrepo_c"], None)
    });
    let peak = finding.most("ocirepo").peak;
    Ok(vec![finding.count(
        "peak memory of ocirepo, bytes",
        peak,
        2 * facts,
    )])
}

fn primary(repodata: &Path) -> io::Result<PathBuf> {
    for entry in fs::read_dir(repodata)? {
        let path = entry?.path();
        let name = path.to_string_lossy();
        if name.ends_with("primary.xml.zst") {
            return Ok(path);
        }
    }
    Err(io::Error::other("no primary.xml.zst was made"))
}
