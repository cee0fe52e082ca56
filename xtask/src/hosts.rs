//! The host suite: every scenario of `tests/hosts/` with every host.

use std::fs;
use std::path::PathBuf;

use crate::capi;
use crate::report::{Failure, Outcome, Report};
use crate::run::{cargo, program, run, run_tests, target_dir};
use crate::test::setup_all;
use crate::totals::Totals;

const SCENARIOS: &str = "tests/hosts";

/// Where it is written which host passes what.
const TABLE: &str = "docs/hosts.md";

/// Hosts in Rust: their name, the package and the program in it.
const RUST: [(&str, &str, &str); 3] = [
    ("native", "ocirepo-hosts", "native-host"),
    ("ureq", "ocirepo-example-ureq", "ocirepo-example-ureq"),
    ("hyper", "ocirepo-example-hyper", "ocirepo-example-hyper"),
];

/// Hosts in C, by their directory in `examples/`.
const C: [&str; 2] = ["curl-multi", "glib-soup"];

/// Optimised, but without the link-time optimisation of a release, which takes minutes.
const PROFILE: &str = "e2e";

/// The suite with what it needs, for scenarios whose name has `only` in it.
pub(crate) fn alone(report: &mut Report, only: Option<&str>) {
    if setup_all(report) {
        all(report, only);
    }
}

/// The suite, where everything it needs is there.
pub(crate) fn all(report: &mut Report, only: Option<&str>) {
    report.tests("hosts", |totals| suite(totals, only));
}

fn suite(totals: &mut Totals, only: Option<&str>) -> Result<Outcome, Failure> {
    let mut build = cargo(["build", "--quiet"]);
    for (_, package, _) in RUST {
        build.args(["--package", package]);
    }
    run(&mut build)?;
    let prefix = target_dir().join("hosts");
    let lib = capi::install_to(&prefix, PROFILE)?;
    for name in C {
        run(program("make", ["--quiet", "--always-make"])
            .args(["-C", &format!("examples/{name}")])
            .arg(format!("OUT={}", out(name)?.display()))
            .env("PKG_CONFIG_PATH", lib.join("pkgconfig")))?;
    }
    let mut command = cargo([
        "run",
        "--quiet",
        "--package",
        "ocirepo-hosts",
        "--",
        SCENARIOS,
    ]);
    match only {
        Some(only) => command.args(["--only", only]),
        None => command.args(["--table", TABLE]),
    };
    for (name, _, program) in RUST {
        let path = target_dir().join("debug").join(program);
        command.arg(format!("{name}={}", path.display()));
    }
    for name in C {
        let path = out(name)?.join("oci-suite");
        command.arg(format!("{name}={}", path.display()));
    }
    run_tests(command.env("LD_LIBRARY_PATH", lib), totals)?;
    Ok(Outcome::Done)
}

/// Where the programs of a host in C are put.
fn out(name: &str) -> Result<PathBuf, Failure> {
    let directory = target_dir().join("hosts").join(name);
    fs::create_dir_all(&directory)
        .map_err(|error| format!("could not make {}: {error}", directory.display()))?;
    Ok(directory)
}
