//! The program, disturbed: a run in which something goes wrong, and one after it in which
//! nothing does.
//!
//! Whatever goes wrong, nothing wrong is delivered as right, what was fetched is not fetched
//! again, no temporary file stays after the second run, a tag that was not reached leads where it
//! led before, and no secret is in anything that was written. What a run does follows from its seed; when it is killed, or what else
//! runs on the machine, does not.

mod lab;
mod push;
mod read;
mod secrets;
mod serve;

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

pub use self::lab::Lab;

use self::secrets::Secrets;

use crate::faults::{Fault, How, Stream, too_many_requests};
use crate::process::Run;
use crate::proxy::Proxy;
use crate::random::Random;

/// The longest that one command may take.
const LIMIT: Duration = Duration::from_secs(120);

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What it followed from.
    pub seed: u64,
    /// What was done, with what, disturbed how.
    pub what: String,
    /// Whether the disturbance was felt: the disturbed command did not end well.
    pub hit: bool,
    /// What should not be.
    pub findings: Vec<String>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disturbance {
    /// The network.
    Network,
    /// `kill -9`, at any moment.
    Kill,
    /// No file may be larger than so many blocks of 512 bytes.
    SmallFiles,
    /// A file system with little room.
    FullDisk,
    /// Nothing can be written into the cache.
    ReadOnlyCache,
    /// It is another day, or time flies.
    Clock,
    /// Somebody else does the same in the same place.
    Two,
}

const DISTURBANCES: [Disturbance; 10] = [
    Disturbance::Network,
    Disturbance::Network,
    Disturbance::Network,
    Disturbance::Kill,
    Disturbance::Kill,
    Disturbance::SmallFiles,
    Disturbance::FullDisk,
    Disturbance::ReadOnlyCache,
    Disturbance::Clock,
    Disturbance::Two,
];

/// A proxy before a registry that disturbs until it is calmed.
struct Way {
    proxy: Proxy,
    calm: Arc<AtomicBool>,
    /// Whether it may change bytes.
    corrupts: bool,
}

impl Way {
    fn new(
        upstream: std::net::SocketAddr,
        how: Disturbance,
        random: &mut Random,
    ) -> io::Result<Way> {
        let calm = Arc::new(AtomicBool::new(false));
        let quiet = Arc::clone(&calm);
        let mut random = Random::new(random.next());
        let (share, mut left) = match how {
            Disturbance::Network => (0.1 + 0.5 * random.fraction(), 1 + random.below(8)),
            _ => (0.0, 0),
        };
        let slow = how == Disturbance::Kill || how == Disturbance::Two;
        let proxy = Proxy::faulty(upstream, move |_, _| {
            if quiet.load(Ordering::Relaxed) {
                return None;
            }
            if slow {
                let pause = Duration::from_millis(random.below(40) as u64);
                let (at, how) = (random.below(4000) as u64, How::Stall(pause));
                return Some(Fault::Damage {
                    stream: Stream::Response,
                    at,
                    how,
                });
            }
            if left == 0 || !random.chance(share) {
                return None;
            }
            left -= 1;
            Some(fault(&mut random))
        })?;
        Ok(Way {
            proxy,
            calm,
            corrupts: how == Disturbance::Network,
        })
    }

    fn host(&self) -> String {
        self.proxy.address().to_string()
    }

    fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }
}

/// Something that can happen to an exchange.
fn fault(random: &mut Random) -> Fault {
    match random.below(16) {
        0 => return Fault::Refuse,
        1 => return too_many_requests(None),
        2 => return too_many_requests(Some(1)),
        3 => {
            let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\
                          Connection: close\r\n\r\n";
            return Fault::Answer(answer.to_owned());
        }
        _ => {}
    }
    let stream = *random.pick(&[Stream::Upload, Stream::Response, Stream::Body, Stream::Body]);
    // Most are at the beginning of something small.
    let end = *random.pick(&[100, 1_000, 20_000, 400_000]);
    let at = random.below(end) as u64;
    let pause = Duration::from_millis(1 + random.below(30) as u64);
    let how = match random.below(10) {
        0 | 1 => How::End,
        2 | 3 => How::Reset,
        4 => How::Stall(Duration::from_secs(4)),
        5 => How::Stall(pause * 10),
        6 => How::Trickle(2_000 + random.below(8_000), pause),
        7 => How::Corrupt(1 << random.below(8)),
        8 => How::Duplicate(1 + random.below(300)),
        _ => How::Swap(1 + random.below(300)),
    };
    Fault::Damage { stream, at, how }
}

/// A shell that does something and then becomes the command.
fn through(script: &str, mount: bool, command: &Command) -> Command {
    let mut outer = match mount {
        true => {
            let mut outer = Command::new("unshare");
            outer.args(["--map-root-user", "--mount", "sh"]);
            outer
        }
        false => Command::new("sh"),
    };
    outer.args(["-c", script, "sh"]).arg(command.get_program());
    outer.args(command.get_args()).env_clear();
    for (name, value) in command.get_envs() {
        outer.env(name, value.unwrap_or_default());
    }
    outer
}

/// The command as the disturbance has it. `out` is where it writes its results, `home` whose
/// cache it uses.
fn disturb(
    how: Disturbance,
    command: &Command,
    out: &Path,
    home: &Path,
    random: &mut Random,
) -> io::Result<Command> {
    let (out, cache) = (out.display(), home.join("cache"));
    Ok(match how {
        Disturbance::Network | Disturbance::Kill | Disturbance::Two => {
            through("exec \"$@\"", false, command)
        }
        Disturbance::SmallFiles => {
            let blocks = random.below(800);
            // Half of them learn of it by an error, half die of it.
            let trap = if random.chance(0.5) {
                "trap '' XFSZ;"
            } else {
                ""
            };
            through(
                &format!("{trap} ulimit -f {blocks}; exec \"$@\""),
                false,
                command,
            )
        }
        Disturbance::FullDisk => {
            let kilobytes = 16 + random.below(900);
            let place = match random.chance(0.6) {
                true => out.to_string(),
                false => cache.display().to_string(),
            };
            // What is there afterwards is brought out of the small file system.
            let kept = format!("{}-kept", home.display());
            let script = format!(
                "mkdir -p '{kept}' && mount -t tmpfs -o size={kilobytes}k tmpfs '{place}' || exit 99; \
                 \"$@\"; code=$?; \
                 cp -a '{place}/.' '{kept}'; umount '{place}'; cp -a '{kept}/.' '{place}'; \
                 rm -rf '{kept}'; exit $code"
            );
            through(&script, true, command)
        }
        Disturbance::ReadOnlyCache => {
            let cache = cache.display();
            let script = format!(
                "mount --bind '{cache}' '{cache}' && mount -o remount,ro,bind '{cache}' || exit 99; \
                 exec \"$@\""
            );
            through(&script, true, command)
        }
        Disturbance::Clock => {
            let when = *random.pick(&["+10y", "-20y", "+0 x20000", "-1d", "+36500d"]);
            // The program `faketime` would stay in between, and outlive being killed.
            let script = format!(
                "export FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME='{when}' \
                 LD_PRELOAD='/usr/$LIB/faketime/libfaketime.so.1'; exec \"$@\""
            );
            through(&script, false, command)
        }
    })
}

/// A command that was started, and whatever it started itself.
struct Started {
    child: Child,
    /// What it prints, read as it comes: a pipe that is full would stop it.
    printed: [JoinHandle<Vec<u8>>; 2],
}

impl Started {
    /// Starts a command as a group of its own, for a shell may be around the program.
    fn new(command: &mut Command) -> io::Result<Started> {
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let printed = [collect(child.stdout.take()), collect(child.stderr.take())];
        Ok(Started { child, printed })
    }

    /// How it ended, if it did.
    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Kills all of it. What has ended by itself stays as it ended.
    fn kill(&self) -> io::Result<()> {
        let kill = format!("kill -s KILL -- -{}", self.child.id());
        Command::new("sh")
            .args(["-c", &kill])
            .stderr(Stdio::null())
            .status()
            .map(drop)
    }

    /// Waits for its end.
    fn run(mut self) -> io::Result<Run> {
        let status = self.child.wait()?;
        let [stdout, stderr] = self.printed.map(|text| text.join().unwrap_or_default());
        Ok(Run::from(Output {
            status,
            stdout,
            stderr,
        }))
    }

    /// Waits for its end; `None` when it had to be killed because that did not come.
    fn end(mut self, kill_after: Option<Duration>) -> io::Result<Option<Run>> {
        let start = Instant::now();
        let limit = kill_after.unwrap_or(LIMIT);
        while self.ended()?.is_none() {
            if start.elapsed() > limit {
                self.kill()?;
                let run = self.run()?;
                return Ok(kill_after.map(|_| run));
            }
            sleep(Duration::from_millis(2));
        }
        self.run().map(Some)
    }
}

/// Reads to the end, on a thread of its own.
fn collect(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    spawn(move || {
        let mut text = Vec::new();
        // What came before an error is what there is.
        let _ = stream.map(|mut stream| stream.read_to_end(&mut text));
        text
    })
}

/// Runs a command disturbed. What is found wrong with how it ended is added to `findings`.
fn disturbed(
    secrets: &Secrets,
    how: Disturbance,
    command: &Command,
    place: (&Path, &Path),
    random: &mut Random,
    findings: &mut Vec<String>,
) -> io::Result<Run> {
    let (out, home) = place;
    let mut first = disturb(how, command, out, home, random)?;
    let kill_after =
        (how == Disturbance::Kill).then(|| Duration::from_millis(5 + random.below(900) as u64));
    let first = Started::new(&mut first)?;
    let second = match how {
        Disturbance::Two => {
            let mut second = disturb(how, command, out, home, random)?;
            Some(Started::new(&mut second)?)
        }
        _ => None,
    };
    let run = match first.end(kill_after)? {
        Some(run) => run,
        None => {
            findings.push("it does not end".to_owned());
            return Err(io::ErrorKind::TimedOut.into());
        }
    };
    let mut all = vec![run.clone()];
    if let Some(second) = second {
        all.extend(second.end(None)?);
    }
    for run in &all {
        secrets.look_at(run, findings);
        if run.says("panicked at") {
            findings.push(format!("it panicked: {run}"));
        }
        if run.code == Some(99) {
            findings.push(format!("nothing could be mounted: {run}"));
        }
    }
    if how == Disturbance::Two && !all.iter().any(|run| run.ok) {
        findings.push(format!("neither of two ended well: {all:?}"));
    }
    if matches!(how, Disturbance::ReadOnlyCache | Disturbance::Clock) && !run.ok {
        findings.push(format!("it did not do without: {run}"));
    }
    // Two that end well are told apart from one that had to give way.
    Ok(all.iter().find(|run| !run.ok).cloned().unwrap_or(run))
}

/// What is still in a directory where only temporary files are.
fn leftovers(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| entry.path().display().to_string())
        .collect()
}
