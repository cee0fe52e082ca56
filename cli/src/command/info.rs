//! `ocirepo info`: everything about packages.

use std::io::Write;

use clap::Args;
use ocirepo_rpm::package::{Dependency, Package};
use serde_json::{Value, json};

use super::ls::brief;
use crate::arguments::Global;
use crate::exit::Failure;
use crate::output::{Out, units};
use crate::reading::Place;

/// Describe packages
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
    let mut out = Out::new();
    for (at, package) in packages.iter().enumerate() {
        if global.json {
            out.json(&full(package))?;
            continue;
        }
        if at > 0 {
            out.line("")?;
        }
        describe(&mut out, package)?;
    }
    out.flush()?;
    Ok(())
}

fn describe(out: &mut Out, package: &Package) -> Result<(), Failure> {
    let details = &package.details;
    let nevra = &package.nevra;
    let mut field = |name: &str, value: &str| {
        if value.is_empty() {
            return Ok(());
        }
        out.line(format!("{name:<13}: {}", value.replace(['\n', '\t'], " ")))
    };
    field("Name", &nevra.name)?;
    field("Version", &nevra.evr.to_string())?;
    field("Architecture", &nevra.arch)?;
    field("Size", &units::size(package.size.package))?;
    field("Installed", &units::size(package.size.installed))?;
    field("Summary", &details.summary)?;
    field("URL", &details.url)?;
    field("License", &details.license)?;
    field("Vendor", &details.vendor)?;
    field("Packager", &details.packager)?;
    field("Source", &details.source_rpm)?;
    field("Path", package.location.path())?;
    field("Checksum", &package.checksum.to_string())?;
    let mut list = |name: &str, entries: &[Dependency]| -> Result<(), Failure> {
        for (at, entry) in entries.iter().enumerate() {
            field(if at == 0 { name } else { "" }, &entry.to_string())?;
        }
        Ok(())
    };
    let dependencies = &package.dependencies;
    list("Provides", &dependencies.provides)?;
    list("Requires", &dependencies.requires)?;
    list("Conflicts", &dependencies.conflicts)?;
    list("Obsoletes", &dependencies.obsoletes)?;
    list("Recommends", &dependencies.recommends)?;
    list("Suggests", &dependencies.suggests)?;
    list("Supplements", &dependencies.supplements)?;
    list("Enhances", &dependencies.enhances)?;
    if !details.description.is_empty() {
        out.line("Description  :")?;
        for line in details.description.lines() {
            out.line(format!("  {line}"))?;
        }
    }
    Ok(())
}

fn full(package: &Package) -> Value {
    let texts = |entries: &[Dependency]| -> Vec<String> {
        entries.iter().map(ToString::to_string).collect()
    };
    let details = &package.details;
    let dependencies = &package.dependencies;
    let mut value = brief(package);
    let more = json!({
        "description": &*details.description,
        "url": &*details.url,
        "license": &*details.license,
        "vendor": &*details.vendor,
        "packager": &*details.packager,
        "group": &*details.group,
        "buildHost": &*details.build_host,
        "sourceRpm": &*details.source_rpm,
        "provides": texts(&dependencies.provides),
        "requires": texts(&dependencies.requires),
        "conflicts": texts(&dependencies.conflicts),
        "obsoletes": texts(&dependencies.obsoletes),
        "recommends": texts(&dependencies.recommends),
        "suggests": texts(&dependencies.suggests),
        "supplements": texts(&dependencies.supplements),
        "enhances": texts(&dependencies.enhances),
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}
