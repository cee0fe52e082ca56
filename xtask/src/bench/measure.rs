//! What a program costs: time, memory, and what it asked of a server.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ocirepo_e2e::process::peak_memory;

use super::pairs::Sample;

/// How often a running program is looked at.
const PERIOD: Duration = Duration::from_millis(10);

/// What one run of a program cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    /// Processor time of the program and its threads, in seconds.
    pub(crate) cpu: f64,
    /// The most memory it had resident, in bytes.
    pub(crate) peak: u64,
    pub(crate) traffic: Traffic,
}

/// What a registry was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) requests: u64,
    /// Bytes of bodies to the registry.
    pub(crate) received: u64,
    /// Bytes of bodies from it.
    pub(crate) sent: u64,
}

/// Runs a program to its end, and returns what it printed and what it cost without traffic.
pub(crate) fn run(command: &mut Command, output: &Path) -> io::Result<(String, Cost)> {
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(output)?)
        .stderr(Stdio::piped())
        .spawn()?;
    let (mut peak, mut cpu) = (0, 0.0);
    let mut errors = child.stderr.take();
    // What is printed there is little, so it may wait until the end.
    let status = loop {
        // The kernel's own high-water mark; a look missed only what came after it.
        if let Some(found) = peak_memory(child.id()) {
            peak = found.max(peak);
        }
        if let Some(found) = processor(child.id()) {
            cpu = found;
        }
        match child.try_wait()? {
            Some(status) => break status,
            None => sleep(PERIOD),
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    let printed = fs::read_to_string(output)?;
    if !status.success() {
        let mut text = String::new();
        if let Some(errors) = &mut errors {
            io::Read::read_to_string(errors, &mut text)?;
        }
        return Err(io::Error::other(format!(
            "{command:?} ended with {status}: {text}"
        )));
    }
    let traffic = Traffic::default();
    let cost = Cost {
        seconds,
        cpu,
        peak,
        traffic,
    };
    Ok((printed, cost))
}

/// Runs a program to its end through the helper that asks the kernel what it cost, to the
/// microsecond. Its output is kept in `place`, an empty directory.
pub(crate) fn exactly(
    helper: &Path,
    command: &Command,
    place: &Path,
) -> io::Result<(Sample, String)> {
    let [cost, output, errors] = ["cost", "output", "errors"].map(|name| place.join(name));
    let mut through = Command::new(helper);
    through
        .arg(&cost)
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(File::create(&output)?)
        .stderr(File::create(&errors)?);
    for (variable, value) in command.get_envs() {
        match value {
            Some(value) => through.env(variable, value),
            None => through.env_remove(variable),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        through.current_dir(directory);
    }
    let status = through.status()?;
    let printed = String::from_utf8_lossy(&fs::read(&output)?).into_owned();
    if !status.success() {
        let text = String::from_utf8_lossy(&fs::read(&errors)?).into_owned();
        return Err(io::Error::other(format!(
            "{command:?} ended with {status}: {printed}{text}"
        )));
    }
    let line = fs::read_to_string(&cost)?;
    let figures: Vec<u64> = line
        .split_whitespace()
        .filter_map(|figure| figure.parse().ok())
        .collect();
    let [wall, user, system, peak] = figures[..] else {
        return Err(io::Error::other(format!("{line:?} is no cost")));
    };
    let sample = Sample {
        wall: wall as f64 / 1e6,
        cpu: (user + system) as f64 / 1e6,
        peak,
        requests: 0,
    };
    Ok((sample, printed))
}

/// The processor time a process took until now, in seconds.
pub(crate) fn processor(id: u32) -> Option<f64> {
    /// Ticks a second, as Linux counts for programs.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// The request log of a registry, read from where it was left.
pub(crate) struct Log {
    path: PathBuf,
    at: u64,
}

impl Log {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, at: 0 }
    }

    /// What was asked since the last time.
    pub(crate) fn traffic(&mut self) -> io::Result<Traffic> {
        let mut file = BufReader::new(File::open(&self.path)?);
        file.seek(SeekFrom::Start(self.at))?;
        let mut traffic = Traffic::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = file.read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(traffic);
            }
            self.at += read as u64;
            if let Some(one) = request(&String::from_utf8_lossy(&line)) {
                traffic.requests += one.requests;
                traffic.received += one.received;
                traffic.sent += one.sent;
            }
        }
    }
}

/// A line of the log of `ocirepo registry -v`, or of docker-registry's in the combined form.
fn request(line: &str) -> Option<Traffic> {
    let number = |field: &str| {
        let (_, rest) = line.split_once(field)?;
        rest.split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    if line.contains("method=") {
        return Some(Traffic {
            requests: 1,
            received: number("received=")?,
            sent: number("sent=")?,
        });
    }
    // 127.0.0.1 - - [date] "GET /v2/ HTTP/1.1" 200 2 "" "agent"
    let (_, rest) = line.split_once(" HTTP/1.1\" ")?;
    let mut fields = rest.split_whitespace();
    let _status: u16 = fields.next()?.parse().ok()?;
    Some(Traffic {
        requests: 1,
        // It does not tell.
        received: 0,
        sent: fields.next()?.parse().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_registries_logs_are_read() {
        let ours = "2026-01-01T00:00:00Z  INFO request method=PUT path=/v2/a/blobs/uploads/1 \
                    status=201 received=120 sent=7";
        let expected = Traffic {
            requests: 1,
            received: 120,
            sent: 7,
        };
        assert_eq!(request(ours), Some(expected));
        let theirs = "127.0.0.1 - - [24/Nov/2026:11:00:00 +0000] \"GET /v2/a/tags/list HTTP/1.1\" \
                      200 31 \"\" \"ocirepo/0.1.0\"";
        assert_eq!(request(theirs).map(|traffic| traffic.sent), Some(31));
        assert_eq!(request("registry listening on http://127.0.0.1:1"), None);
    }
}
