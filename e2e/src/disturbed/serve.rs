//! `serve`, with a client that reads everything.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::process::Child;
use std::time::{Duration, Instant};

use ocirepo::Digest;

use super::lab::{Files, Lab, impatient, somebody};
use super::{Disturbance, Way, disturb, kill, leftovers, spawn};
use crate::http::get;
use crate::process::{Run, free_address};
use crate::random::Random;
use crate::scratch::Scratch;

/// A bridge, killed on drop.
struct Running {
    child: Option<Child>,
    address: SocketAddr,
}

impl Running {
    fn until_it_answers(child: Child, address: SocketAddr) -> Running {
        let start = Instant::now();
        let mut running = Running {
            child: Some(child),
            address,
        };
        while start.elapsed() < Duration::from_secs(20) && TcpStream::connect(address).is_err() {
            let ended = running.child.as_mut().map(|child| child.try_wait());
            if matches!(ended, Some(Ok(Some(_)))) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        running
    }

    fn kill(&mut self) -> io::Result<Option<Run>> {
        let Some(child) = self.child.take() else {
            return Ok(None);
        };
        kill(&child)?;
        child
            .wait_with_output()
            .map(|output| Some(Run::from(output)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Reads every file; the paths of those that came right.
fn read_all(
    address: SocketAddr,
    base: &str,
    files: &Files,
    findings: &mut Vec<String>,
) -> Vec<String> {
    let mut right = Vec::new();
    for (path, digest) in files {
        let start = Instant::now();
        match get(address, &format!("{base}/{path}"), super::LIMIT) {
            Ok((200, body)) if Digest::of(&body) == *digest => right.push(path.clone()),
            Ok((200, body)) => findings.push(format!("{path} is wrong: {} bytes", body.len())),
            Ok((404, _)) => findings.push(format!("{path} is said not to exist")),
            // An error, or a body that was cut, is tried again.
            Ok(_) | Err(_) => {}
        }
        if start.elapsed() >= super::LIMIT {
            findings.push(format!("{path} does not come and is not refused"));
        }
    }
    right
}

pub(super) fn run(
    lab: &Lab,
    docker: bool,
    layout: &str,
    how: Disturbance,
    random: &mut Random,
    findings: &mut Vec<String>,
) -> io::Result<bool> {
    let way = Way::new(lab.registry(docker), how, random)?;
    let (program, out) = (somebody()?, Scratch::new("out")?);
    let host = way.host();
    let base = format!("/{host}/lab/{layout}:latest");
    let location = format!("oci://{host}/lab/{layout}");
    let files = &lab.golden[layout];
    let address = free_address()?;
    let listen = address.to_string();
    let arguments = ["serve", &location, "--listen", &listen];
    let command = impatient(&program, &arguments);
    // For a bridge, the little room is its cache's.
    let cache = program.path("cache");
    let mut first = disturb(how, &command, &cache, &program.path(""), random)?;
    let mut bridge = Running::until_it_answers(spawn(&mut first)?, address);
    let mut other = None;
    if how == Disturbance::Two {
        let address = free_address()?;
        let listen = address.to_string();
        let command = impatient(&program, &["serve", &location, "--listen", &listen]);
        let mut command = disturb(how, &command, out.path(), &program.path(""), random)?;
        other = Some(Running::until_it_answers(spawn(&mut command)?, address));
    }
    let patience = Duration::from_millis(5 + random.below(700) as u64);
    let mut found = Vec::new();
    let right = std::thread::scope(|scope| {
        let also = other.as_ref().map(|other| other.address);
        let also = also.map(|address| {
            let base = &base;
            scope.spawn(move || {
                let mut findings = Vec::new();
                let right = read_all(address, base, files, &mut findings);
                if right.len() != files.len() {
                    findings.push("not everything comes from the second bridge".to_owned());
                }
                findings
            })
        });
        let (address, base, found) = (bridge.address, &base, &mut found);
        let reader = scope.spawn(move || read_all(address, base, files, found));
        if how == Disturbance::Kill {
            std::thread::sleep(patience);
            let _ = bridge.kill();
        }
        let right = reader.join().unwrap_or_default();
        findings.extend(
            also.and_then(|thread| thread.join().ok())
                .unwrap_or_default(),
        );
        right
    });
    findings.extend(found);
    drop(other);
    let run = bridge.kill()?;
    if let Some(run) = run.filter(|run| run.says("panicked at")) {
        findings.push(format!("it panicked: {run}"));
    }
    let unharmed = matches!(how, Disturbance::Clock | Disturbance::Two);
    if unharmed && right.len() != files.len() {
        findings.push(format!(
            "only {} of {} files came",
            right.len(),
            files.len()
        ));
    }
    way.calm();

    let before = way.proxy.exchanges().len();
    let mut second = program.command(&arguments);
    let mut bridge = Running::until_it_answers(spawn(&mut second)?, address);
    let all = read_all(bridge.address, &base, files, findings);
    let log = bridge.kill()?;
    if all.len() != files.len() {
        let missing = files.keys().find(|path| !all.contains(path));
        findings.push(format!(
            "{missing:?} does not come from the second bridge: {log:?}"
        ));
    }
    for place in ["tmp", "cache/ocirepo/new"] {
        for path in leftovers(&program.path(place)) {
            findings.push(format!("{path} stays"));
        }
    }
    // A file system of its own, and one that is read only, keep nothing.
    let keeps = !matches!(how, Disturbance::FullDisk | Disturbance::ReadOnlyCache);
    let again = way.proxy.exchanges().split_off(before);
    for path in right.iter().filter(|path| keeps && path.ends_with(".rpm")) {
        let end = format!("/blobs/{}", files[path]);
        if again
            .iter()
            .any(|passed| passed.target.ends_with(&end) && passed.received > 0)
        {
            findings.push(format!("{path} was there and is fetched again"));
        }
    }
    Ok(right.len() != files.len())
}
