//! The commands, one file each.

pub(crate) mod blob;
pub(crate) mod completions;
pub(crate) mod copy;
pub(crate) mod createrepo;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod dnf;
pub(crate) mod doctor;
pub(crate) mod files;
pub(crate) mod get;
pub(crate) mod import;
pub(crate) mod info;
pub(crate) mod inspect;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod manifest;
pub(crate) mod prune;
pub(crate) mod push;
pub(crate) mod reference;
pub(crate) mod registry;
pub(crate) mod serve;
pub(crate) mod sign;
pub(crate) mod sync;
pub(crate) mod tags;
pub(crate) mod verify;

use std::future::Future;
use std::pin::{Pin, pin};

use tokio::runtime::Builder;

use crate::arguments::{Arguments, Command};
use crate::exit::Failure;
use crate::output::progress;

/// Runs one command to its end.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let global = arguments.global;
    if global.quiet || global.json {
        progress::silence();
    }
    match arguments.command {
        Command::Ls(command) => block_on(ls::run(command, &global)),
        Command::Info(command) => block_on(info::run(command, &global)),
        Command::Files(command) => block_on(files::run(command, &global)),
        Command::Get(command) => block_on(get::run(command, &global)),
        Command::Sync(command) => block_on(sync::run(command, &global)),
        Command::Import(command) => block_on(import::run(command, &global)),
        Command::Createrepo(command) => createrepo::run(&command, &global),
        Command::Push(command) => block_on(push::run(command, &global)),
        Command::Copy(command) => block_on(copy::run(command, &global)),
        Command::Diff(command) => block_on(diff::run(command, &global)),
        Command::Prune(command) => block_on(prune::run(command, &global)),
        Command::Sign(command) => block_on(sign::run(command, &global)),
        Command::Verify(command) => block_on(verify::run(command, &global)),
        Command::Tags(command) => block_on(tags::run(command, &global)),
        Command::Manifest(command) => block_on(manifest::run(command, &global)),
        Command::Blob(command) => block_on_one(blob::run(command, &global)),
        Command::Login(command) => block_on(login::run(command, &global)),
        Command::Dnf(command) => block_on(dnf::run(command, &global)),
        Command::Doctor(command) => block_on(doctor::run(command, &global)),
        Command::Logout(command) => block_on(logout::run(command, &global)),
        Command::Inspect(command) => block_on(inspect::run(command, &global)),
        Command::Serve(command) => block_on(serve::run(command, &global)),
        Command::Registry(command) => block_on(registry::run(command, &global)),
        Command::Demo(command) => block_on(demo::run(command, &global)),
        Command::Reference(command) => reference::run(&command, global.json),
        Command::Completions(command) => completions::run(&command),
        Command::Man(command) => man::run(&command),
    }
}

/// Runs a command that needs the network.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    block_on_runtime(Builder::new_multi_thread(), pin!(command))
}

/// Runs a command with one transfer, on one thread: a chunk is hashed where it was received, while
/// it is in the caches of that processor. Files are written on others in any case.
fn block_on_one(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    block_on_runtime(Builder::new_current_thread(), pin!(command))
}

/// tokio polls in several places, and would have a copy of every command in each if it were not
/// behind a pointer.
fn block_on_runtime(
    mut runtime: Builder,
    command: Pin<&mut dyn Future<Output = Result<(), Failure>>>,
) -> Result<(), Failure> {
    let runtime = runtime
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let result = runtime.block_on(command);
    // A name lookup or a read of a terminal may hang in a thread that nobody waits for.
    runtime.shutdown_background();
    result
}
