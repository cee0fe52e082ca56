//! `ocirepo serve`: the bridge for dnf, yum, zypper and everything that speaks HTTP.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use ocirepo::reference::Reference;
use ocirepo_native::credentials::CredentialStore;
use ocirepo_native::environment::Environment;
use ocirepo_native::{ClientBuilder, WorkDir};
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
use crate::serve::settings::Settings;
use crate::serve::{self, AccessLog, Door, Named, Options, Running, socket};
use crate::trust::Trust;

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
    #[command(flatten)]
    trust: Trust,
    /// Directory for the secret and for what was served [default: $XDG_STATE_HOME/ocirepo/serve]
    #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY")]
    state_dir: Option<PathBuf>,
    /// Serve what this *.toml file names, too, or those of a directory; read anew on SIGHUP
    #[arg(long, value_name = "PATH")]
    settings: Vec<PathBuf>,
    /// Write a line of JSON for every request to this file, or - for standard output
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
    /// End when nobody was connected for so long
    #[arg(long, value_name = "SECONDS")]
    idle_exit: Option<u64>,
    /// For programs: serve what one line of JSON on standard input names, until that ends
    #[arg(long, conflicts_with_all = ["repositories", "allow", "listen", "name", "state_dir", "settings", "access_log", "idle_exit"])]
    handed_over: bool,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    if command.handed_over {
        return handed_over(&command, global).await;
    }
    let state = command.state_dir.clone().or_else(|| {
        let home = Environment::of_process().state_home()?;
        Some(home.join("ocirepo/serve"))
    });
    let service = Service::load(&command, state.as_deref(), global)?;
    let log = command.access_log.as_deref().map(AccessLog::open);
    let log = log.transpose()?.map(Arc::new);
    let options = Options {
        names: service.names,
        trust: command.trust.options()?,
        doors: service.doors,
        access_log: log.clone(),
        state: state.clone(),
    };
    let socket = match socket::inherited()? {
        Some(socket) => socket,
        None => socket::listen(command.listen).await?,
    };
    let server = serve::start(options, socket)?;
    announce(&server, &service.repositories, global.json)?;
    until_stopped(&server, &command, state.as_deref(), log.as_deref(), global).await?;
    server.stop().await;
    Ok(())
}

/// Serves until somebody ends it or nobody needs it, and reads the configuration anew when
/// asked to.
async fn until_stopped(
    server: &Running,
    command: &Command,
    state: Option<&Path>,
    log: Option<&AccessLog>,
    global: &Global,
) -> Result<(), Failure> {
    let mut stop = pin!(interrupted());
    let mut hangups = Hangups::listen()?;
    let idle = async {
        match command.idle_exit {
            Some(seconds) => server.idle(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let mut idle = pin!(idle);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            () = &mut idle => {
                tracing::info!("nobody is there");
                return Ok(());
            }
            () = hangups.next() => {}
        }
        if let Some(log) = log {
            log.reopen()?;
        }
        match Service::load(command, state, global) {
            Ok(service) => {
                server.replace(&service.names, service.doors);
                tracing::info!("read the configuration anew");
            }
            // Better what was right before than nothing.
            Err(failure) => tracing::error!("the configuration stays as it was: {failure}"),
        }
    }
}

/// What the command line and the settings say, put together.
struct Service {
    repositories: Vec<Reference>,
    names: Vec<String>,
    doors: Vec<Door>,
}

impl Service {
    fn load(command: &Command, state: Option<&Path>, global: &Global) -> Result<Self, Failure> {
        let credentials = Environment::of_process().path("CREDENTIALS_DIRECTORY");
        let mut settings = Settings::load(&command.settings, credentials.as_deref())?;
        settings.repositories.extend(command.repositories.clone());
        settings.allow.extend(command.allow.clone());
        settings.names.extend(command.name.clone());
        let mut references = Vec::new();
        for text in &settings.repositories {
            references.push(client::reference(text)?);
        }
        let repositories: Vec<_> = references
            .iter()
            .map(|reference| reference.repository().clone())
            .collect();
        let named = Named {
            repositories: &repositories,
            prefixes: &settings.allow,
        };
        let guarded = |builder: ClientBuilder| builder.cache().guard_local_network().build();
        let trusted = settings.log_in(client::builder(global)?, false);
        let anonymous = client::builder(global)?.credential_store(nobody());
        let anonymous = guarded(settings.log_in(anonymous, true))?;
        Ok(Self {
            doors: serve::doors(&named, state, anonymous, guarded(trusted)?)?,
            names: settings.names,
            repositories: references,
        })
    }
}

/// Tells where it listens, and the base URLs of what was named.
fn announce(server: &Running, repositories: &[Reference], json: bool) -> Result<(), Failure> {
    let address = server.local();
    let mut out = Out::new();
    if json {
        out.json(&json!({ "listening": format!("http://{address}") }))?;
    } else {
        out.line(format!("serving on http://{address}"))?;
        for reference in repositories {
            let base = serve::base(&address.to_string(), reference);
            out.line(format!("  baseurl={base}"))?;
        }
    }
    out.flush()?;
    Ok(())
}

/// SIGHUP, which asks for the configuration to be read anew.
struct Hangups {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Hangups {
    fn listen() -> Result<Self, Failure> {
        Ok(Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if self.signal.recv().await.is_some() {
            return;
        }
        std::future::pending::<()>().await;
    }
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
            let own = WorkDir::new()?;
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
            access_log: None,
            trust: command.trust.options()?,
            doors,
        };
        let server = serve::start(options, socket::listen(([127, 0, 0, 1], 0).into()).await?)?;
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
