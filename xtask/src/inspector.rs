//! The inspector: `target/inspector`, a page for any static host and for `ocirepo inspect`.

use std::path::PathBuf;
use std::process::Command;

use crate::npm;
use crate::report::{Outcome, Report};
use crate::run::{node_program, root, run, run_tests, target_dir};

/// Where its sources are.
const SOURCES: &str = "wasm/www";

/// Where the page is.
pub(crate) fn directory() -> PathBuf {
    target_dir().join("inspector")
}

/// The page, with the package for JavaScript made anew. Where that is too large, so is the page,
/// which is made all the same.
pub(crate) fn all(report: &mut Report) -> bool {
    let well = npm::all(report);
    page(report) && well
}

/// The page around the package that is there: types are checked, tests run, and the first view
/// may not be larger than it may be.
pub(crate) fn page(report: &mut Report) -> bool {
    report.step("inspector: what npm brings", || {
        run(&mut npm(&["ci", "--no-audit", "--no-fund"])).map(|()| Outcome::Done)
    }) && report.step("inspector: types", || {
        run(&mut npm(&["run", "--silent", "check"])).map(|()| Outcome::Done)
    }) && report.tests("inspector: tests", |totals| {
        run_tests(&mut npm(&["test", "--silent"]), totals).map(|()| Outcome::Done)
    }) && report.step("inspector: the page", || {
        let mut command = npm(&["run", "--silent", "build"]);
        command
            .env("OCIREPO_INSPECTOR_OUT", directory())
            .env("OCIREPO_WASM_PACKAGE", npm::directory());
        run(&mut command).map(|()| Outcome::Done)
    })
}

fn npm(arguments: &[&str]) -> Command {
    let mut command = node_program("npm", arguments.iter().copied());
    command.current_dir(root().join(SOURCES));
    command
}
