//! `serve`, with a client that reads everything.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ocirepo::Digest;

use super::lab::{Files, Lab, curious, impatient, somebody};
use super::secrets::{CLIENT, bridge as secret_of};
use super::{Disturbance, Started, Way, disturb, leftovers};
use crate::http::get;
use crate::process::{Run, free_address};
use crate::program::Program;
use crate::random::Random;
use crate::scratch::Scratch;

/// A bridge, killed on drop.
struct Running {
    program: Option<Started>,
    address: SocketAddr,
}

impl Running {
    fn until_it_answers(program: Started, address: SocketAddr) -> Running {
        let start = Instant::now();
        let mut running = Running {
            program: Some(program),
            address,
        };
        while start.elapsed() < Duration::from_secs(20) && TcpStream::connect(address).is_err() {
            let ended = running.program.as_mut().map(Started::ended);
            if matches!(ended, Some(Ok(Some(_)))) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        running
    }

    fn kill(&mut self) -> io::Result<Option<Run>> {
        let Some(program) = self.program.take() else {
            return Ok(None);
        };
        program.kill()?;
        program.run().map(Some)
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
    program: &Program,
    base: &str,
    files: &Files,
    findings: &mut Vec<String>,
) -> Vec<String> {
    let mut right = Vec::new();
    let login = STANDARD.encode(format!("{CLIENT}:{}", secret_of(program)));
    let login = format!("Basic {login}");
    for (path, digest) in files {
        let start = Instant::now();
        match get(address, &format!("{base}/{path}"), &login, super::LIMIT) {
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
    let host = way.host();
    let (program, out) = (somebody(&host)?, Scratch::new("out")?);
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
    let mut bridge = Running::until_it_answers(Started::new(&mut first)?, address);
    let mut other = None;
    if how == Disturbance::Two {
        let address = free_address()?;
        let listen = address.to_string();
        let command = impatient(&program, &["serve", &location, "--listen", &listen]);
        let mut command = disturb(how, &command, out.path(), &program.path(""), random)?;
        other = Some(Running::until_it_answers(
            Started::new(&mut command)?,
            address,
        ));
    }
    let patience = Duration::from_millis(5 + random.below(700) as u64);
    let mut found = Vec::new();
    let (mut right, killed) = std::thread::scope(|scope| {
        let also = other.as_ref().map(|other| other.address);
        let also = also.map(|address| {
            let (base, program) = (&base, &program);
            scope.spawn(move || {
                let mut findings = Vec::new();
                let right = read_all(address, program, base, files, &mut findings);
                if right.len() != files.len() {
                    findings.push("not everything comes from the second bridge".to_owned());
                }
                findings
            })
        });
        let (address, program) = (bridge.address, &program);
        let (base, found) = (&base, &mut found);
        let reader = scope.spawn(move || read_all(address, program, base, files, found));
        let killed = (how == Disturbance::Kill).then(|| {
            std::thread::sleep(patience);
            bridge.kill()
        });
        let right = reader.join().unwrap_or_default();
        findings.extend(
            also.and_then(|thread| thread.join().ok())
                .unwrap_or_default(),
        );
        (right, killed)
    });
    findings.extend(found);
    let secrets = lab.secrets.and_of_bridge(&program);
    let also = other.map(|mut other| other.kill());
    let ended = [killed, Some(bridge.kill()), also].into_iter().flatten();
    for run in ended.collect::<io::Result<Vec<_>>>()?.into_iter().flatten() {
        secrets.look_at(&run, findings);
        if run.says("panicked at") {
            findings.push(format!("it panicked: {run}"));
        }
    }
    let hit = right.len() != files.len();
    let unharmed = matches!(how, Disturbance::Clock | Disturbance::Two);
    if unharmed && hit {
        findings.push(format!(
            "only {} of {} files came",
            right.len(),
            files.len()
        ));
    }
    way.calm();

    let before = way.proxy.exchanges().len();
    let mut second = curious(&program, &arguments);
    let mut bridge = Running::until_it_answers(Started::new(&mut second)?, address);
    let all = read_all(bridge.address, &program, &base, files, findings);
    let log = bridge.kill()?;
    let secrets = lab.secrets.and_of_bridge(&program);
    log.iter().for_each(|run| secrets.look_at(run, findings));
    secrets.look_below(&program, out.path(), findings)?;
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
    if how == Disturbance::Kill {
        // What was verified goes to its reader at once, and is an entry of the cache a moment later.
        right.pop();
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
    Ok(hit)
}
