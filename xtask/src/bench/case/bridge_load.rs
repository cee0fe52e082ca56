//! Many clients of one bridge at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use ocirepo_e2e::process::peak_memory;

use super::super::bridged::{Bridge, Served, sums};
use super::super::finding::{Finding, Of};
use super::super::lab::Lab;
use super::super::measure::processor;
use super::super::pairs::{Contender, Rounds, Sample, in_turns};

/// The most memory the bridge may take, in bytes.
const MEMORY: u64 = 256 << 20;

pub(crate) fn run(lab: &Lab) -> io::Result<Vec<Finding>> {
    let clients = lab.amount(64, 64, 4);
    let packages = lab.amount(200, 200, 10);
    let size = lab.amount(1 << 20, 64 << 10, 16 << 10);
    let served = Served::start(lab, packages, size)?;
    let files = served.from_nginx.packages()?;
    let paths: Vec<&Path> = files.values().map(AsRef::as_ref).collect();
    let sums = sums(lab, &paths)?;
    let wanted: Vec<(&String, &String)> = sums.iter().zip(files.keys()).collect();
    let expected: u64 = {
        let mut bytes = 0;
        for path in &paths {
            bytes += fs::metadata(path)?.len();
        }
        bytes * clients as u64
    };
    let list = |base: &str| {
        let mut list = String::new();
        for (sum, path) in &wanted {
            let _ = writeln!(list, "{sum} {base}/{path}");
        }
        list
    };
    let (mut fetched_twice, mut missing) = (0, 0);
    let registry = &served.docker;
    let through = Contender::parts(|| {
        let bridge = Bridge::start(lab, &registry.host())?;
        let before = registry.requests()?.len();
        let mut samples = Vec::new();
        for state in ["cold", "warm"] {
            let cpu = processor(bridge.server.id()).unwrap_or_default();
            let (mut sample, printed) = load(lab, clients, &list(bridge.base()))?;
            check(&printed, expected)
                .map_err(|error| io::Error::other(format!("{error}\n{}", bridge.printed())))?;
            sample.cpu = processor(bridge.server.id()).unwrap_or_default() - cpu;
            sample.peak = peak_memory(bridge.server.id()).unwrap_or(0);
            samples.push((format!("{state} bridge"), sample));
        }
        // What the registry was asked for, by its own log.
        let mut times: BTreeMap<&str, u64> = BTreeMap::new();
        let requests = registry.requests()?;
        for request in requests.get(before..).unwrap_or_default() {
            if let Some((_, digest)) = request.target.split_once("/blobs/sha256:") {
                *times.entry(digest).or_default() += 1;
            }
        }
        for (sum, _) in &wanted {
            match times.get(sum.as_str()) {
                None => missing += 1,
                Some(1) => {}
                Some(_) => fetched_twice += 1,
            }
        }
        for (_, sample) in samples.iter_mut().take(1) {
            sample.requests = (requests.len() - before) as u64;
        }
        Ok(samples)
    });
    let plain = format!("http://{}/plain", served.from_nginx.nginx.host());
    let direct = Contender::new("nginx itself", || {
        let cpu = processor(served.from_nginx.nginx.id()).unwrap_or_default();
        let (mut sample, printed) = load(lab, clients, &list(&plain))?;
        check(&printed, expected)?;
        sample.cpu = processor(served.from_nginx.nginx.id()).unwrap_or_default() - cpu;
        sample.peak = 0;
        Ok(sample)
    });
    let rounds = Rounds {
        counted: lab.amount(11, 3, 1),
        ..lab.rounds()
    };
    let series = in_turns(rounds, vec![through, direct])?;
    let title = format!(
        "{clients} clients at once, {} packages of about {} KiB each",
        paths.len(),
        size >> 10
    );
    let finding = Finding::new(title, series).note(
        "Every client compares every SHA-256. Processor time and memory are the server's own: \
         of the bridge, or of nginx. Requests are those that docker-registry logged.",
    );
    let peak = finding
        .most("cold bridge")
        .peak
        .max(finding.most("warm bridge").peak);
    Ok(vec![
        finding
            .ratio(Of::Wall, "cold bridge", &["nginx itself"], None)
            .ratio(Of::Wall, "warm bridge", &["nginx itself"], None)
            .ratio(Of::Cpu, "warm bridge", &["nginx itself"], None)
            .count("answers lost or with other bytes", 0, 0)
            .count("packages fetched more than once", fetched_twice, 0)
            .count("packages not fetched from the registry", missing, 0)
            .count("memory of the bridge, bytes", peak, MEMORY),
    ])
}

fn load(lab: &Lab, clients: usize, list: &str) -> io::Result<(Sample, String)> {
    let place = lab.scratch("load")?;
    let file = place.join("list");
    fs::write(&file, list)?;
    let mut command = Command::new(lab.helper("load"));
    command.arg(clients.to_string()).arg(file);
    lab.printed(&command)
}

/// Whether everything came, and right.
fn check(printed: &str, expected: u64) -> io::Result<()> {
    let figures: Vec<&str> = printed.split_whitespace().collect();
    match figures[..] {
        [_, bytes, "0", "0"] if bytes.parse() == Ok(expected) => Ok(()),
        _ => Err(io::Error::other(format!(
            "of {expected} bytes, so many came, so many answers were lost, and so many wrong: \
             {printed}"
        ))),
    }
}
