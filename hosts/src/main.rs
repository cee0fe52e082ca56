//! Plays the scenarios of `tests/hosts/` through every host, and compares.
//!
//! ```text
//! ocirepo-hosts [--only TEXT] [--show] [--table FILE] DIRECTORY [NAME=PROGRAM …]
//! ```
//!
//! The simulator plays in any case. A `+` before a name lets one process play all
//! scenarios. `--show` prints what the simulator saw, for whoever writes a scenario.
//! `--table` compares the table in a document with what passed.

mod suite;

use std::path::PathBuf;
use std::process::ExitCode;

use suite::program::Host;

fn main() -> ExitCode {
    let mut options = suite::Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--show" {
            options.show = true;
        } else if argument == "--only" {
            options.only = arguments.next().unwrap_or_default();
        } else if argument == "--table" {
            options.table = arguments.next().map(PathBuf::from);
        } else if let Some(host) = Host::parse(&argument) {
            options.hosts.push(host);
        } else {
            options.directory = PathBuf::from(argument);
        }
    }
    match suite::run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
