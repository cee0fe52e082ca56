//! The inspector: `target/inspector`, a page for any static host and for `ocirepo inspect`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::npm;
use crate::report::{Failure, Outcome, Report};
use crate::run::{node_program, root, run, run_tests, target_dir};
use crate::test::setup_all;

/// Where its sources are.
const SOURCES: &str = "wasm/www";

/// The variable that names the page: to the program when it is built, which embeds it, and to the
/// tests in a browser.
pub(crate) const VARIABLE: &str = "OCIREPO_INSPECTOR";

/// Where the page is.
pub(crate) fn directory() -> PathBuf {
    target_dir().join("inspector")
}

/// The page after its own checks and tests, with what it needs installed first.
pub(crate) fn alone(report: &mut Report) {
    if setup_all(report) {
        all(report);
    }
}

/// The page around the package for JavaScript, both made anew: types are checked, tests run, and
/// the first view may not be larger than it may be.
pub(crate) fn all(report: &mut Report) -> bool {
    let well = npm::all(report);
    report.step("inspector: types", || {
        install(SOURCES)?;
        run(&mut npm(&["run", "--silent", "check"])).map(|()| Outcome::Done)
    }) && report.tests("inspector: tests", |totals| {
        run_tests(&mut npm(&["test", "--silent"]), totals).map(|()| Outcome::Done)
    }) && page(report)
        && well
}

/// The page, where nothing but the page is wanted.
pub(crate) fn made(report: &mut Report) -> bool {
    npm::all(report) && page(report)
}

/// A command that builds the program with the page in it, where there is one.
pub(crate) fn embed(command: &mut Command) -> &mut Command {
    if directory().join("index.html").is_file() {
        command.env(VARIABLE, directory());
    }
    command
}

/// What npm brings for a directory, as its lock file has it, unless it is there.
pub(crate) fn install(directory: &str) -> Result<(), Failure> {
    let directory = root().join(directory);
    let changed = |name: &str| fs::metadata(directory.join(name)).and_then(|file| file.modified());
    let there = changed("node_modules/.package-lock.json");
    if let (Ok(there), Ok(wanted)) = (there, changed("package-lock.json"))
        && there >= wanted
    {
        return Ok(());
    }
    let arguments = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    run(node_program("npm", arguments).current_dir(&directory))
}

fn page(report: &mut Report) -> bool {
    report.step("inspector: the page", || {
        npm::reading()?;
        let demo = demo()?;
        install(SOURCES)?;
        let mut command = npm(&["run", "--silent", "build"]);
        command
            .env("OCIREPO_INSPECTOR_OUT", directory())
            .env("OCIREPO_WASM_PACKAGE", npm::reading_directory())
            .env("OCIREPO_DEMO_PACKAGE", demo);
        run(&mut command).map(|()| Outcome::Done)
    })
}

/// The demo: its module, and what makes a `fetch` of it.
fn demo() -> Result<PathBuf, Failure> {
    let to = target_dir().join("npm/demo");
    npm::compile(&["ocirepo-wasm-demo"], &[])?;
    npm::module("ocirepo-wasm-demo", &to, "ocirepo_demo")?;
    let script = root().join("wasm/demo/demo.js");
    fs::copy(&script, to.join("demo.js"))
        .map_err(|error| format!("could not copy {}: {error}", script.display()))?;
    Ok(to)
}

fn npm(arguments: &[&str]) -> Command {
    let mut command = node_program("npm", arguments.iter().copied());
    command.current_dir(root().join(SOURCES));
    command
}
