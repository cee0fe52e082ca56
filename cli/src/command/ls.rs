//! `ocirepo ls`: the packages of a repository.

use std::io::Write;

use clap::Args;
use ocirepo_rpm::package::Package;
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::exit::Failure;
use crate::output::table::Table;
use crate::output::{Out, units};
use crate::publishing::look_for_lost;
use crate::reading::Place;

/// List packages
#[derive(Debug, Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Place,
    /// Names, NEVRAs or paths, with globs; all packages without
    #[arg(value_name = "PACKAGE")]
    packages: Vec<String>,
    /// Only the newest version of each name and architecture
    #[arg(long)]
    latest: bool,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let mut opened = command.place.open(global).await?;
    let packages = opened.select(&command.packages, command.latest)?;
    let mut out = Out::new();
    if global.json {
        for package in &packages {
            out.json(&brief(package))?;
        }
    } else {
        let mut table = Table::new(&["PACKAGE", "SIZE", "SUMMARY"], &[1]);
        for package in &packages {
            table.row([
                package.nevra.to_string(),
                units::size(package.size.package),
                package.details.summary.to_string(),
            ]);
        }
        table.write(&mut out)?;
    }
    out.flush()?;
    // Only now, so that nobody waits for it.
    look_for_lost(&opened.client, &opened.reference, &opened.snapshot).await;
    Ok(())
}

/// A package in one line of JSON.
pub(super) fn brief(package: &Package) -> Value {
    let nevra = &package.nevra;
    json!({
        "name": &*nevra.name,
        "epoch": nevra.evr.epoch,
        "version": &*nevra.evr.version,
        "release": &*nevra.evr.release,
        "arch": &*nevra.arch,
        "nevra": nevra.to_string(),
        "location": package.location.path(),
        "checksum": package.checksum.to_string(),
        "size": package.size.package,
        "installedSize": package.size.installed,
        "buildTime": package.build_time,
        "summary": &*package.details.summary,
    })
}
