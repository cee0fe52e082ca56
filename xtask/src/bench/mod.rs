//! What ocirepo costs: time, memory and requests, beside what others take for the same work.

mod bridged;
mod case;
mod createrepo;
mod finding;
mod lab;
mod measure;
mod pairs;
mod peers;
mod publish;
mod published;
mod servers;
mod suite;
mod table;

use std::path::PathBuf;

use crate::report::{Failure, Outcome, Report};
use crate::run::target_dir;
use crate::test::build_programs;

/// How many packages, when nobody says.
const SIZES: &[usize] = &[5_000, 20_000, 80_000];

/// Measures what the arguments say. `false` when they make no sense.
pub(crate) fn run_all(report: &mut Report, arguments: &[String]) -> bool {
    match arguments
        .split_first()
        .map(|(what, rest)| (what.as_str(), rest))
    {
        Some(("publish", rest)) => publish(report, rest),
        Some(("createrepo", rest)) => createrepo(report, rest),
        _ => return suite::run(report, arguments),
    }
    true
}

/// Publishes, updates and reads synthetic repositories, and writes what each step costs to
/// `target/bench/publish.json`.
fn publish(report: &mut Report, arguments: &[String]) {
    report.step("bench publish", || {
        let mut options = publish::Options::default();
        let mut sizes = Vec::new();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} takes a value"));
            match argument.as_str() {
                "--packages" => sizes.push(number(value()?)?),
                "--layout" => options.layout = value()?.clone(),
                "--registry" => options.registry = publish::Registry::named(value()?)?,
                other => return Err(format!("unknown argument {other}")),
            }
        }
        if sizes.is_empty() {
            sizes.extend_from_slice(SIZES);
        }
        let program = program()?;
        let rows = publish::all(&program, &sizes, &options)?;
        let results = bench_dir().join("publish.json");
        table::write(&rows, &results)
            .map_err(|error| format!("cannot write {}: {error}", results.display()))?;
        println!("\n{}", table::markdown(&rows));
        println!("    also in {}", results.display());
        Ok(Outcome::Done)
    });
}

/// Makes metadata of the same packages with `ocirepo createrepo` and createrepo_c, in turns.
fn createrepo(report: &mut Report, arguments: &[String]) {
    report.step("bench createrepo", || {
        let packages = match arguments {
            [] => 2_000,
            [option, value] if option == "--packages" => number(value)?,
            _ => return Err("usage: cargo xtask bench createrepo [--packages N]".to_owned()),
        };
        let program = program()?;
        createrepo::compare(&program, packages).map_err(|error| error.to_string())?;
        Ok(Outcome::Done)
    });
}

/// The profile of what is measured: what people install.
const RELEASE: &str = "release";

/// The program that is measured: what `OCIREPO_BIN` names, or else what is built here.
fn program() -> Result<PathBuf, Failure> {
    if let Some(program) = named() {
        return Ok(program);
    }
    build_programs(RELEASE)?;
    Ok(target_dir().join(RELEASE).join("ocirepo"))
}

/// The program that is to be measured instead of what is built here.
fn named() -> Option<PathBuf> {
    std::env::var_os("OCIREPO_BIN").map(PathBuf::from)
}

/// Where what is made for measuring is kept.
fn bench_dir() -> PathBuf {
    target_dir().join("bench")
}

fn number(text: &str) -> Result<usize, Failure> {
    match text.replace('_', "").parse() {
        Ok(number) if number >= 10 => Ok(number),
        _ => Err(format!("`{text}` is no number of packages; at least 10")),
    }
}
