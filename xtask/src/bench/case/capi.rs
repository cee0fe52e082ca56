//! The C library beneath libcurl's multi interface: `examples/curl-multi`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::bridged::{self, Static};
use super::super::finding::{Finding, Of};
use super::super::lab::{Lab, Scale};
use super::super::pairs::{Contender, in_turns};
use super::super::published::{self, Host, Published};
use super::super::{RELEASE, bench_dir};
use crate::capi;
use crate::test::PROFILE;

/// How many packages are on their way at a time.
const PARALLEL: &str = "32";

/// What a package has besides its headers, in bytes.
const PAYLOAD: usize = 20 << 10;

/// The programs of the host, as somebody has them who installed the library.
struct Programs {
    directory: PathBuf,
    library: PathBuf,
}

impl Programs {
    fn build(lab: &Lab) -> io::Result<Self> {
        let prefix = bench_dir().join("capi");
        // A smoke run takes what is built for the other programs, too.
        let profile = match lab.scale {
            Scale::Smoke => PROFILE,
            _ => RELEASE,
        };
        let library = capi::install_to(&prefix, profile).map_err(io::Error::other)?;
        let directory =
            capi::make_host("curl-multi", &prefix, &library, &[]).map_err(io::Error::other)?;
        Ok(Self { directory, library })
    }

    fn command(&self, name: &str) -> Command {
        self.with_library(&self.directory.join(name))
    }

    /// `oci-download` of a list, which it reads from standard input.
    fn download(&self, list: &Path, to: &Path) -> Command {
        let mut command = self.with_library(Path::new("sh"));
        command
            .args(["-c", "exec \"$0\" -j \"$1\" - < \"$2\""])
            .arg(self.directory.join("oci-download"))
            .arg(PARALLEL)
            .arg(list)
            .current_dir(to);
        command
    }

    fn with_library(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("LD_LIBRARY_PATH", &self.library);
        command
    }
}

pub(crate) fn run(lab: &Lab) -> io::Result<Vec<Finding>> {
    let programs = Programs::build(lab)?;
    let size = lab.amount(1 << 30, 256 << 20, 1 << 20);
    let mut found = Vec::new();
    {
        let published = Published::start(lab, 1, size)?;
        for host in [&published.nginx, &published.docker] {
            found.push(blob(lab, &programs, host, &published.digests[0], size)?);
        }
    }
    found.push(packages(lab, &programs)?);
    Ok(found)
}

/// One large blob, beside a download and a pass of a program that is known to be fast over
/// what was downloaded.
fn blob(
    lab: &Lab,
    programs: &Programs,
    host: &Host,
    digest: &str,
    size: usize,
) -> io::Result<Finding> {
    let place = lab.scratch("pull")?;
    // One file for both: memory is limited.
    let file = place.join("pulled");
    let name = published::NAME;
    let fresh = || match fs::remove_file(&file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let host_over_curl = || {
        fresh()?;
        let location = format!("oci+http://{}/{name}@{digest}", host.host);
        let mut command = programs.command("oci-download");
        command.arg(location).arg(&file);
        host.asked(1, || lab.cost(&command))
    };
    let curl_and_openssl = || {
        fresh()?;
        let url = format!("http://{}/v2/{name}/blobs/{digest}", host.host);
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--output"]);
        curl.arg(&file).arg(url);
        let curl = host.asked(1, || lab.cost(&curl))?;
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", "-sha256", "-r"]).arg(&file);
        let (openssl, printed) = lab.printed(&openssl)?;
        if printed.split_whitespace().next() != digest.strip_prefix("sha256:") {
            let message = format!("openssl found another digest than {digest}: {printed}");
            return Err(io::Error::other(message));
        }
        Ok(vec![
            ("curl".to_owned(), curl),
            ("openssl dgst".to_owned(), openssl),
        ])
    };
    let contenders = vec![
        Contender::new("oci-download", host_over_curl),
        Contender::parts(curl_and_openssl),
    ];
    let series = in_turns(lab.rounds(), contenders)?;
    let title = format!(
        "A blob of {} MiB from {} into a file, by the C library over libcurl",
        size >> 20,
        host.name
    );
    let finding = Finding::new(title, series).note(
        "`oci-download` of `examples/curl-multi` verifies while it receives, in one thread; \
         `openssl dgst -sha256` reads the file that curl wrote.",
    );
    let most = finding.most("oci-download");
    Ok(finding
        .ratio(
            Of::Cpu,
            "oci-download",
            &["curl", "openssl dgst"],
            Some(1.15),
        )
        .ratio(Of::Wall, "oci-download", &["curl", "openssl dgst"], None)
        .ratio(Of::Wall, "oci-download", &["curl"], None)
        .count("requests of oci-download", most.requests, 1))
}

/// All packages of a repository, found by its metadata.
fn packages(lab: &Lab, programs: &Programs) -> io::Result<Finding> {
    let times = lab.amount(20, 3, 1);
    let served = Static::start(lab, lab.amount(1000, 1000, 20), PAYLOAD)?;
    let count = served.packages()?.len();
    let lists = lab.scratch("lists")?;
    let (list, curls) = (lists.join("packages"), lists.join("curl"));
    let host = served.nginx.host();
    fs::write(&curls, served.curl_list(lab, &host)?)?;
    let location = format!("oci+http://{host}/{}:{}", bridged::NAME, bridged::TAG);
    let nginx = Host::nginx(served.nginx);
    let into_files = |command: &dyn Fn(&Path) -> Command| {
        nginx.asked(times, || {
            let to = lab.scratch("packages")?;
            let sample = lab.cost(&command(to.path()))?;
            let got = fs::read_dir(to.path())?.count();
            if got != count {
                let message = format!("{got} of {count} packages came");
                return Err(io::Error::other(message));
            }
            Ok(sample)
        })
    };
    let list_and_download = || {
        let mut command = programs.command("oci-packages");
        command.args(["-l", &location]);
        let listed = nginx.asked(1, || {
            let (sample, printed) = lab.printed(&command)?;
            fs::write(&list, printed)?;
            Ok(sample)
        })?;
        let pulled = into_files(&|to| programs.download(&list, to))?;
        Ok(vec![
            ("oci-packages".to_owned(), listed),
            ("oci-download".to_owned(), pulled),
        ])
    };
    let curl = || {
        into_files(&|to| {
            let mut command = Command::new("curl");
            command
                .args(["--silent", "--fail", "--parallel"])
                .args(["--parallel-max", PARALLEL, "--config"])
                .arg(&curls)
                .current_dir(to);
            command
        })
    };
    let contenders = vec![
        Contender::parts(list_and_download),
        Contender::new("curl -Z", curl),
    ];
    let series = in_turns(lab.rounds(), contenders)?;
    let title = format!("{count} packages of a repository, by the C library over libcurl");
    let finding = Finding::new(title, series).note(format!(
        "From nginx, {PARALLEL} at a time in one thread, of about {} KiB, each into a file; {times} \
         repetitions a sample. `oci-packages` reads the metadata and says where the packages are, \
         `oci-download` pulls and verifies them; curl is given their addresses and verifies \
         nothing.",
        PAYLOAD >> 10
    ));
    let requests = finding.most("oci-download").requests;
    Ok(finding
        .ratio(Of::Cpu, "oci-download", &["curl -Z"], None)
        .ratio(Of::Wall, "oci-download", &["curl -Z"], None)
        .count("requests of oci-download", requests, count as u64))
}
