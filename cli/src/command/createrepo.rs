//! `ocirepo createrepo`: makes the metadata of a directory of packages.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use ocirepo_native::WorkDir;
use ocirepo_rpm::header::HeaderOptions;
use serde_json::json;

use crate::arguments::Global;
use crate::create::{self, Compression, Given, Local};
use crate::exit::Failure;
use crate::output::Out;
use crate::signing;

/// Make the metadata of a directory of RPM packages
///
/// Writes the folder repodata, as createrepo_c does, in place of one that is there. The same
/// packages give the same bytes, on every machine. `push` does this by itself; the command is
/// for repositories that are served in another way, and for looking at what push would write.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// Directory with RPM files, at any depth
    directory: PathBuf,
    /// Directory in which to put the folder repodata [default: DIRECTORY]
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
    /// How to compress metadata
    #[arg(long, value_name = "HOW", default_value = "gz")]
    compress: Compression,
    /// Keep so many entries of the change log of each package; 0 for all
    #[arg(long, value_name = "N", default_value_t = 10)]
    changelog_limit: usize,
    /// Write filelists-ext as well, with a checksum for each file
    #[arg(long)]
    filelists_ext: bool,
    /// Date of the repository in Unix seconds [default: when its newest package was built]
    #[arg(long, value_name = "SECONDS", visible_alias = "revision")]
    timestamp: Option<u64>,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<(), Failure> {
    let date = match command.timestamp {
        Some(date) => Some(date),
        None => signing::source_date_epoch()?,
    };
    let found = create::packages(&command.directory)?;
    let output = command.output.as_ref().unwrap_or(&command.directory);
    fs::create_dir_all(output).map_err(|error| create::cannot("make", output, &error))?;
    // Beside its place, so that it can be moved there.
    let work = WorkDir::new_in(output)?;
    let given = command.given.write(work.path(), command.compress)?;
    let options = HeaderOptions {
        changelog_limit: Some(command.changelog_limit).filter(|limit| *limit > 0),
        // It takes as long as everything else, and createrepo_c does not do it either.
        verify_payload: false,
        ..HeaderOptions::default()
    };
    let scanned = create::scan(found, &options, command.filelists_ext)?;
    let local = Local {
        compression: command.compress,
        extended: command.filelists_ext,
        date,
    };
    let (packages, repomd) = local.write(&scanned, given, work.path())?;
    create::install(work.path(), output)?;
    let mut out = Out::new();
    let repodata = output.join("repodata");
    if global.json {
        let records = repomd.records.iter();
        out.json(&json!({
            "repodata": repodata,
            "packages": packages,
            "revision": repomd.revision,
            "files": records.map(|record| record.location.path()).collect::<Vec<_>>(),
        }))?;
    } else {
        let plural = if packages == 1 { "" } else { "s" };
        out.line(format!(
            "{} describes {packages} package{plural}",
            repodata.display()
        ))?;
    }
    out.flush()?;
    Ok(())
}
