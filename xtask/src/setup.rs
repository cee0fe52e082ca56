//! Installs what the lab needs, and nothing that is there already.
//!
//! Where Debian starts the services it installs, the lab leaves them alone: it starts its own,
//! on free ports of the loopback, from its own configuration.

use std::path::{Path, PathBuf};

use crate::report::{Failure, Outcome, Report};
use crate::run::{lab_dir, node_program, output, program, run, succeeds, which};

/// What must be found, and the Debian package that brings it.
const NEEDED: &[(Needed, &str)] = &[
    (Needed::Program("docker-registry"), "docker-registry"),
    (Needed::Program("nginx"), "nginx-light"),
    (Needed::Program("dnf"), "dnf"),
    (
        Needed::File("/usr/lib/python3/dist-packages/dnf-plugins/download.py"),
        "dnf-plugins-core",
    ),
    (Needed::Program("rpmbuild"), "rpm"),
    (Needed::Program("rpmsign"), "rpm"),
    (Needed::Program("rpm2cpio"), "rpm2cpio"),
    (Needed::Program("cpio"), "cpio"),
    (Needed::Program("dpkg-deb"), "dpkg"),
    (Needed::Program("createrepo_c"), "createrepo-c"),
    (Needed::Program("gpg"), "gnupg"),
    (Needed::Program("sqv"), "sqv"),
    (Needed::Program("skopeo"), "skopeo"),
    (Needed::Program("curl"), "curl"),
    (Needed::Program("openssl"), "openssl"),
    (Needed::Program("faketime"), "faketime"),
    // Its programs alone: no service is started by it.
    (Needed::Program("systemd-analyze"), "systemd"),
    (Needed::Program("systemd-socket-activate"), "systemd"),
    (
        Needed::File("/etc/ssl/certs/ca-certificates.crt"),
        "ca-certificates",
    ),
    (Needed::Program("python3"), "python3"),
    (
        Needed::File("/usr/lib/python3/dist-packages/createrepo_c/__init__.py"),
        "python3-createrepo-c",
    ),
    (Needed::Program("node"), "nodejs"),
    (Needed::Program("npm"), "npm"),
    (Needed::Program("chromium"), "chromium"),
    (Needed::Program("chromedriver"), "chromium-driver"),
    (
        Needed::File("/usr/lib/python3/dist-packages/librepo/__init__.py"),
        "python3-librepo",
    ),
    (
        Needed::File("/usr/lib/python3/dist-packages/rpm/__init__.py"),
        "python3-rpm",
    ),
    // The fuzz targets link libFuzzer, which is compiled with them.
    (Needed::Program("c++"), "g++"),
    // The hosts in C, and what watches over them.
    (Needed::Program("make"), "make"),
    (Needed::Program("nm"), "binutils"),
    (Needed::Program("pkg-config"), "pkg-config"),
    (Needed::Program("valgrind"), "valgrind"),
    (
        Needed::File("/usr/include/x86_64-linux-gnu/curl/curl.h"),
        "libcurl4-openssl-dev",
    ),
    (
        Needed::File("/usr/include/libsoup-3.0/libsoup/soup.h"),
        "libsoup-3.0-dev",
    ),
];

/// What `pip` installs: the versions every test was seen to pass with.
const PYTHON: &[&str] = &["oras==0.2.43", "cffi==2.1.1", "aiohttp==3.14.5"];

/// The oldest Node that the packages for browsers promise to run with.
const OLDEST_NODE: u32 = 20;

/// What is installed where Debian's own Node is older than that.
const NODE: &str = "20.20.2";
const NPM: &str = "10.9.4";

enum Needed {
    Program(&'static str),
    File(&'static str),
}

impl Needed {
    fn is_there(&self) -> bool {
        match self {
            Needed::Program(name) => which(name).is_some(),
            Needed::File(path) => Path::new(path).exists(),
        }
    }
}

/// Everything, each part only when it is missing.
pub(crate) fn all(report: &mut Report) {
    if report.step("setup: Debian packages", debian_packages) {
        report.step("setup: zypper", zypper_unpacked);
        report.step("setup: Node", node);
        report.step("setup: Python environment", || {
            python_environment(&python_dir(), PYTHON)
        });
    }
}

/// The program of zypper in the lab.
pub(crate) fn zypper() -> PathBuf {
    lab_dir().join("zypper/usr/bin/zypper")
}

/// The Python environment of the lab.
pub(crate) fn python_dir() -> PathBuf {
    lab_dir().join("python")
}

fn debian_packages() -> Result<Outcome, Failure> {
    let mut missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(needed, _)| !needed.is_there())
        .map(|&(_, package)| package)
        .collect();
    // `venv` is there in part without the package that lets it bring pip.
    if !succeeds(&mut program("python3", ["-c", "import ensurepip, venv"])) {
        missing.push("python3-venv");
    }
    missing.dedup();
    install(&missing)?;
    Ok(Outcome::Done)
}

/// Installs Debian packages, as root or through sudo.
pub(crate) fn install(packages: &[&str]) -> Result<(), Failure> {
    if packages.is_empty() {
        println!("    nothing is missing");
        return Ok(());
    }
    let names = packages.join(" ");
    println!("    missing: {names}");
    let by_hand = format!("install these Debian packages by hand: {names}");
    if which("apt-get").is_none() {
        return Err(format!("there is no apt-get on this machine; {by_hand}"));
    }
    let root = output(&mut program("id", ["-u"]))?.trim() == "0";
    let prefix: &[&str] = if root {
        &["env"]
    } else if which("sudo").is_some() {
        &["sudo", "env"]
    } else {
        return Err(format!("not root, and there is no sudo; {by_hand}"));
    };
    let apt = |arguments: &[&str]| {
        let words = prefix[1..]
            .iter()
            .chain(&["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qy"])
            .chain(arguments)
            .copied();
        run(&mut program(prefix[0], words))
    };
    apt(&["update"])?;
    let mut arguments = vec!["install", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments)
}

/// zypper without its package, which Debian does not let beside dnf-plugins-core: both have a
/// program of the same name.
fn zypper_unpacked() -> Result<Outcome, Failure> {
    if zypper().exists() {
        println!("    nothing is missing");
        return Ok(Outcome::Done);
    }
    // Their names have versions in them, which differ between releases.
    let depends = output(&mut program("apt-cache", ["depends", "zypper"]))?;
    let depends: Vec<&str> = depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .collect();
    install(&depends)?;
    let to = lab_dir().join("zypper");
    std::fs::create_dir_all(&to)
        .map_err(|error| format!("could not make {}: {error}", to.display()))?;
    run(program("apt-get", ["-qq", "download", "zypper"]).current_dir(&to))?;
    let unpack = "dpkg-deb --extract zypper_*.deb . && rm zypper_*.deb";
    run(program("sh", ["-c", unpack]).current_dir(&to))?;
    Ok(Outcome::Done)
}

/// A Node of our own in the lab, where the machine's is too old. npm brings it, as it brings
/// everything else of that world.
fn node() -> Result<Outcome, Failure> {
    let major = |version: &str| -> Option<u32> {
        let version = version.trim().strip_prefix('v')?;
        version.split('.').next()?.parse().ok()
    };
    let version = output(&mut node_program("node", ["--version"]))?;
    if major(&version).is_some_and(|major| major >= OLDEST_NODE) {
        println!("    nothing is missing");
        return Ok(Outcome::Done);
    }
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => {
            return Err(format!(
                "Node {} is too old, and there is none to bring for {other}; install Node \
                 {OLDEST_NODE} or later by hand",
                version.trim()
            ));
        }
    };
    let to = lab_dir().join("node");
    std::fs::create_dir_all(&to)
        .map_err(|error| format!("could not make {}: {error}", to.display()))?;
    let (to, node) = (
        to.to_string_lossy(),
        format!("node-linux-{architecture}@{NODE}"),
    );
    let npm = format!("npm@{NPM}");
    run(&mut program(
        "npm",
        [
            "install",
            "--prefix",
            &to,
            "--no-audit",
            "--no-fund",
            &node,
            &npm,
        ],
    ))?;
    let version = output(&mut node_program("node", ["--version"]))?;
    println!("    Node {}", version.trim());
    Ok(Outcome::Done)
}

/// An environment of Python with these packages and nothing else.
pub(crate) fn python_environment(directory: &Path, packages: &[&str]) -> Result<Outcome, Failure> {
    let stamp = directory.join("installed.txt");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("    nothing is missing");
        return Ok(Outcome::Done);
    }
    let shown = directory.to_string_lossy();
    run(&mut program("python3", ["-m", "venv", "--clear", &shown]))?;
    let pip = directory.join("bin/pip");
    let mut arguments = vec!["install", "--quiet", "--disable-pip-version-check"];
    arguments.extend(packages);
    run(&mut program(&pip.to_string_lossy(), arguments))?;
    std::fs::write(&stamp, wanted)
        .map_err(|error| format!("could not write {}: {error}", stamp.display()))?;
    Ok(Outcome::Done)
}
