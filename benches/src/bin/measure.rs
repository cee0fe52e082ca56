//! Runs a program and writes what it cost: `measure FILE PROGRAM ARGUMENTS…`.
//!
//! The file gets one line: wall time, user time and system time in microseconds, and the most
//! memory in bytes, all of them the kernel's own figures for the program and the children it
//! waited for. It is a program of its own because the kernel counts the memory of whoever
//! started a program as that program's, until it runs: this one has little.

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::time::Instant;

use wait4::Wait4 as _;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(file), Some(program)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: measure FILE PROGRAM ARGUMENTS...");
        return ExitCode::from(2);
    };
    let arguments: Vec<OsString> = arguments.collect();
    let start = Instant::now();
    let ended = Command::new(&program)
        .args(arguments)
        .spawn()
        .and_then(|mut child| child.wait4());
    let wall = start.elapsed().as_micros();
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => {
            eprintln!("cannot run {}: {error}", program.display());
            return ExitCode::from(127);
        }
    };
    let used = ended.rusage;
    let line = format!(
        "{wall} {} {} {}\n",
        used.utime.as_micros(),
        used.stime.as_micros(),
        used.maxrss
    );
    if let Err(error) = std::fs::write(&file, line) {
        eprintln!("cannot write {}: {error}", file.display());
        return ExitCode::from(127);
    }
    match ended.status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    }
}
