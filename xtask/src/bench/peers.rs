//! Programs of others, built from what public registries have.

use std::path::{Path, PathBuf};

use crate::report::Failure;
use crate::run::{cargo, root, run, target_dir};
use crate::setup;

/// The registry that is fast enough to be measured against.
const FERRO: &str = "ferro-oci-server";
const FERRO_VERSION: &str = "1.0.0";

/// Programs over the libraries of others.
const PROGRAMS: [&str; 2] = ["oci-client", "micro"];

/// What is measured of Python's packages, beyond what tests need.
const PYTHON: &[&str] = &["createrepo_c==1.2.5"];

/// The Python that has them.
pub(crate) fn python(programs: &Path) -> PathBuf {
    programs.with_file_name("python").join("bin/python")
}

/// Builds what is not built, and returns the directory of the programs.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    let to = target_dir().join("peers");
    let programs = to.join("bin");
    let building = to.join("build");
    if !programs.join(FERRO).exists() {
        let mut install = cargo(["install", "--quiet", "--locked", FERRO]);
        install
            .args(["--version", FERRO_VERSION, "--root"])
            .arg(&to);
        run(install.arg("--target-dir").arg(&building))?;
    }
    setup::python_environment(&to.join("python"), PYTHON)?;
    // Apart from the workspace, so that its lock file has nothing of them.
    let manifest = root().join("benches/peers/Cargo.toml");
    let mut build = cargo(["build", "--quiet", "--release", "--manifest-path"]);
    run(build.arg(manifest).arg("--target-dir").arg(&building))?;
    for name in PROGRAMS {
        std::fs::copy(building.join("release").join(name), programs.join(name))
            .map_err(|error| format!("no program {name}: {error}"))?;
    }
    Ok(programs)
}
