//! dnf through the bridge, beside dnf from nginx with the same files.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use super::super::bridged::{Bridge, Served, Static};
use super::super::finding::{Finding, Of};
use super::super::lab::{Lab, Scale};
use super::super::measure::processor;
use super::super::pairs::{Contender, Sample, in_turns};
use super::super::servers::Nginx;

/// What is aimed at, of the time that dnf takes from nginx.
const COLD: f64 = 1.3;
const WARM: f64 = 1.15;

/// What tables call nginx as a cache before the nginx with the files.
const CACHE: &str = "cache of nginx";

/// How many connections dnf opens at a time.
const PARALLEL: &str = "3";

pub(crate) fn run(lab: &Lab) -> io::Result<Vec<Finding>> {
    let packages = lab.amount(500, 200, 10);
    let mut found = Vec::new();
    if lab.scale != Scale::Smoke {
        found = compare(lab, packages, 1 << 20)?;
    }
    found.extend(compare(lab, packages, 6 << 10)?);
    Ok(found)
}

fn compare(lab: &Lab, packages: usize, size: usize) -> io::Result<Vec<Finding>> {
    let served = Served::start(lab, packages, size)?;
    let count = served.from_nginx.packages()?.len();
    let registries = served.registries();
    let plain = format!("http://{}/plain", served.from_nginx.nginx.host());
    let mut curls = vec![(
        "curl -Z from nginx".to_owned(),
        curl_plain(&served.from_nginx, &plain)?,
    )];
    for (name, host) in &registries {
        curls.push((
            format!("curl -Z, {name}"),
            served.from_nginx.curl_list(lab, host)?,
        ));
    }
    let from_nginx = || {
        let mut samples = Vec::new();
        visit(lab, &plain, count, "dnf from nginx", &mut samples)?;
        Ok(samples)
    };
    let mut contenders = vec![
        Contender::parts(from_nginx),
        Contender::parts(|| {
            let cache = Nginx::cache(lab, &served.from_nginx.nginx.host())?;
            let base = format!("http://{}/plain", cache.host());
            cold_and_warm(lab, &base, count, CACHE, cache.id())
        }),
    ];
    for (name, host) in &registries {
        contenders.push(Contender::parts(move || {
            let bridge = Bridge::start(lab, host)?;
            let who = format!("bridge, {name}");
            let samples = cold_and_warm(lab, bridge.base(), count, &who, bridge.server.id());
            samples.map_err(|error| io::Error::other(format!("{error}\n{}", bridge.printed())))
        }));
    }
    for (name, list) in &curls {
        let name = format!("{name}: download");
        contenders.push(Contender::new(name, move || curl(lab, list)));
    }
    let series = in_turns(lab.rounds(), contenders)?;
    let part = |what: &str| {
        let of_this =
            |name: &str| name.ends_with(what) || (what == "download" && name.ends_with("its own"));
        let series = series.iter().filter(|series| of_this(&series.name));
        series.cloned().collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for what in ["makecache", "download"] {
        let title = format!("`dnf {what}`, {packages} packages of about {}", units(size));
        let mut finding = Finding::new(title, part(what)).note(
            "dnf compares the checksums in all of them, and keeps three connections; the bridge \
             compares them too, and nginx as a cache compares nothing. `its own` is what the bridge, \
             or that cache, took for both steps.",
        );
        let direct = format!("dnf from nginx: {what}");
        for state in ["cold", "warm"] {
            let cache = format!("{state} {CACHE}: {what}");
            let bridge = format!("{state} bridge, nginx /v2/: {what}");
            finding = finding.ratio(Of::Wall, &cache, &[&direct], None).ratio(
                Of::Wall,
                &bridge,
                &[&cache],
                None,
            );
        }
        // What is small is all start and no transfer, and docker-registry is slower than dnf.
        for (name, _) in &registries {
            let aimed = size >= 1 << 20 && *name != "docker-registry";
            for (state, aim) in [("cold", COLD), ("warm", WARM)] {
                let one = format!("{state} bridge, {name}: {what}");
                finding = finding.ratio(Of::Wall, &one, &[&direct], aimed.then_some(aim));
            }
            let one = format!("curl -Z, {name}: {what}");
            finding = finding.ratio(Of::Wall, &one, &["curl -Z from nginx: download"], None);
        }
        found.push(finding);
    }
    Ok(found)
}

/// dnf through something that keeps what it passes on, twice.
fn cold_and_warm(
    lab: &Lab,
    base: &str,
    count: usize,
    name: &str,
    process: u32,
) -> io::Result<Vec<(String, Sample)>> {
    let mut samples = Vec::new();
    for state in ["cold", "warm"] {
        let who = format!("{state} {name}");
        let before = processor(process).unwrap_or_default();
        visit(lab, base, count, &who, &mut samples)?;
        let after = processor(process).unwrap_or_default();
        let sample = Sample {
            cpu: after - before,
            peak: ocirepo_e2e::process::peak_memory(process).unwrap_or(0),
            ..Sample::default()
        };
        samples.push((format!("{who}: its own"), sample));
    }
    Ok(samples)
}

fn units(bytes: usize) -> String {
    if bytes >= 1 << 20 {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{} KiB", bytes >> 10)
    }
}

/// dnf as a machine that has never seen the repository: metadata, then every package.
fn visit(
    lab: &Lab,
    base: &str,
    count: usize,
    who: &str,
    samples: &mut Vec<(String, Sample)>,
) -> io::Result<()> {
    let root = lab.scratch("dnf")?;
    let to = root.join("downloaded");
    let makecache = lab.cost(&dnf(root.path(), base, &["makecache"]))?;
    samples.push((format!("{who}: makecache"), makecache));
    let download = [
        "reposync",
        "--norepopath",
        "--download-path",
        &to.to_string_lossy(),
    ];
    let download = lab.cost(&dnf(root.path(), base, &download))?;
    samples.push((format!("{who}: download"), download));
    let got = downloaded(&to)?;
    if got != count {
        return Err(io::Error::other(format!(
            "dnf downloaded {got} of {count} packages"
        )));
    }
    Ok(())
}

fn downloaded(directory: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            count += downloaded(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "rpm") {
            count += 1;
        }
    }
    Ok(count)
}

fn dnf(root: &Path, base: &str, arguments: &[&str]) -> Command {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let mut command = if is_root {
        Command::new("dnf")
    } else {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "dnf"]);
        command
    };
    command
        .args([
            "-y",
            "--quiet",
            "--releasever=1",
            "--disableplugin=*",
            "--enableplugin=reposync",
        ])
        .arg(format!("--installroot={}", root.display()))
        .arg("--setopt=reposdir=/dev/null")
        .arg("--setopt=metadata_expire=never")
        .arg("--setopt=lab.gpgcheck=0")
        .arg("--setopt=lab.skip_if_unavailable=0")
        .arg(format!("--setopt=max_parallel_downloads={PARALLEL}"))
        .arg(format!("--repofrompath=lab,{base}/"))
        .arg("--repo=lab")
        .args(arguments)
        .env("LC_ALL", "C.UTF-8");
    command
}

/// URLs of the packages as files, for curl.
fn curl_plain(from_nginx: &Static, base: &str) -> io::Result<String> {
    let mut list = String::new();
    for (number, path) in from_nginx.packages()?.keys().enumerate() {
        let _ = writeln!(list, "url = \"{base}/{path}\"\noutput = \"{number}\"");
    }
    Ok(list)
}

fn curl(lab: &Lab, list: &str) -> io::Result<Sample> {
    let to = lab.scratch("curl")?;
    fs::write(to.join("list"), list)?;
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--fail", "--parallel"])
        .args(["--parallel-max", PARALLEL, "--config", "list"])
        .current_dir(to.path());
    lab.cost(&command)
}
