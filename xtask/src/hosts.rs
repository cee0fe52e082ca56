//! The host suite: every scenario of `tests/hosts/` with every host.

use std::fs;
use std::path::{Path, PathBuf};

use crate::report::{Failure, Outcome, Report};
use crate::run::{cargo, node_program, root, run, run_tests, target_dir};
use crate::setup::python_dir;
use crate::test::{PROFILE, setup_all};
use crate::totals::Totals;
use crate::{capi, npm};

const SCENARIOS: &str = "tests/hosts";

/// Where it is written which host passes what.
const TABLE: &str = "docs/hosts.md";

/// The host in Python.
const PYTHON: &str = "examples/python-asyncio/suite.py";

/// The host in JavaScript.
const NODE: &str = "examples/node/suite.mjs";

/// Hosts in Rust: their name, the package and the program in it.
const RUST: [(&str, &str, &str); 3] = [
    ("native", "ocirepo-hosts", "native-host"),
    ("ureq", "ocirepo-example-ureq", "ocirepo-example-ureq"),
    ("hyper", "ocirepo-example-hyper", "ocirepo-example-hyper"),
];

/// The suite with what it needs, for scenarios whose name has `only` in it.
pub(crate) fn alone(report: &mut Report, only: Option<&str>) {
    if setup_all(report) && npm::all(report) {
        all(report, only);
    }
}

/// The suite, where everything it needs is there: the package for JavaScript, too.
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
    // These take longer to start than to play, so one process plays all.
    let python = python_dir().join("bin/python");
    // Without bytecode, for which there is no place but beside the source.
    command.arg(format!("+python-asyncio={} -B {PYTHON}", python.display()));
    command.env("PKG_CONFIG_PATH", lib.join("pkgconfig"));
    let node = node_program("node", []);
    let node = Path::new(node.get_program());
    let suite = installed_with_package(&prefix.join("hosts/node"))?;
    command.arg(format!("+node={} {}", node.display(), suite.display()));
    run_tests(command.env("LD_LIBRARY_PATH", lib), totals)?;
    Ok(Outcome::Done)
}

/// Puts the host in JavaScript where it finds the package that was made, as if npm had
/// installed it.
fn installed_with_package(to: &Path) -> Result<PathBuf, Failure> {
    let failed = |error: std::io::Error| format!("could not write in {}: {error}", to.display());
    let modules = to.join("node_modules");
    fs::create_dir_all(&modules).map_err(failed)?;
    let package = modules.join("ocirepo");
    let _ = fs::remove_file(&package);
    std::os::unix::fs::symlink(npm::directory(), &package).map_err(failed)?;
    let suite = to.join("suite.mjs");
    fs::copy(root().join(NODE), &suite).map_err(failed)?;
    Ok(suite)
}
