//! The command line: global options and the table of commands.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::command;
use crate::exit;
use crate::output::style::Color;

/// RPM repositories in OCI registries: publish, read, mirror and serve them
///
/// A repository is written `oci://HOST[:PORT]/NAME[:TAG|@DIGEST]`; oci+http:// is the same
/// over plain HTTP, and registries on loopback are reached over HTTP anyway.
#[derive(Debug, Parser)]
#[command(name = "ocirepo", version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options every command takes, before or after its name.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Print JSON for programs, one value a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print errors only; no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print what is done; twice for every exchange, three times for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: Color,
    /// Configuration file
    #[arg(long, global = true, value_name = "FILE", env = "OCIREPO_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Directory of the content cache
    #[arg(long, global = true, value_name = "DIR", env = "OCIREPO_CACHE_DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// File with registry credentials, as Docker and podman write it
    #[arg(long, global = true, value_name = "FILE", env = "REGISTRY_AUTH_FILE")]
    pub(crate) authfile: Option<PathBuf>,
    /// Trust the certificates in this PEM file, besides the system's
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) tls_ca: Vec<PathBuf>,
    /// Client certificate, in PEM
    #[arg(long, global = true, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Key of the client certificate, in PEM
    #[arg(long, global = true, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Give up on a connection or a silent transfer after this many seconds
    #[arg(long, global = true, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
    /// Requests to one registry at a time
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) parallel: Option<u16>,
    /// Bandwidth limit, in KiB a second
    #[arg(long, global = true, value_name = "KIB", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit_rate: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Ls(command::ls::Command),
    Info(command::info::Command),
    Files(command::files::Command),
    Get(command::get::Command),
    Sync(command::sync::Command),
    Push(command::push::Command),
    Createrepo(command::createrepo::Command),
    Sign(command::sign::Command),
    Verify(command::verify::Command),
    Import(command::import::Command),
    Copy(command::copy::Command),
    Diff(command::diff::Command),
    Prune(command::prune::Command),
    Tags(command::tags::Command),
    Manifest(command::manifest::Command),
    Blob(command::blob::Command),
    Login(command::login::Command),
    Logout(command::logout::Command),
    Doctor(command::doctor::Command),
    Inspect(command::inspect::Command),
    Serve(command::serve::Command),
    Dnf(command::dnf::Command),
    Registry(command::registry::Command),
    Demo(command::demo::Command),
    Reference(command::reference::Command),
    Completions(command::completions::Command),
    Man(command::man::Command),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn global_options_may_follow_the_command() {
        let arguments = Arguments::try_parse_from(["ocirepo", "reference", "a", "--json", "-vv"]);
        let global = arguments.unwrap().global;
        assert!(global.json);
        assert_eq!(global.verbose, 2);
    }
}
