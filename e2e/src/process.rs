//! Servers as child processes.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(20);

/// Has valgrind end with 9 where memory is used wrongly, or lost.
pub const VALGRIND: [&str; 5] = [
    "--quiet",
    "--leak-check=full",
    "--show-leak-kinds=definite,indirect",
    "--errors-for-leak-kinds=definite,indirect",
    "--error-exitcode=9",
];

/// The most memory a process had resident until now, in bytes.
pub fn peak_memory(id: u32) -> Option<u64> {
    Gauges::of(id).map(|gauges| gauges.peak)
}

/// What a process takes of the machine at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Its memory that is resident, in bytes.
    pub resident: u64,
    /// The most it had resident until now, in bytes.
    pub peak: u64,
    /// Its open file descriptors.
    pub descriptors: u64,
    /// Its threads.
    pub threads: u64,
}

impl Gauges {
    /// Reads them; `None` when the process is gone.
    pub fn of(id: u32) -> Option<Gauges> {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let field = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Gauges {
            resident: field("VmRSS:")? * 1024,
            peak: field("VmHWM:")? * 1024,
            descriptors: fs::read_dir(format!("/proc/{id}/fd")).ok()?.count() as u64,
            threads: field("Threads:")?,
        })
    }
}

/// A child process, killed on drop.
#[derive(Debug)]
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts a program that listens on `address`, and waits until something answers there.
    /// What it prints, to either stream, is appended to `log`.
    ///
    /// # Errors
    /// When it cannot be started, ends by itself, or nothing answers in time; with the end of
    /// the log.
    pub fn start(command: &mut Command, address: SocketAddr, log: &Path) -> io::Result<Server> {
        let file = OpenOptions::new().create(true).append(true).open(log)?;
        let mut server = Server::spawn(command, file)?;
        let start = Instant::now();
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            let ended = server.child.try_wait()?;
            if ended.is_none() && start.elapsed() < START {
                sleep(Duration::from_millis(10));
                continue;
            }
            let what = match ended {
                Some(status) => format!("it ended with {status}"),
                None => format!("nothing answers at {address}"),
            };
            let name = command.get_program().to_string_lossy();
            let end = last_lines(log, 20);
            return Err(io::Error::other(format!(
                "could not start {name}: {what}; its log ends with:\n{end}"
            )));
        }
        Ok(server)
    }

    fn spawn(command: &mut Command, log: File) -> io::Result<Server> {
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| {
                let name = command.get_program().to_string_lossy();
                io::Error::other(format!("could not start {name}: {error}"))
            })?;
        Ok(Server { child })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as systemd does, and waits for that.
    ///
    /// # Errors
    /// When it does not end within `patience`.
    pub fn terminate(&mut self, patience: Duration) -> io::Result<ExitStatus> {
        let kill = format!("kill -TERM {}", self.id());
        Run::of(Command::new("sh").args(["-c", &kill]))?.well()?;
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if start.elapsed() > patience {
                return Err(io::ErrorKind::TimedOut.into());
            }
            sleep(Duration::from_millis(10));
        }
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        // An error means it was gone before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a program that ran to its end printed, and whether it ended well.
#[derive(Clone, Debug)]
pub struct Run {
    /// Whether it ended with the exit code 0.
    pub ok: bool,
    /// The exit code, if it was not ended by a signal.
    pub code: Option<i32>,
    /// What it printed to standard output.
    pub stdout: String,
    /// What it printed to standard error.
    pub stderr: String,
}

impl Run {
    /// Runs a program to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn of(command: &mut Command) -> io::Result<Run> {
        let output = command.stdin(Stdio::null()).output().map_err(|error| {
            let name = command.get_program().to_string_lossy();
            io::Error::other(format!("could not run {name}: {error}"))
        })?;
        Ok(Run::from(output))
    }

    /// Itself when it ended well, an error with all it printed when not.
    ///
    /// # Errors
    /// When it did not end with the exit code 0.
    pub fn well(self) -> io::Result<Run> {
        if self.ok {
            return Ok(self);
        }
        Err(io::Error::other(format!("it failed: {self}")))
    }

    /// Whether either stream has this text.
    pub fn says(&self, text: &str) -> bool {
        self.stdout.contains(text) || self.stderr.contains(text)
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Run {
        Run {
            ok: output.status.success(),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (code, out, err) = (self.code, &self.stdout, &self.stderr);
        write!(f, "exit {code:?}\n--- stdout\n{out}\n--- stderr\n{err}")
    }
}

/// An address on the loopback where nothing listens now.
///
/// # Errors
/// When the system has no free port.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// The end of a text file, or why it cannot be read.
pub fn last_lines(path: &Path, count: usize) -> String {
    match std::fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(count)..].join("\n")
        }
        Err(error) => format!("(could not read {}: {error})", path.display()),
    }
}
