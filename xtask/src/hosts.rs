//! The host suite: every scenario of `tests/hosts/` with every host.

use std::fs;
use std::path::Path;

use crate::report::{Failure, Outcome, Report};
use crate::run::{cargo, node_program, root, run, run_tests, target_dir, which};
use crate::setup::python_dir;
use crate::test::setup_all;
use crate::totals::Totals;
use crate::{capi, npm};

const SCENARIOS: &str = "tests/hosts";

/// Where it is written which host passes what.
const TABLE: &str = "docs/hosts.md";

/// The host in Python.
const PYTHON: &str = "examples/python-asyncio/suite.py";

/// The hosts in JavaScript: their directories in `examples`, and that of what they share.
const JAVASCRIPT: [&str; 3] = ["js-common", "node", "browser"];

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
    let prefix = capi::with_hosts()?;
    let lib = prefix.join("lib");
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
        let path = prefix.join("hosts").join(name).join("oci-suite");
        command.arg(format!("{name}={}", path.display()));
    }
    // These take longer to start than to play, so one process plays all.
    let python = python_dir().join("bin/python");
    // Without bytecode, for which there is no place but beside the source.
    command.arg(format!("+python-asyncio={} -B {PYTHON}", python.display()));
    command.env("PKG_CONFIG_PATH", lib.join("pkgconfig"));
    let node = node_program("node", []);
    let node = Path::new(node.get_program()).display();
    let scripts = prefix.join("hosts/javascript");
    install_with_package(&scripts)?;
    let suite = |host: &str| scripts.join(host).join("suite.mjs");
    command.arg(format!("+node={node} {}", suite("node").display()));
    let chromium = which("chromium").ok_or("there is no chromium")?;
    command.arg(format!(
        "+browser={node} {} {} {}",
        suite("browser").display(),
        chromium.display(),
        prefix.join("chromium").display()
    ));
    run_tests(command.env("LD_LIBRARY_PATH", lib), totals)?;
    Ok(Outcome::Done)
}

/// Puts the hosts in JavaScript where they find the package that was made, as if npm had
/// installed it.
fn install_with_package(to: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("could not write in {}: {error}", to.display());
    for name in JAVASCRIPT {
        let (from, to) = (root().join("examples").join(name), to.join(name));
        fs::create_dir_all(&to).map_err(failed)?;
        for file in fs::read_dir(from).map_err(failed)? {
            let file = file.map_err(failed)?;
            fs::copy(file.path(), to.join(file.file_name())).map_err(failed)?;
        }
    }
    let modules = to.join("node_modules");
    fs::create_dir_all(&modules).map_err(failed)?;
    let package = modules.join("ocirepo");
    let _ = fs::remove_file(&package);
    std::os::unix::fs::symlink(npm::directory(), &package).map_err(failed)
}
