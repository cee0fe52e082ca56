//! `ocirepo man`: manual pages, one for the program and one for each command.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::arguments::Arguments;
use crate::exit::Failure;

/// Write the manual pages into a directory
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The directory; made when it is not there
    directory: PathBuf,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    let directory = &command.directory;
    let failed = |error| {
        Failure::failed(format!(
            "cannot write manual pages to {}: {error}",
            directory.display()
        ))
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(Arguments::command(), directory).map_err(failed)
}
