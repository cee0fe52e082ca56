//! The host in C over libcurl: one large blob, and the packages of a repository, 32 at a time in
//! one thread.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::bench_dir;
use super::super::bridged::{self, Served, sums};
use super::super::finding::{Finding, Of};
use super::super::lab::{Lab, Scale};
use super::super::pairs::{Contender, in_turns};
use super::super::published::{Host, NAME, Published};
use crate::capi;
use crate::test::PROFILE;

/// How large a package is, about.
const PACKAGE: usize = 100 << 10;

/// How many transfers there are at a time.
const AT_ONCE: &str = "32";

/// What takes a list from a file, as programs that are measured have no input.
const WITH_INPUT: &str = "exec \"$1\" -j \"$2\" - < \"$3\"";

/// The downloader, and what runs it.
struct Downloader {
    program: PathBuf,
    lib: PathBuf,
}

impl Downloader {
    /// A release, as people install it; in a smoke run whatever takes no minutes to build.
    fn build(lab: &Lab) -> io::Result<Self> {
        let prefix = bench_dir().join("capi");
        let profile = match lab.scale {
            Scale::Smoke => PROFILE,
            _ => "release",
        };
        let lib = capi::install_to(&prefix, profile).map_err(io::Error::other)?;
        let programs = capi::make_host("curl-multi", &prefix, &lib, &[]);
        Ok(Self {
            program: programs.map_err(io::Error::other)?.join("oci-download"),
            lib,
        })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("LD_LIBRARY_PATH", &self.lib);
        command
    }
}

pub(crate) fn run(lab: &Lab) -> io::Result<Vec<Finding>> {
    let downloader = Downloader::build(lab)?;
    Ok(vec![large(lab, &downloader)?, packages(lab, &downloader)?])
}

fn large(lab: &Lab, downloader: &Downloader) -> io::Result<Finding> {
    let size = lab.amount(1 << 30, 256 << 20, 1 << 20);
    let published = Published::start(lab, 1, size)?;
    let (host, digest, original) = (&published.nginx, &published.digests[0], &published.files[0]);
    let place = lab.scratch("capi")?;
    // Over one file, and not beside it: memory is limited.
    let file = place.join("pulled");
    let measured = |command: &Command| {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let sample = host.asked(1, || lab.cost(command))?;
        match fs::metadata(&file)?.len() == size as u64 {
            true => Ok(sample),
            false => Err(io::Error::other("another size came")),
        }
    };
    let mut host_in_c = downloader.command(&downloader.program);
    host_in_c
        .arg(format!("oci+http://{}/{NAME}@{digest}", host.host))
        .arg(&file);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--output"])
        .arg(&file)
        .arg(format!("http://{}/v2/{NAME}/blobs/{digest}", host.host));
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256"]).arg(original);
    let contenders = vec![
        Contender::new("curl-multi", || measured(&host_in_c)),
        Contender::new("curl", || measured(&curl)),
        Contender::new("openssl dgst", || lab.cost(&openssl)),
    ];
    let series = in_turns(lab.rounds(), contenders)?;
    let title = format!(
        "A blob of {} MiB from {} into a file, in C",
        size >> 20,
        host.name
    );
    let finding = Finding::new(title, series).note(
        "`examples/curl-multi` over libocirepo verifies what it pulls; curl verifies nothing. \
         openssl reads the same bytes from a file.",
    );
    let requests = finding.most("curl-multi").requests;
    Ok(finding
        .ratio(Of::Cpu, "curl-multi", &["curl", "openssl dgst"], Some(1.15))
        .ratio(Of::Wall, "curl-multi", &["curl", "openssl dgst"], None)
        .count("requests of curl-multi", requests, 1))
}

fn packages(lab: &Lab, downloader: &Downloader) -> io::Result<Finding> {
    let count = lab.amount(1000, 1000, 20);
    let times = lab.amount(5, 2, 1);
    let served = Served::start(lab, count, PACKAGE)?;
    let registry = served.nginx.host();
    let files: Vec<PathBuf> = served.packages()?.into_values().collect();
    let digests = sums(lab, &files.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
    let (mut ours, mut theirs) = (String::new(), String::new());
    for (number, (file, sum)) in files.iter().zip(&digests).enumerate() {
        let (size, name) = (fs::metadata(file)?.len(), bridged::NAME);
        let _ = writeln!(
            ours,
            "oci+http://{registry}/{name}@sha256:{sum} {size} {number}"
        );
        let _ = writeln!(
            theirs,
            "url = \"http://{registry}/v2/{name}/blobs/sha256:{sum}\"\noutput = \"{number}\""
        );
    }
    let lists = lab.scratch("lists")?;
    let (list, config) = (lists.join("list"), lists.join("curl"));
    fs::write(&list, ours)?;
    fs::write(&config, theirs)?;

    let host = Host::nginx(served.nginx);
    let measured = |command: &dyn Fn() -> Command| {
        host.asked(times, || {
            let to = lab.scratch("packages")?;
            let sample = lab.cost(command().current_dir(to.path()))?;
            match fs::read_dir(to.path())?.count() {
                got if got == count => Ok(sample),
                got => Err(io::Error::other(format!("{got} of {count} packages came"))),
            }
        })
    };
    let contenders = vec![
        Contender::new("curl-multi", || {
            measured(&|| {
                let mut command = downloader.command(Path::new("sh"));
                command
                    .args(["-c", WITH_INPUT, "sh"])
                    .arg(&downloader.program)
                    .arg(AT_ONCE)
                    .arg(&list);
                command
            })
        }),
        Contender::new("curl -Z", || {
            measured(&|| {
                let mut command = Command::new("curl");
                command
                    .args([
                        "--silent",
                        "--fail",
                        "--parallel",
                        "--parallel-max",
                        AT_ONCE,
                    ])
                    .arg("--config")
                    .arg(&config);
                command
            })
        }),
        Contender::new("openssl dgst", || {
            let mut command = Command::new("openssl");
            lab.cost(command.args(["dgst", "-sha256"]).args(&files))
        }),
    ];
    let series = in_turns(lab.rounds(), contenders)?;
    let title = format!(
        "{count} packages of about {} KiB from nginx, {AT_ONCE} at a time, in C",
        PACKAGE >> 10
    );
    let finding = Finding::new(title, series).note(format!(
        "Each into a file; {times} repetitions a sample. Either has one thread; the host in C \
         verifies, curl does not. openssl reads the same bytes from files."
    ));
    let requests = finding.most("curl-multi").requests;
    Ok(finding
        .ratio(Of::Cpu, "curl-multi", &["curl -Z", "openssl dgst"], None)
        .ratio(Of::Cpu, "curl-multi", &["curl -Z"], None)
        .ratio(Of::Wall, "curl-multi", &["curl -Z"], None)
        .count("requests of curl-multi", requests, count as u64))
}
