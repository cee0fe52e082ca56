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
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use zeroize::Zeroizing;

use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::http_server::interrupted;
use crate::output::Out;
use crate::serve::handed::Handed;
use crate::serve::{self, Named, Options};

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
    /// For programs: serve what one line of JSON on standard input names, until that ends
    #[arg(long, conflicts_with_all = ["repositories", "allow", "listen", "name", "state_dir"])]
    handed_over: bool,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    if command.handed_over {
        return handed_over(&command, global).await;
    }
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
    let named = Named {
        repositories: &repositories,
        prefixes: &command.allow,
    };
    let options = Options {
        names: command.name,
        keys: keyring(&command.key)?,
        doors: serve::doors(&named, state.as_deref(), anonymous, trusted)?,
        state,
    };
    let server = serve::start(options, serve::listen(command.listen).await?)?;
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

/// The most that may be handed over, in bytes: credentials and certificates are small.
const MOST_HANDED: u64 = 16 << 20;

/// Serves one client for as long as it is there.
async fn handed_over(command: &Command, global: &Global) -> Result<(), Failure> {
    let stop = interrupted();
    let mut input = BufReader::new(tokio::io::stdin());
    let mut line = Zeroizing::new(Vec::new());
    (&mut input)
        .take(MOST_HANDED)
        .read_until(b'\n', &mut line)
        .await?;
    let handed = Handed::parse(&line)?;
    drop(line);
    // What is fetched for one run is of no use after it, unless somebody keeps it.
    let (_own, cache) = match &handed.cache_dir {
        Some(directory) => (None, directory.clone()),
        None => {
            let own = tempfile::Builder::new().prefix("ocirepo-").tempdir()?;
            let path = own.path().to_owned();
            (Some(own), path)
        }
    };
    let (doors, repositories) = handed.doors(&cache, global)?;
    drop(handed);
    let mut answer = json!({ "repositories": repositories });
    let server = if doors.is_empty() {
        None
    } else {
        let options = Options {
            names: Vec::new(),
            state: None,
            keys: keyring(&command.key)?,
            doors,
        };
        let server = serve::start(options, serve::listen(([127, 0, 0, 1], 0).into()).await?)?;
        answer["listening"] = json!(format!("http://{}", server.local()));
        Some(server)
    };
    let mut out = Out::new();
    out.json(&answer)?;
    out.flush()?;
    drop(out);
    let mut nowhere = tokio::io::sink();
    let gone = tokio::io::copy(&mut input, &mut nowhere);
    tokio::select! {
        () = stop => {}
        // Whether it ends or breaks: nobody is there any more.
        _ = gone => {}
    }
    if let Some(server) = server {
        server.stop().await;
    }
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
