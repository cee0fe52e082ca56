//! `ocirepo serve`: the bridge for dnf, yum, zypper and everything that speaks HTTP.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use ocirepo_native::ClientBuilder;
use ocirepo_native::credentials::CredentialStore;
use ocirepo_native::environment::Environment;
use ocirepo_rpm::signature::Keyring;
use serde_json::json;

use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::http_server::interrupted;
use crate::output::Out;
use crate::serve::{self, Options};

/// Serve repositories to dnf, yum and zypper as they are
///
/// The base URL of a repository is http://127.0.0.1:7413/REGISTRY[:PORT]/NAME:TAG/ (or
/// NAME@DIGEST). Only what is named here is reached. What stored credentials unlock is
/// given to clients that present the secret, which is kept in the state directory, as
/// their password.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// Repositories to serve, at all their tags
    repositories: Vec<String>,
    /// Serve every repository below this prefix
    #[arg(long, value_name = "REGISTRY[/PREFIX]")]
    allow: Vec<String>,
    /// Where to listen; an address that is not loopback lets other machines in
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7413")]
    listen: SocketAddr,
    /// A name that clients reach it by, besides addresses and localhost
    #[arg(long, value_name = "HOST")]
    name: Vec<String>,
    /// Serve only snapshots that are signed with a key of this file
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Directory for the secret and for what was served [default: $XDG_STATE_HOME/ocirepo/serve]
    #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY")]
    state_dir: Option<PathBuf>,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let stop = interrupted();
    let mut repositories = Vec::new();
    for text in &command.repositories {
        repositories.push(client::reference(text)?.repository().clone());
    }
    let state = command.state_dir.or_else(|| {
        let home = Environment::of_process().state_home()?;
        Some(home.join("ocirepo/serve"))
    });
    let guarded = |builder: ClientBuilder| builder.cache().guard_local_network().build();
    let trusted = guarded(client::builder(global)?)?;
    let anonymous = guarded(client::builder(global)?.credential_store(nobody()))?;
    let server = serve::start(Options {
        listen: command.listen,
        repositories,
        allow: command.allow,
        names: command.name,
        state,
        keys: keyring(&command.key)?,
        anonymous,
        trusted,
    })
    .await?;
    let address = server.local();
    let mut out = Out::new();
    if global.json {
        out.json(&json!({ "listening": format!("http://{address}") }))?;
    } else {
        out.line(format!("serving on http://{address}"))?;
        for text in &command.repositories {
            let reference = client::reference(text)?;
            let tag = reference.selector();
            let joint = if reference.digest().is_some() {
                '@'
            } else {
                ':'
            };
            let repository = reference.repository();
            out.line(format!(
                "  baseurl=http://{address}/{repository}{joint}{tag}/"
            ))?;
        }
    }
    out.flush()?;
    drop(out);
    stop.await;
    server.stop().await;
    Ok(())
}

/// A store without credentials.
pub(crate) fn nobody() -> CredentialStore {
    CredentialStore::with_file(Environment::empty(PathBuf::new()), PathBuf::new())
}

/// The keys in some files; `None` without files.
pub(crate) fn keyring(paths: &[PathBuf]) -> Result<Option<Keyring>, Failure> {
    let mut all: Option<Keyring> = None;
    for path in paths {
        let text = client::read(path)?;
        let keys = Keyring::parse(&text)
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
        match &mut all {
            Some(all) => all.extend(keys),
            None => all = Some(keys),
        }
    }
    Ok(all)
}
