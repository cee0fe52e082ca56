//! A program watched while it runs.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::process::{Run, peak_memory};

/// How often it is looked at.
const PERIOD: Duration = Duration::from_millis(5);

/// How long anything here may take.
const LIMIT: Duration = Duration::from_secs(300);

/// A running program, killed on drop.
#[derive(Debug)]
pub struct Watched {
    child: Option<Child>,
    id: u32,
    peak: u64,
}

impl Watched {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> io::Result<Watched> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Watched {
            id: child.id(),
            child: Some(child),
            peak: 0,
        })
    }

    /// Waits until something holds, while it runs.
    ///
    /// # Errors
    /// When the program ends before, with all it printed, or it takes too long.
    pub fn until(&mut self, mut holds: impl FnMut() -> bool) -> io::Result<()> {
        let start = Instant::now();
        while !holds() {
            if self.ended()? {
                let run = self.collect()?;
                return Err(io::Error::other(format!("it ended too early: {run}")));
            }
            self.look(start)?;
        }
        Ok(())
    }

    /// Waits until it ends, and returns what it printed and the most memory it had, in bytes.
    ///
    /// # Errors
    /// When it takes too long.
    pub fn finish(mut self) -> io::Result<(Run, u64)> {
        let start = Instant::now();
        while !self.ended()? {
            self.look(start)?;
        }
        Ok((self.collect()?, self.peak))
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(mut self) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    fn look(&mut self, start: Instant) -> io::Result<()> {
        // The kernel's own high-water mark; a look missed only what came after it.
        self.peak = peak_memory(self.id).unwrap_or(0).max(self.peak);
        sleep(PERIOD);
        if start.elapsed() > LIMIT {
            return Err(io::Error::other("it took too long"));
        }
        Ok(())
    }

    fn ended(&mut self) -> io::Result<bool> {
        match &mut self.child {
            Some(child) => Ok(child.try_wait()?.is_some()),
            None => Ok(true),
        }
    }

    fn collect(&mut self) -> io::Result<Run> {
        let child = self.child.take().ok_or(io::ErrorKind::NotFound)?;
        child.wait_with_output().map(Run::from)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error means it was gone before.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Fills a file with bytes that no file system or registry can make fewer.
///
/// # Errors
/// When the file cannot be written.
pub fn write_noise(path: &Path, size: u64) -> io::Result<()> {
    let mut noise = File::open("/dev/urandom")?.take(size);
    io::copy(&mut noise, &mut File::create(path)?).map(|_| ())
}

/// The size of the largest file in a directory and below, in bytes: of a partial download,
/// whatever it is called.
pub fn largest_file(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => largest_file(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .max()
        .unwrap_or(0)
}
