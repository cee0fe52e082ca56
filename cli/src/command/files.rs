//! `ocirepo files`: what packages install.

use std::collections::BTreeSet;
use std::io::Write;

use clap::Args;
use ocirepo_rpm::filelists::Filelists;
use ocirepo_rpm::limits::Limits;
use serde_json::json;

use crate::arguments::Global;
use crate::exit::Failure;
use crate::output::Out;
use crate::reading::Place;
use crate::repository;

/// List the files that packages install
#[derive(Debug, Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Place,
    /// Names, NEVRAs or paths, with globs
    #[arg(value_name = "PACKAGE", required = true)]
    packages: Vec<String>,
    /// All versions, not only the newest of each name and architecture
    #[arg(long)]
    all: bool,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let mut opened = command.place.open(global).await?;
    let packages = opened.select(&command.packages, !command.all)?;
    let wanted: BTreeSet<_> = packages.iter().map(|package| package.checksum).collect();
    let record = opened.snapshot.repomd().require("filelists")?;
    let found = repository::read(
        &opened.client,
        &opened.snapshot,
        record,
        move |source, file| {
            let mut found = Vec::new();
            for package in Filelists::open(source, file, Limits::default())? {
                let package = package?;
                if wanted.contains(&package.pkgid) {
                    found.push(package);
                }
            }
            Ok(found)
        },
    )
    .await?;
    let mut out = Out::new();
    for package in found {
        for file in &package.files {
            if global.json {
                out.json(&json!({
                    "nevra": package.nevra.to_string(),
                    "path": &*file.path,
                    "type": file.kind.as_str().unwrap_or("file"),
                }))?;
            } else {
                out.line(&*file.path)?;
            }
        }
    }
    out.flush()?;
    Ok(())
}
