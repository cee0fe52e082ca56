//! Trying packages: what is in them runs, and installing, upgrading and removing them does what
//! it should, in a copy of this machine that is thrown away.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::{DEBIAN_PLUGINS, PLUGINS, anew};
use crate::report::{Failure, Outcome};
use crate::run::{output, program, run, target_dir};

const OVERLAY: &str = include_str!("overlay.sh");
const COMMON: &str = include_str!("common.sh");

/// What is done with a `.deb`.
pub(super) const DEB: &str = include_str!("deb.sh");

/// What is done with an `.rpm`.
pub(super) const RPM: &str = include_str!("rpm.sh");

/// How the copy says that it cannot be made.
const NO_COPY: i32 = 99;

/// Unpacks a `.deb` and looks at what is there.
pub(super) fn unpacked_deb(package: &Path, clean: &Path) -> Result<(), Failure> {
    anew(clean)?;
    let (from, to) = (package.to_string_lossy(), clean.to_string_lossy());
    run(&mut program("dpkg-deb", ["--extract", &from, &to]))?;
    runs(clean, DEBIAN_PLUGINS)
}

/// Unpacks an `.rpm` and looks at what is there.
pub(super) fn unpacked_rpm(package: &Path, clean: &Path) -> Result<(), Failure> {
    anew(clean)?;
    let unpack = format!(
        "rpm2cpio '{}' | (cd '{}' && cpio --quiet -idm)",
        package.display(),
        clean.display()
    );
    run(&mut program("sh", ["-c", &unpack]))?;
    runs(clean, PLUGINS)
}

/// Runs what was unpacked.
fn runs(clean: &Path, plugins: &str) -> Result<(), Failure> {
    let unpacked = clean.join("usr/bin/ocirepo");
    let help = ["serve", "--help"];
    run(program(&unpacked.to_string_lossy(), help).stdout(Stdio::null()))?;
    let plugin = clean.join(plugins).join("ocirepo.py");
    let parse = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
    run(&mut program(
        "python3",
        ["-c", parse, &plugin.to_string_lossy()],
    ))?;
    for file in [
        "usr/share/man/man1/ocirepo.1",
        "usr/share/man/man1/ocirepo-serve.1",
    ] {
        let page = clean.join(file);
        if !page.is_file() {
            return Err(format!("there is no {}", page.display()));
        }
    }
    Ok(())
}

/// Installs, upgrades and removes a package, which needs root and a system that mounts overlays.
pub(super) fn installed(package: &Path, what: &str) -> Result<Outcome, Failure> {
    let who = output(&mut program("id", ["-u"]))?;
    if who.trim() != "0" {
        let why = "only root can install packages; run it as root";
        return Ok(Outcome::NotRun(why.to_owned()));
    }
    let scripts = target_dir().join("package");
    let put = |name: &str, text: &str| {
        let path = scripts.join(name);
        fs::write(&path, text)
            .map_err(|error| format!("could not write {}: {error}", path.display()))?;
        Ok::<_, Failure>(path.to_string_lossy().into_owned())
    };
    let overlay = put("overlay.sh", OVERLAY)?;
    let script = put("try.sh", &format!("{COMMON}\n{what}"))?;
    let package = package.to_string_lossy();
    let arguments = ["--mount", "sh", &overlay, &script, &package];
    let mut command = program("unshare", arguments);
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("could not run unshare: {error}"))?;
    match status.code() {
        Some(0) => Ok(Outcome::Done),
        Some(NO_COPY) => Ok(Outcome::NotRun(
            "this system does not let an overlay be mounted".to_owned(),
        )),
        _ => Err(format!("the script ended with {status}")),
    }
}
