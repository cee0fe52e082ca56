//! `cargo xtask bench`: every case, or one.

use std::path::PathBuf;

use super::case::{self, Case};
use super::finding;
use super::lab::{Lab, Scale};
use crate::report::{Outcome, Report};
use crate::setup;

/// Runs the cases that arguments ask for. `false` when they make no sense.
pub(crate) fn run(report: &mut Report, arguments: &[String]) -> bool {
    let (mut scale, mut only, mut json) = (Scale::Full, None, None);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => scale = Scale::Quick,
            "--smoke" => scale = Scale::Smoke,
            "--only" => only = arguments.next().map(String::as_str),
            "--json" => json = arguments.next().map(PathBuf::from),
            name if !name.starts_with('-') && only.is_none() => only = Some(name),
            _ => return false,
        }
    }
    let cases: Vec<&Case> = case::ALL
        .iter()
        .filter(|case| only.is_none_or(|only| only == case.name))
        .collect();
    if cases.is_empty() {
        println!("there is no such case; these are:");
        for case in case::ALL {
            println!("  {:14} {}", case.name, case.about);
        }
        return false;
    }
    let before = report.failures();
    setup::all(report);
    if report.failures() == before {
        measure(report, scale, &cases, json);
    }
    true
}

fn measure(report: &mut Report, scale: Scale, cases: &[&Case], json: Option<PathBuf>) {
    let mut lab = None;
    report.step("bench: programs and peers", || {
        lab = Some(Lab::open(scale)?);
        Ok(Outcome::Done)
    });
    let Some(lab) = lab else {
        return;
    };
    let mut found = Vec::new();
    for case in cases {
        report.step(&format!("bench {}: {}", case.name, case.about), || {
            let findings = (case.run)(&lab).map_err(|error| error.to_string())?;
            for finding in findings {
                println!("\n{}", finding.markdown());
                found.push((case.name, finding));
            }
            Ok(Outcome::Done)
        });
    }
    let Some(json) = json else {
        return;
    };
    report.step("bench: results", || {
        finding::write(&found, &json)
            .map_err(|error| format!("cannot write {}: {error}", json.display()))?;
        println!("    in {}", json.display());
        Ok(Outcome::Done)
    });
}
