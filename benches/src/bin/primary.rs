//! Reads a `primary` file into a list of packages, as the program does: `primary FILE`.
//!
//! Prints how many there are, and the bytes of what was kept of them: their texts and numbers, each
//! as often as a package has it.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::mem::size_of;
use std::process::ExitCode;

use ocirepo_native::ahead::Ahead;
use ocirepo_rpm::checksum::Checksum;
use ocirepo_rpm::compression::Decompressor;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::package::{Comparison, Dependency, Package};
use ocirepo_rpm::primary::Primary;

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: primary FILE");
        return ExitCode::from(2);
    };
    match read(&file) {
        Ok(packages) => {
            let facts: usize = packages.iter().map(facts).sum();
            println!("{} {facts}", packages.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn read(file: &str) -> Result<Vec<Package>, Box<dyn Error>> {
    let limits = Limits::default();
    let opened = Decompressor::new(BufReader::new(File::open(file)?), file, limits)?;
    let packages = Primary::open(Ahead::of(opened)?, file, limits)?;
    Ok(packages.collect::<Result<_, _>>()?)
}

/// The bytes of what is known of a package.
fn facts(package: &Package) -> usize {
    let details = &package.details;
    let texts = [
        &*package.nevra.name,
        &*package.nevra.arch,
        &*package.nevra.evr.version,
        &*package.nevra.evr.release,
        &*details.summary,
        &*details.description,
        &*details.packager,
        &*details.url,
        &*details.license,
        &*details.vendor,
        &*details.group,
        &*details.build_host,
        &*details.source_rpm,
    ];
    let location = package.location.to_string();
    let needs = &package.dependencies;
    let dependencies = [
        &needs.provides,
        &needs.requires,
        &needs.conflicts,
        &needs.obsoletes,
        &needs.suggests,
        &needs.enhances,
        &needs.recommends,
        &needs.supplements,
    ];
    // Epoch, three sizes, two times, and where the header lies.
    let numbers = size_of::<u32>() + 7 * size_of::<u64>();
    texts.iter().map(|text| text.len()).sum::<usize>()
        + numbers
        + size_of::<Checksum>()
        + location.len()
        + dependencies
            .into_iter()
            .flatten()
            .map(needed)
            .sum::<usize>()
        + (package.files.iter().map(|file| file.path.len())).sum::<usize>()
}

fn needed(dependency: &Dependency) -> usize {
    let version = dependency.evr.as_ref().map_or(0, |evr| {
        size_of::<Comparison>() + size_of::<u32>() + evr.version.len() + evr.release.len()
    });
    dependency.name.len() + version
}
