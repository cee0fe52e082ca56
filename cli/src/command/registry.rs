//! `ocirepo registry`: the in-memory registry on a socket.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ocirepo_registry::{Auth, Config, Cors, Rights};
use serde_json::json;
use std::io::Write;

use crate::arguments::Global;
use crate::exit::Failure;
use crate::http_server::interrupted;
use crate::output::Out;
use crate::registry_server::{Options, RegistryServer};

/// Run an OCI registry for tests and small sites
///
/// Everything is held in memory, and kept in a directory with --data. It speaks plain
/// HTTP: put a TLS proxy in front where it leaves the machine.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// Where to listen; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5050")]
    listen: SocketAddr,
    /// Keep the content in this directory, as an OCI image layout
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Ask for credentials, by this scheme
    #[arg(long, value_name = "SCHEME", requires = "password")]
    auth: Option<Scheme>,
    /// The user name with --auth
    #[arg(long, value_name = "NAME", default_value = "ocirepo")]
    user: String,
    /// The password with --auth
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "OCIREPO_REGISTRY_PASSWORD",
        hide_env_values = true
    )]
    password: Option<String>,
    /// Let everybody read, with --auth
    #[arg(long, requires = "auth")]
    anonymous_pull: bool,
    /// Let scripts of every web page read and write (CORS)
    #[arg(long)]
    cors: bool,
    /// Refuse to delete
    #[arg(long)]
    no_delete: bool,
    /// Refuse manifests that name blobs or manifests that were not pushed
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scheme {
    /// User name and password with every request
    Basic,
    /// Tokens from the registry's own /token
    Bearer,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let options = Options {
        listen: command.listen,
        data: command.data.clone(),
        config: config(&command)?,
    };
    let stop = interrupted();
    let server = RegistryServer::start(options).await?;
    let address = server.address();
    let mut out = Out::new();
    if global.json {
        out.json(&json!({ "listening": format!("http://{address}") }))?;
    } else {
        out.line(format!("registry listening on http://{address}"))?;
        out.line(format!("  a repository there: oci://{address}/NAME:TAG"))?;
    }
    out.flush()?;
    drop(out);
    stop.await;
    server.stop().await;
    Ok(())
}

fn config(command: &Command) -> Result<Config, Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| Failure::failed(format!("the system gives no random bytes: {error}")))?;
    let password = command.password.as_deref().unwrap_or_default();
    let auth = command.auth.map(|scheme| Auth {
        anonymous: if command.anonymous_pull {
            Rights::Pull
        } else {
            Rights::None
        },
        ..match scheme {
            Scheme::Basic => Auth::basic(&command.user, password),
            Scheme::Bearer => Auth::bearer(&command.user, password),
        }
    });
    Ok(Config {
        auth,
        cors: command.cors.then(Cors::default),
        delete: !command.no_delete,
        sparse: !command.strict,
        // Nobody reads the log of this process.
        log_limit: 0,
        seed,
        ..Config::default()
    })
}
