//! The package for JavaScript: `target/npm/ocirepo`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::check::{WASM, target_missing};
use crate::report::{Failure, Outcome, Report};
use crate::run::{cargo, node_program, output, program, root, run, run_tests, target_dir, which};
use crate::test::setup_all;
use crate::totals::Totals;

/// The profile of what pages load.
const PROFILE: &str = "web";

/// The most bytes of the first module with its JavaScript, compressed with gzip: a little more than
/// it has, so that it does not grow unseen.
const MOST_FIRST: u64 = 522_000;

/// The crates, where their modules go, and what these are called.
const MODULES: [(&str, &str, &str); 2] = [
    ("ocirepo-wasm", "", "ocirepo"),
    ("ocirepo-wasm-extra", "extra", "ocirepo_extra"),
];

/// What is written by hand.
const FILES: [(&str, &str); 7] = [
    ("wasm/package/package.json", "package.json"),
    ("wasm/package/ocirepo.js", "ocirepo.js"),
    ("wasm/package/ocirepo.d.ts", "ocirepo.d.ts"),
    ("wasm/package/rpm.d.ts", "rpm.d.ts"),
    ("wasm/README.md", "README.md"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
];

/// Where the package is.
pub(crate) fn directory() -> PathBuf {
    target_dir().join("npm/ocirepo")
}

/// Where the package is as pages read with it, which change nothing in a registry.
pub(crate) fn reading_directory() -> PathBuf {
    target_dir().join("npm/reading")
}

/// The package, with what making it needs installed first.
pub(crate) fn alone(report: &mut Report) {
    if setup_all(report) {
        all(report);
    }
}

/// Compiles the modules and puts the package together.
pub(crate) fn all(report: &mut Report) -> bool {
    report.step("npm: the package ocirepo", || {
        build().map(|()| Outcome::Done)
    })
}

/// Measures hashing in the package.
pub(crate) fn hashing(report: &mut Report) {
    if !(setup_all(report) && all(report)) {
        return;
    }
    report.step("npm: hashing", || {
        const CRATE: &str = "ocirepo-wasm-measure";
        let to = target_dir().join("npm/measure");
        compile(&[CRATE], &[])?;
        module(CRATE, &to, "measure")?;
        let mut command = node_program("node", ["wasm/tests/node/hash.mjs"]);
        command
            .env("OCIREPO_NPM", directory())
            .env("OCIREPO_MEASURE", to);
        run(&mut command).map(|()| Outcome::Done)
    });
}

/// Makes the package that only reads, beside the complete one, which must be there.
pub(crate) fn reading() -> Result<(), Failure> {
    let [(package, folder, name), (.., extra)] = MODULES;
    compile(&[package], &["--no-default-features"])?;
    let to = reading_directory();
    put_together(&to, &[(package, folder, name)])?;
    let files = ["_bg.wasm", "_bg.js"].map(|end| format!("extra/{extra}{end}"));
    fs::create_dir_all(to.join("extra"))
        .map_err(|error| format!("could not make {}: {error}", to.display()))?;
    for file in files {
        fs::copy(directory().join(&file), to.join(&file))
            .map_err(|error| format!("could not copy {file}: {error}"))?;
    }
    Ok(())
}

/// Makes the package anew.
fn build() -> Result<(), Failure> {
    compile(&MODULES.map(|(package, ..)| package), &[])?;
    let to = directory();
    put_together(&to, &MODULES)?;
    let mut first = 0;
    for name in [
        "ocirepo_bg.wasm",
        "ocirepo_bg.js",
        "ocirepo.js",
        "extra/ocirepo_extra_bg.wasm",
    ] {
        let path = to.join(name);
        let (plain, packed) = sizes(&path)?;
        println!("    {name}: {plain} bytes, {packed} with gzip -9");
        if !name.starts_with("extra/") {
            first += packed;
        }
    }
    println!("    first view: {first} bytes, {MOST_FIRST} at most");
    if first > MOST_FIRST {
        return Err(format!(
            "the first module has {first} bytes, more than {MOST_FIRST}"
        ));
    }
    Ok(())
}

/// Modules that were compiled, and what is written by hand.
fn put_together(to: &Path, modules: &[(&str, &str, &str)]) -> Result<(), Failure> {
    if to.exists() {
        fs::remove_dir_all(to)
            .map_err(|error| format!("could not remove {}: {error}", to.display()))?;
    }
    for (package, folder, name) in modules {
        let directory = to.join(folder);
        module(package, &directory, name)?;
        // The name of the module is that of the package's own JavaScript.
        let written = directory.join(format!("{name}.js"));
        let renamed = directory.join(format!("{name}_bg.js"));
        fs::rename(&written, &renamed)
            .map_err(|error| format!("could not rename {}: {error}", written.display()))?;
    }
    for (from, name) in FILES {
        let from = root().join(from);
        fs::copy(&from, to.join(name))
            .map_err(|error| format!("could not copy {}: {error}", from.display()))?;
    }
    Ok(())
}

/// Compiles crates for pages, with further arguments for Cargo.
pub(crate) fn compile(packages: &[&str], arguments: &[&str]) -> Result<(), Failure> {
    if let Some(why) = target_missing(WASM) {
        return Err(why);
    }
    // One after the other: together, each would have the features that any of them asks for.
    for package in packages {
        let mut command = cargo(["build", "--quiet", "--target", WASM, "--profile", PROFILE]);
        run(command.args(["--package", package]).args(arguments))?;
    }
    Ok(())
}

/// Makes a module for JavaScript of a crate that was compiled, with the library of `wasm-bindgen`:
/// `NAME.js` and `NAME_bg.wasm`.
pub(crate) fn module(package: &str, directory: &Path, name: &str) -> Result<(), Failure> {
    let file = format!("{}.wasm", package.replace('-', "_"));
    let module = target_dir().join(WASM).join(PROFILE).join(file);
    let mut command = cargo([
        "run",
        "--quiet",
        "--package",
        "xtask-bindgen",
        "--",
        "module",
    ]);
    command.arg(module).arg(directory).arg(name);
    run(&mut command)
}

/// What the tests of the host run in, and what asks their runner for it.
const PLACES: [(&str, Option<&str>); 3] = [
    ("Node", None),
    ("a page", Some("WASM_BINDGEN_USE_BROWSER")),
    ("a worker", Some("WASM_BINDGEN_USE_DEDICATED_WORKER")),
];

/// Tests the host in Node, in Chromium's pages and workers, and the package that was made
/// against the program at this path.
pub(crate) fn tests(report: &mut Report, ocirepo: &Path) {
    for (place, asked) in PLACES {
        report.tests(&format!("npm: the host in {place}"), |totals| {
            host(asked, totals).map(|()| Outcome::Done)
        });
    }
    report.tests("npm: the package against a registry", |totals| {
        package(ocirepo, totals).map(|()| Outcome::Done)
    });
}

/// The tests that are compiled to WebAssembly.
fn host(asked: Option<&str>, totals: &mut Totals) -> Result<(), Failure> {
    run(&mut cargo([
        "build",
        "--quiet",
        "--package",
        "xtask-bindgen",
    ]))?;
    let runner = format!(
        "{} test",
        target_dir().join("debug/xtask-bindgen").display()
    );
    let mut command = cargo([
        "test",
        "--package",
        "ocirepo-wasm",
        "--target",
        WASM,
        "--test",
        "web",
    ]);
    command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner);
    if let Some(asked) = asked {
        command.env(asked, "1");
        let driver = which("chromedriver").ok_or("there is no chromedriver")?;
        command.env("CHROMEDRIVER", driver);
    }
    run_tests(&mut command, totals)
}

/// The tests of the package as people import it.
fn package(ocirepo: &Path, totals: &mut Totals) -> Result<(), Failure> {
    let reporter = root().join("wasm/www/reporter.mjs");
    let reporter = format!("--test-reporter={}", reporter.display());
    let mut command = node_program(
        "node",
        ["--test", &reporter, "wasm/tests/node/package.test.mjs"],
    );
    command
        .env("OCIREPO_NPM", directory())
        .env("OCIREPO_BIN", ocirepo);
    run_tests(&mut command, totals)
}

/// The size of a file, as it is and compressed.
fn sizes(path: &Path) -> Result<(u64, u64), Failure> {
    let shown = path.display();
    let plain =
        fs::metadata(path).map_err(|error| format!("could not look at {shown}: {error}"))?;
    if which("gzip").is_none() {
        return Err("there is no gzip to measure with".to_owned());
    }
    let packed = output(&mut program(
        "sh",
        ["-c", "gzip -9nc \"$0\" | wc -c", &path.to_string_lossy()],
    ))?;
    let packed = packed
        .trim()
        .parse()
        .map_err(|_| format!("could not measure {shown}"))?;
    Ok((plain.len(), packed))
}
