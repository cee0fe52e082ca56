//! `ocirepo completions`: scripts that complete arguments in a shell.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::exit::Failure;
use crate::output::Out;

/// Print the completion script of a shell
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        command.shell,
        &mut Arguments::command(),
        "ocirepo",
        &mut script,
    );
    let mut out = Out::new();
    out.write_all(&script)?;
    out.flush()?;
    Ok(())
}
