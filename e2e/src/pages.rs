//! What pages in a browser read: registries that let them, and the browser itself.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::nginx::Nginx;
use crate::process::{Run, free_address};
use crate::registry::{Access, DockerRegistry};
use crate::scratch::Scratch;
use crate::tokens::TokenServer;

/// The header fields that a page must see.
pub const EXPOSED: &[&str] = &[
    "Docker-Content-Digest",
    "Link",
    "Content-Range",
    "WWW-Authenticate",
    "Retry-After",
];

/// docker-registry behind nginx, which lets pages read it and its token server.
#[derive(Debug)]
pub struct Fronted {
    /// What browsers talk to.
    pub nginx: Nginx,
    /// What is behind it. Publishers may talk to it as well.
    pub registry: DockerRegistry,
    _directory: Scratch,
}

impl Fronted {
    /// Starts all three, with tokens for the lab's user; pages see these header fields.
    ///
    /// # Errors
    /// When something does not start.
    pub fn start(exposed: &[&str]) -> io::Result<Fronted> {
        let directory = Scratch::new("pages")?;
        let tokens = TokenServer::start(directory.path())?;
        let address = free_address()?;
        let realm = format!("http://{address}/token");
        let access = match tokens.access() {
            Access::Bearer { certificate, .. } => Access::Bearer { realm, certificate },
            other => other,
        };
        let registry = DockerRegistry::start(&access)?;
        let mut server = String::new();
        for (place, upstream) in [
            ("/v2/", registry.url()),
            ("/token", tokens.realm().replace("/token", "")),
        ] {
            let exposed = exposed.join(", ");
            let _ = write!(
                server,
                "location {place} {{\n\
                 if ($request_method = OPTIONS) {{\n\
                 add_header Access-Control-Allow-Origin *;\n\
                 add_header Access-Control-Allow-Methods 'GET, HEAD, POST';\n\
                 add_header Access-Control-Allow-Headers \
                 'Authorization, Accept, Range, If-Range, Content-Type';\n\
                 return 204;\n}}\n\
                 add_header Access-Control-Allow-Origin * always;\n\
                 add_header Access-Control-Expose-Headers '{exposed}' always;\n\
                 proxy_pass {upstream}; proxy_http_version 1.1;\n\
                 proxy_set_header Host $http_host; client_max_body_size 0;\n}}\n"
            );
        }
        Ok(Fronted {
            nginx: Nginx::at(address, "", &server)?,
            registry,
            _directory: directory,
        })
    }
}

/// The built inspector page.
///
/// # Panics
/// When `OCIREPO_INSPECTOR` does not name it: `cargo xtask e2e` does.
pub fn page() -> PathBuf {
    let page = std::env::var_os("OCIREPO_INSPECTOR");
    page.map(PathBuf::from)
        .expect("OCIREPO_INSPECTOR names the page; run these tests with `cargo xtask e2e`")
}

/// Plays one of `inspector/scenarios.mjs` in Chromium, which is told this of the world.
///
/// # Errors
/// When what it checks is not so; with all it printed.
pub fn play(scenario: &str, world: &Value) -> io::Result<()> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("inspector");
    let node = std::env::var_os("OCIREPO_LAB_NODE").unwrap_or_else(|| "node".into());
    let home = Scratch::new("browser")?;
    let mut command = Command::new(node);
    command
        .arg(scripts.join("run.mjs"))
        .arg(scenario)
        .env("INSPECTOR_WORLD", world.to_string())
        // What Chromium keeps goes with it.
        .env("HOME", home.path())
        .env("TMPDIR", home.path());
    Run::of(&mut command)?.well().map(|_| ())
}
