//! The C library: its header, and its installation.

mod seen;

use std::fs;
use std::path::{Path, PathBuf};

use crate::report::{Failure, Outcome, Report};
use crate::run::{cargo, output, program, root, run, target_dir};
use crate::test::PROFILE;

pub(crate) use seen::all as tests;

const HEADER: &str = "capi/include/ocirepo.h";

/// The hosts in C, by their directory in `examples/`.
pub(crate) const HOSTS: [&str; 2] = ["curl-multi", "glib-soup"];

/// What changes when a program that was linked with an older library cannot run with this one.
const MAJOR: &str = "0";

/// Writes the header anew.
pub(crate) fn rewrite_header(report: &mut Report) {
    report.step("write the header of libocirepo", || {
        write(&root().join(HEADER), &header()?)?;
        Ok(Outcome::Done)
    });
}

/// Whether the header is what the documentation of the library makes.
pub(crate) fn check_header() -> Result<Outcome, Failure> {
    let path = root().join(HEADER);
    let written = fs::read_to_string(&path)
        .map_err(|error| format!("could not read {}: {error}", path.display()))?;
    if written != header()? {
        return Err(format!(
            "{HEADER} is not what capi/src says; run `cargo xtask capi-header`"
        ));
    }
    Ok(Outcome::Done)
}

fn header() -> Result<String, Failure> {
    output(&mut cargo([
        "run",
        "--quiet",
        "--package",
        "ocirepo-capi-header",
    ]))
}

/// Builds a release and installs it: libraries, header, pkg-config file and manual page.
pub(crate) fn install(report: &mut Report, prefix: &str) {
    report.step("install libocirepo", || {
        install_to(Path::new(prefix), "release")?;
        Ok(Outcome::Done)
    });
}

/// Installs what is built with a profile under a prefix, and returns where the libraries are.
pub(crate) fn install_to(prefix: &Path, profile: &str) -> Result<PathBuf, Failure> {
    let directory = std::path::absolute(prefix)
        .map_err(|error| format!("{} is no place: {error}", prefix.display()))?;
    let build = ["build", "--quiet", "--profile", profile];
    run(cargo(build).args(["--package", "ocirepo-capi"]))?;
    let archive = target_dir().join(profile).join("libocirepo_capi.a");
    let lib = directory.join("lib");
    let version = version()?;
    copy(&archive, &lib.join("libocirepo.a"))?;
    copy(&root().join(HEADER), &directory.join("include/ocirepo.h"))?;
    copy(
        &root().join("capi/libocirepo.3"),
        &directory.join("share/man/man3/libocirepo.3"),
    )?;
    shared(&archive, &lib, &version)?;
    let pc = fs::read_to_string(root().join("capi/ocirepo.pc.in"))
        .map_err(|error| format!("could not read capi/ocirepo.pc.in: {error}"))?
        .replace("@PREFIX@", &directory.to_string_lossy())
        .replace("@VERSION@", &version);
    write(&lib.join("pkgconfig/ocirepo.pc"), &pc)?;
    Ok(lib)
}

/// Builds the programs of a host in C with the library that is installed there, and returns where
/// they are.
pub(crate) fn make_host(
    name: &str,
    prefix: &Path,
    lib: &Path,
    arguments: &[&str],
) -> Result<PathBuf, Failure> {
    let to = prefix.join("hosts").join(name);
    fs::create_dir_all(&to).map_err(|error| format!("could not make {}: {error}", to.display()))?;
    let mut make = program("make", ["--quiet", "--always-make", "--directory"]);
    make.arg(format!("examples/{name}"))
        .arg(format!("OUT={}", to.display()))
        .args(arguments);
    run(make.env("PKG_CONFIG_PATH", lib.join("pkgconfig")))?;
    Ok(to)
}

/// Installs the library and builds all hosts with it, for tests; returns the prefix: `lib` is
/// below it, and `hosts` with a directory for each.
pub(crate) fn with_hosts() -> Result<PathBuf, Failure> {
    let prefix = target_dir().join("hosts");
    let lib = install_to(&prefix, PROFILE)?;
    for name in HOSTS {
        make_host(name, &prefix, &lib, &[])?;
    }
    Ok(prefix)
}

/// Links the shared library from the archive. Cargo cannot: it gives the linker a version script
/// of its own, beside which ours, with the versions of the symbols, is refused.
fn shared(archive: &Path, lib: &Path, version: &str) -> Result<(), Failure> {
    let soname = format!("libocirepo.so.{MAJOR}");
    let file = format!("libocirepo.so.{version}");
    let mut link = program("cc", ["-shared", "-o"]);
    link.arg(lib.join(&file))
        .arg(format!("-Wl,-soname,{soname}"))
        .arg("-Wl,--version-script=capi/libocirepo.map")
        .args([
            "-Wl,--gc-sections",
            "-Wl,-z,relro,-z,now",
            "-Wl,--strip-debug",
        ])
        .arg("-Wl,--whole-archive")
        .arg(archive)
        .arg("-Wl,--no-whole-archive")
        .args([
            "-Wl,--no-undefined",
            "-lgcc_s",
            "-lpthread",
            "-lm",
            "-ldl",
            "-lc",
        ]);
    run(&mut link)?;
    for (link, to) in [
        (soname.as_str(), file.as_str()),
        ("libocirepo.so", soname.as_str()),
    ] {
        let path = lib.join(link);
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink(to, &path)
            .map_err(|error| format!("could not link {}: {error}", path.display()))?;
    }
    Ok(())
}

fn version() -> Result<String, Failure> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))
        .map_err(|error| format!("could not read Cargo.toml: {error}"))?;
    manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .ok_or_else(|| "Cargo.toml has no version".to_owned())
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    folder_of(to)?;
    fs::copy(from, to).map(|_| ()).map_err(|error| {
        format!(
            "could not copy {} to {}: {error}",
            from.display(),
            to.display()
        )
    })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    folder_of(path)?;
    fs::write(path, text).map_err(|error| format!("could not write {}: {error}", path.display()))
}

fn folder_of(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .map_err(|error| format!("could not make {}: {error}", folder.display()))
}
