//! `ocirepo inspect`: the inspector page, with a gateway to registries.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use ocirepo::reference::{Location, Reference};
use serde_json::json;
use tokio::net::TcpListener;

use crate::arguments::Global;
use crate::client;
use crate::command::serve::nobody;
use crate::exit::Failure;
use crate::http_server::interrupted;
use crate::inspect::{self, Assets, Options, Running};
use crate::output::Out;
use crate::serve::allow::AllowList;
use crate::serve::socket;

/// Where it listens unless that is taken.
const PORT: u16 = 7414;

/// Look into repositories with a browser
///
/// Serves the inspector page on this machine, with a gateway to the registries that are named,
/// so that those that let no page read them can be looked into, too. Only who knows the address
/// gets in; it is another in every run.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The repository to open
    #[arg(value_name = "REPO")]
    repository: Option<String>,
    /// Let the page reach this registry, or what is below this prefix, too
    #[arg(long, value_name = "REGISTRY[/PREFIX]")]
    allow: Vec<String>,
    /// Use the stored credentials for whoever has the address; without, the page asks for some
    #[arg(long)]
    with_credentials: bool,
    /// Do not open a browser
    #[arg(long)]
    no_open: bool,
    /// Where to listen; an address that is not loopback lets other machines in [default:
    /// 127.0.0.1:7414, or any free port]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// A name that browsers reach it by, besides addresses and localhost
    #[arg(long, value_name = "HOST")]
    name: Vec<String>,
    /// Serve the page from this directory
    #[arg(long, value_name = "DIR")]
    assets: Option<PathBuf>,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let assets = match &command.assets {
        Some(directory) => Assets::read(directory)?,
        None => Assets::embedded().ok_or_else(|| {
            Failure::usage(
                "this program was built without the page; released packages have it, and so has \
                 what `cargo xtask inspector` builds into target/inspector, for --assets DIR",
            )
        })?,
    };
    let mut allow = AllowList::default();
    let open = command.repository.as_deref().map(client::reference);
    let open: Option<Reference> = open.transpose()?;
    if let Some(reference) = &open {
        allow.below(reference.repository());
    }
    for prefix in &command.allow {
        allow.prefix(prefix)?;
    }
    let mut builder = client::builder(global)?;
    if !command.with_credentials {
        builder = builder.credential_store(nobody());
    }
    let options = Options {
        assets,
        open: open.map(|reference| Location::from(reference).to_string()),
        allow,
        client: builder.guard_local_network().build()?,
        credentials: command.with_credentials,
        names: command.name.clone(),
    };
    let stop = interrupted();
    let running = inspect::start(options, listener(command.listen).await?)?;
    announce(&running, global.json)?;
    if !command.no_open {
        running.show();
    }
    stop.await;
    running.stop().await;
    Ok(())
}

/// Always the same port if it is free, so that the page finds what it kept in the browser.
async fn listener(address: Option<SocketAddr>) -> Result<TcpListener, Failure> {
    if let Some(address) = address {
        return socket::listen(address).await;
    }
    match socket::listen((Ipv4Addr::LOCALHOST, PORT).into()).await {
        Ok(listener) => Ok(listener),
        Err(_) => socket::listen((Ipv4Addr::LOCALHOST, 0).into()).await,
    }
}

fn announce(running: &Running, json: bool) -> Result<(), Failure> {
    let mut out = Out::new();
    if json {
        out.json(&json!({ "listening": running.url() }))?;
    } else {
        out.line(format!("inspector at {}", running.url()))?;
        out.line("  Keep the address to yourself: it lets in whoever has it. Ctrl-C ends it.")?;
    }
    out.flush()?;
    Ok(())
}
