//! The inspector: a page that shows what is in registries, and a gateway on the page's own origin
//! to the registries that were named, so that those without CORS can be looked into.
//!
//! Everything is below a path that nobody can guess and that is new in every run: other users of
//! the machine and other pages do not know it. `docs/security.md` has the rules.

mod assets;
mod door;
mod gateway;
mod headers;
mod target;

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;

use http::header::{ALLOW, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use ocirepo_native::Client;
use ocirepo_native::environment::Environment;
use serde_json::json;
use tokio::net::TcpListener;

pub(crate) use self::assets::Assets;
use self::door::{Door, Place};
use self::gateway::Gateway;
use crate::exit::Failure;
use crate::http_server::{Body, Server, Service, full};
use crate::serve::allow::AllowList;
use crate::serve::state::random;

/// How an inspector is set up.
pub(crate) struct Options {
    /// The page.
    pub(crate) assets: Assets,
    /// What is opened first, as `oci://…`.
    pub(crate) open: Option<String>,
    /// What may be reached.
    pub(crate) allow: AllowList,
    /// Reaches it.
    pub(crate) client: Client,
    /// Whether the user's stored credentials are used for those who have the address.
    pub(crate) credentials: bool,
    /// Names it goes by, besides addresses and localhost.
    pub(crate) names: Vec<String>,
}

/// A running inspector. Dropping it stops it at once.
pub(crate) struct Running {
    server: Server,
    inspector: Arc<Inspector>,
}

/// Starts an inspector that answers at this socket.
pub(crate) fn start(options: Options, listener: TcpListener) -> Result<Running, Failure> {
    let door = Door::new(&options.names, random()?, random()?);
    let about = json!({
        "gateway": format!("{}gateway/", door.home()),
        "open": options.open,
        "registries": options.allow.lines().collect::<Vec<_>>(),
        "credentials": options.credentials,
    });
    let inspector = Arc::new(Inspector {
        assets: options.assets.describing(&about)?,
        door,
        gateway: Gateway::new(options.allow, options.client, options.credentials),
    });
    Ok(Running {
        server: Server::start(listener, inspector.clone())?,
        inspector,
    })
}

impl Running {
    /// The address of the page. Who knows it may look into what was named.
    pub(crate) fn url(&self) -> String {
        self.at(&self.inspector.door.home())
    }

    /// Shows the page in a browser, where there is a screen. Command lines are seen by every
    /// user of a machine: the address in this one leads to the page once.
    pub(crate) fn show(&self) {
        let environment = Environment::of_process();
        let screen = ["DISPLAY", "WAYLAND_DISPLAY"];
        if !screen.iter().any(|name| environment.var(name).is_some()) {
            return;
        }
        let Some(program) = environment.program("xdg-open") else {
            return;
        };
        let mut command = std::process::Command::new(program);
        command
            .arg(self.at(&self.inspector.door.ticket()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        match command.spawn() {
            Ok(mut child) => {
                std::thread::spawn(move || child.wait());
            }
            Err(error) => tracing::warn!("cannot open a browser: {error}"),
        }
    }

    /// The address listened on.
    pub(crate) fn local(&self) -> SocketAddr {
        self.server.local()
    }

    /// The path of the page.
    pub(crate) fn home(&self) -> String {
        self.inspector.door.home()
    }

    /// Stops accepting, lets open responses finish for a few seconds, then closes.
    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.local())
    }
}

struct Inspector {
    door: Door,
    assets: Assets,
    gateway: Gateway,
}

impl Service for Inspector {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> io::Result<Response<Body>> {
        let (head, body) = request.into_parts();
        let mut response = match self.door.admit(&head) {
            Ok(Place::Gateway(path)) => {
                let mut response = self.gateway.answer(&path, &head, body).await;
                headers::for_content(response.headers_mut());
                return Ok(response);
            }
            Ok(_) if !matches!(head.method, Method::GET | Method::HEAD) => {
                let mut response = say(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
                let allowed = HeaderValue::from_static("GET, HEAD");
                response.headers_mut().insert(ALLOW, allowed);
                response
            }
            Ok(Place::Home) => {
                let mut response = say(StatusCode::SEE_OTHER, "");
                if let Ok(home) = HeaderValue::try_from(self.door.home()) {
                    response.headers_mut().insert(LOCATION, home);
                }
                response
            }
            Ok(Place::Asset(path)) => match self.assets.get(&path, &head.headers)? {
                Some(asset) => asset,
                None => say(StatusCode::NOT_FOUND, "there is no such file"),
            },
            Err(refusal) => {
                tracing::warn!(%peer, ?refusal, "turned away");
                say(refusal.status(), refusal)
            }
        };
        headers::for_page(response.headers_mut());
        Ok(response)
    }
}

fn say(status: StatusCode, text: impl std::fmt::Display) -> Response<Body> {
    let mut response = Response::new(full(format!("{text}\n")));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    let name = http::header::CONTENT_TYPE;
    response.headers_mut().insert(name, plain);
    response
}
