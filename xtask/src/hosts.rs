//! The host suite: every scenario of `tests/hosts/` with every host.

use crate::capi;
use crate::report::{Failure, Outcome, Report};
use crate::run::{cargo, run, run_tests, target_dir};
use crate::setup::python_dir;
use crate::test::{PROFILE, setup_all};
use crate::totals::Totals;

const SCENARIOS: &str = "tests/hosts";

/// Where it is written which host passes what.
const TABLE: &str = "docs/hosts.md";

/// The host in Python.
const PYTHON: &str = "examples/python-asyncio/suite.py";

/// Hosts in Rust: their name, the package and the program in it.
const RUST: [(&str, &str, &str); 3] = [
    ("native", "ocirepo-hosts", "native-host"),
    ("ureq", "ocirepo-example-ureq", "ocirepo-example-ureq"),
    ("hyper", "ocirepo-example-hyper", "ocirepo-example-hyper"),
];

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
    for name in capi::HOSTS {
        let path = capi::make_host(name, &prefix, &lib, &[])?.join("oci-suite");
        command.arg(format!("{name}={}", path.display()));
    }
    // It takes longer to start than to play, so one process plays all; without its bytecode,
    // for which there is no place but beside the source.
    let python = python_dir().join("bin/python");
    command.arg(format!("+python-asyncio={} -B {PYTHON}", python.display()));
    command.env("PKG_CONFIG_PATH", lib.join("pkgconfig"));
    run_tests(command.env("LD_LIBRARY_PATH", lib), totals)?;
    Ok(Outcome::Done)
}
