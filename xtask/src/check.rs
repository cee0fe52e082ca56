//! What can be said of the code without running it.

use std::collections::BTreeSet;
use std::fs;

use crate::report::{Failure, Outcome, Report};
use crate::run::{cargo, output, program, root, run, succeeds, target_dir, which};
use crate::{capi, claims, supply, wasm};

pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// The crates that do no I/O. They build for every target.
const PURE: [&str; 3] = ["ocirepo", "ocirepo-rpm", "ocirepo-registry"];

/// Targets the pure crates are checked for, besides this machine's own and WebAssembly.
const TARGETS: [&str; 3] = [
    "aarch64-unknown-linux-gnu",
    "x86_64-pc-windows-gnu",
    "x86_64-apple-darwin",
];

/// The most packages the core may bring into a program that embeds it.
const MOST_CORE_DEPENDENCIES: usize = 60;

const CORE_DEPENDENCIES: &str = "docs/core-dependencies.txt";

/// Every check, the quick ones first.
pub(crate) fn all(report: &mut Report) {
    report.step("formatting", || {
        run(&mut cargo(["fmt", "--all", "--check"])).map(done)
    });
    report.step("dependencies of the core", core_dependencies);
    report.step("licences and sources", supply::check);
    report.step("tests that docs/security.md names", claims::check);
    report.step("header of libocirepo", capi::check_header);
    report.step("lints", || {
        run(&mut cargo([
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ]))
        .map(done)
    });
    report.step("documentation", documentation);
    report.step("the core for WebAssembly imports nothing", core_for_wasm);
    for target in [WASM].iter().chain(&TARGETS) {
        report.step(&format!("pure crates for {target}"), || pure_for(target));
    }
    report.step("oldest Rust", oldest_rust);
    report.step("fuzz targets build", fuzz_targets);
    report.step("packaging", || {
        run(&mut cargo([
            "publish",
            "--quiet",
            "--workspace",
            "--dry-run",
            "--allow-dirty",
            "--no-verify",
        ]))
        .map(done)
    });
}

/// Writes the list of the core's dependencies anew.
pub(crate) fn rewrite_core_dependencies(report: &mut Report) {
    report.step("write the dependencies of the core", || {
        let text = core_dependency_list()?;
        let path = root().join(CORE_DEPENDENCIES);
        fs::write(&path, text)
            .map_err(|error| format!("could not write {}: {error}", path.display()))?;
        Ok(Outcome::Done)
    });
}

fn done((): ()) -> Outcome {
    Outcome::Done
}

fn documentation() -> Result<Outcome, Failure> {
    // Apart, because the program and the core are both called `ocirepo`.
    for packages in [
        &["--workspace", "--exclude", "ocirepo-cli"][..],
        &["--package", "ocirepo-cli"],
    ] {
        let mut command = cargo(["doc", "--quiet", "--no-deps"]);
        command.args(packages).env("RUSTDOCFLAGS", "-D warnings");
        run(&mut command)?;
    }
    Ok(Outcome::Done)
}

fn core_dependencies() -> Result<Outcome, Failure> {
    let path = root().join(CORE_DEPENDENCIES);
    let written = fs::read_to_string(&path)
        .map_err(|error| format!("could not read {}: {error}", path.display()))?;
    let actual = core_dependency_list()?;
    let lines = |text: &str| -> BTreeSet<String> { text.lines().map(str::to_owned).collect() };
    let (written, actual) = (lines(&written), lines(&actual));
    let changes: Vec<String> = actual
        .difference(&written)
        .map(|line| format!("+ {line}"))
        .chain(written.difference(&actual).map(|line| format!("- {line}")))
        .collect();
    if !changes.is_empty() {
        return Err(format!(
            "{CORE_DEPENDENCIES} is not what the core depends on ({}); \
             if the change is meant, run `cargo xtask core-dependencies`",
            changes.join(", ")
        ));
    }
    let count = actual.iter().filter(|line| !line.starts_with('#')).count();
    println!("    {count} packages, {MOST_CORE_DEPENDENCIES} at most");
    if count > MOST_CORE_DEPENDENCIES {
        return Err(format!(
            "the core depends on {count} packages, more than {MOST_CORE_DEPENDENCIES}"
        ));
    }
    Ok(Outcome::Done)
}

fn core_dependency_list() -> Result<String, Failure> {
    let mut packages = BTreeSet::new();
    for target in [&[][..], &["--target", WASM]] {
        let mut command = cargo([
            "tree",
            "--quiet",
            "--locked",
            "--package",
            "ocirepo",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]);
        for line in output(command.args(target))?.lines() {
            let mut words = line.split_whitespace();
            if let (Some(name), Some(version)) = (words.next(), words.next()) {
                packages.insert(format!("{name} {}", series(version)));
            }
        }
    }
    packages.retain(|package| !package.starts_with("ocirepo "));
    let mut text = String::from(
        "# Every package the core brings into a program, with its compatible series.\n\
         # Written by `cargo xtask core-dependencies`, compared by `cargo xtask check`.\n",
    );
    for package in packages {
        text.push_str(&package);
        text.push('\n');
    }
    Ok(text)
}

/// The part of a version within which Cargo takes a newer one for compatible.
fn series(version: &str) -> &str {
    let version = version.trim_start_matches('v');
    let mut dots = version.match_indices('.').map(|(at, _)| at);
    let (first, second) = (dots.next(), dots.next());
    let end = if version.starts_with("0.") {
        second
    } else {
        first
    };
    end.map_or(version, |end| &version[..end])
}

fn core_for_wasm() -> Result<Outcome, Failure> {
    if let Some(why) = target_missing(WASM) {
        return Ok(Outcome::NotRun(why));
    }
    // Dead code is compiled and linked too: nothing calls into a library that is linked alone,
    // and an import that was thrown away would prove nothing.
    run(&mut cargo([
        "rustc",
        "--quiet",
        "--package",
        "ocirepo",
        "--lib",
        "--crate-type",
        "cdylib",
        "--target",
        WASM,
        "--",
        "-C",
        "link-dead-code",
        "-C",
        "link-arg=--no-gc-sections",
    ]))?;
    let path = target_dir().join(WASM).join("debug/ocirepo.wasm");
    let module =
        fs::read(&path).map_err(|error| format!("could not read {}: {error}", path.display()))?;
    match wasm::imports(&module)? {
        None => Ok(Outcome::Done),
        Some(imports) => Err(format!(
            "the core imports {} things from its host, the first is {}",
            imports.count, imports.first
        )),
    }
}

fn pure_for(target: &str) -> Result<Outcome, Failure> {
    if let Some(why) = target_missing(target) {
        return Ok(Outcome::NotRun(why));
    }
    let mut command = cargo(["check", "--quiet", "--target", target]);
    for package in PURE {
        command.args(["--package", package]);
    }
    run(&mut command).map(done)
}

/// Why the standard library for a target is not to be had, after trying to install it.
pub(crate) fn target_missing(target: &str) -> Option<String> {
    let installed = output(&mut program(
        "rustc",
        ["--print", "target-libdir", "--target", target],
    ))
    .is_ok_and(|directory| std::path::Path::new(directory.trim()).is_dir());
    if installed || succeeds(&mut program("rustup", ["target", "add", target])) {
        None
    } else {
        Some(format!("`rustup target add {target}` does not work here"))
    }
}

fn oldest_rust() -> Result<Outcome, Failure> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))
        .map_err(|error| format!("could not read Cargo.toml: {error}"))?;
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \""))
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or("Cargo.toml has no rust-version")?;
    if which("rustup").is_none() {
        return Ok(Outcome::NotRun("there is no rustup here".to_owned()));
    }
    let install = [
        "toolchain",
        "install",
        version,
        "--profile",
        "minimal",
        "--no-self-update",
    ];
    if !succeeds(&mut program(
        "rustup",
        ["run", version, "rustc", "--version"],
    )) && !succeeds(&mut program("rustup", install))
    {
        return Ok(Outcome::NotRun(format!(
            "`rustup toolchain install {version}` does not work here"
        )));
    }
    let check = [
        "run",
        version,
        "cargo",
        "check",
        "--quiet",
        "--workspace",
        "--locked",
    ];
    run(&mut program("rustup", check)).map(done)
}

fn fuzz_targets() -> Result<Outcome, Failure> {
    if !root().join("fuzz/Cargo.toml").exists() {
        return Ok(Outcome::NotRun(
            "there is no fuzz/ in this checkout".to_owned(),
        ));
    }
    let directory = target_dir().join("fuzz");
    let mut command = cargo([
        "build",
        "--quiet",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--bins",
    ]);
    run(command.arg("--target-dir").arg(directory)).map(done)
}

#[cfg(test)]
mod tests {
    use super::series;

    #[test]
    fn a_series_is_what_cargo_takes_for_compatible() {
        assert_eq!(series("v1.0.229"), "1");
        assert_eq!(series("v0.11.1"), "0.11");
        assert_eq!(series("v12.3.4-rc.1"), "12");
    }
}
