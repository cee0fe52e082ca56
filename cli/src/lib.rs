//! The `ocirepo` program as a library, so that its servers can be embedded.
//!
//! [`main`] is the whole program. [`registry_server`] puts the in-memory registry
//! behind HTTP.

mod arguments;
mod catalogue;
mod client;
mod clock;
mod command;
mod create;
mod demo;
mod download;
mod exit;
mod http_server;
mod import;
mod inspect;
mod output;
mod place;
mod publish;
mod publishing;
mod reading;
pub mod registry_server;
mod repo_file;
mod repository;
mod serve;
mod signing;
mod trust;

use std::process::ExitCode;

use clap::Parser;

/// Runs the program with the arguments of the process and says how it ended.
pub fn main() -> ExitCode {
    let arguments = match arguments::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version arrive here too; what cannot be printed has no reader.
            let _ = error.print();
            return if error.use_stderr() {
                exit::Exit::Usage.into()
            } else {
                exit::Exit::Success.into()
            };
        }
    };
    output::logging::start(&arguments.global);
    match command::run(arguments) {
        Ok(()) => exit::Exit::Success.into(),
        Err(failure) => {
            failure.report();
            failure.exit().into()
        }
    }
}
