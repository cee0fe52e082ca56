//! Why a browser refused a request, which it does not say, and what would help.
//!
//! ```text
//!  the same request, but redirects not followed ── led elsewhere ──▶ the storage is closed
//!        | refused again
//!  GET /v2/ without any header of ours ── readable ──▶ the preflight is refused, if there is one
//!        | refused
//!  GET /v2/ without reading the answer ── answered ──▶ the origin is not allowed
//!        | nothing
//!  there is no connection
//! ```
//!
//! All of it goes to the registry that was asked anyway.

use js_sys::Object;
use ocirepo::retry::Cause;
use ocirepo::session::Request;
use serde::Serialize;
use url::Url;
use wasm_bindgen::JsCast;

use crate::exchange::init;
use crate::failure::Failure;
use crate::js::{self, AbortController, Response};
use crate::wait::{First, first, sleep};

/// How long one of the questions may take, in milliseconds.
const PATIENCE: f64 = 10_000.0;

/// The headers of responses that the exchange can use.
const EXPOSED: &str = "WWW-Authenticate, Docker-Content-Digest, Content-Range, Link, Location, \
                       OCI-Subject, OCI-Filters-Applied, Retry-After, Warning";

/// The headers of requests that a browser asks about first.
const ALLOWED: &str = "Authorization, Accept, Range, Content-Type";

/// A request that was lost, as far as it matters for saying why.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    url: Url,
    method: String,
    headers: Vec<(String, String)>,
    cause: Cause,
    pub(crate) detail: String,
}

impl Lost {
    pub(crate) fn of(request: &Request) -> Self {
        let headers = request.headers.iter().map(|(name, value)| {
            let value = value.to_str().unwrap_or_default();
            (name.as_str().to_owned(), value.to_owned())
        });
        Self {
            url: request.url.clone(),
            method: request.method.to_string(),
            headers: headers.collect(),
            cause: Cause::Opaque,
            detail: String::new(),
        }
    }

    pub(crate) fn because(self, cause: Cause, detail: String) -> Self {
        Self {
            cause,
            detail,
            ..self
        }
    }

    /// Whether a browser sends it without asking first.
    fn method_is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "POST")
    }

    /// The headers that a browser asks about first. `Accept-Encoding` it sets as it likes.
    fn unsafe_headers(&self) -> Vec<&str> {
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        names
            .filter(|name| !matches!(*name, "accept" | "accept-encoding"))
            .collect()
    }
}

/// What to add to the configuration of a server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fix {
    distribution: String,
    zot: String,
    nginx: String,
}

impl Fix {
    /// For the page that this runs in.
    pub(crate) fn here() -> Self {
        Self::of(&js::page_origin().unwrap_or_else(|| "*".to_owned()))
    }

    fn of(origin: &str) -> Self {
        let list = |text: &str| format!("['{}']", text.replace(", ", "', '"));
        Self {
            distribution: format!(
                "http:\n  headers:\n    Access-Control-Allow-Origin: ['{origin}']\n    \
                 Access-Control-Allow-Methods: ['HEAD', 'GET', 'OPTIONS']\n    \
                 Access-Control-Allow-Headers: {}\n    \
                 Access-Control-Expose-Headers: {}",
                list(ALLOWED),
                list(EXPOSED),
            ),
            // It exposes nothing by itself, so what is hidden needs a proxy.
            zot: format!("\"http\": {{ \"allowOrigin\": \"{origin}\" }}"),
            nginx: format!(
                "add_header Access-Control-Allow-Origin \"{origin}\" always;\n\
                 add_header Access-Control-Allow-Methods \"HEAD, GET, OPTIONS\" always;\n\
                 add_header Access-Control-Allow-Headers \"{ALLOWED}\" always;\n\
                 add_header Access-Control-Expose-Headers \"{EXPOSED}\" always;\n\
                 if ($request_method = OPTIONS) {{ return 204; }}"
            ),
        }
    }
}

/// Finds out what it was, by asking the registry in ways that a browser tells apart.
pub(crate) async fn explain(error: ocirepo::Error, lost: Lost) -> Failure {
    let plain = Failure::from(error).detail(&lost.detail);
    let Some(origin) = js::page_origin() else {
        return plain;
    };
    if lost.cause != Cause::Opaque || lost.url.origin().ascii_serialization() == origin {
        return plain;
    }
    let host = authority(&lost.url);
    if origin.starts_with("https:") && lost.url.scheme() == "http" && !is_loopback(&lost.url) {
        return Failure::new(
            "network",
            format!("this page came over https, so the browser asks nothing of http://{host}"),
        )
        .hint("Serve the registry over https, or open it with `ocirepo inspect`.")
        .registry(&host);
    }
    let Ok(root) = lost.url.join("/v2/") else {
        return plain;
    };
    if let Some(response) =
        asked(&lost.url, &lost.method, &lost.headers, "redirect", "manual").await
    {
        return match response.kind() == "opaqueredirect" {
            true => storage(&host),
            // It went well this time: the connection was lost.
            false => plain.hint("Try again."),
        };
    }
    let failure = if asked(&root, "GET", &[], "redirect", "manual")
        .await
        .is_some()
    {
        if lost.method_is_safe() && lost.unsafe_headers().is_empty() {
            return plain.hint("Try again.");
        }
        preflight(&host, &origin, &lost)
    } else if asked(&root, "GET", &[], "mode", "no-cors").await.is_some() {
        closed(&host, &origin)
    } else {
        return Failure::new("network", format!("no connection to {host} comes about"))
            .hint(
                "Check the name, the network, and that the registry has a certificate that \
                 this browser accepts.",
            )
            .registry(&host);
    };
    failure.registry(&host)
}

fn closed(host: &str, origin: &str) -> Failure {
    let mut failure = Failure::new(
        "cors",
        format!(
            "{host} answers, but does not let pages from {origin} read the answer: it sends no \
             Access-Control-Allow-Origin for them"
        ),
    )
    .hint("Ask the registry's operator to allow this page, or open it with `ocirepo inspect`.");
    failure.fix = Some(Box::new(Fix::of(origin)));
    failure
}

fn preflight(host: &str, origin: &str, lost: &Lost) -> Failure {
    let unsafe_names = lost.unsafe_headers();
    let what = match unsafe_names.is_empty() {
        true => format!("the method {}", lost.method),
        false => format!("the header {}", unsafe_names.join(", ")),
    };
    let mut failure = Failure::new(
        "cors",
        format!(
            "{host} lets pages from {origin} read it, but the browser asked it first whether \
             {what} may be sent, and it did not agree"
        ),
    )
    .hint(
        "Ask the registry's operator to answer OPTIONS without a login, and to name it in \
         Access-Control-Allow-Headers; or open it with `ocirepo inspect`.",
    );
    failure.fix = Some(Box::new(Fix::of(origin)));
    failure
}

fn storage(host: &str) -> Failure {
    Failure::new(
        "cors",
        format!(
            "{host} sends the browser to its storage for this, and the storage does not let \
             this page read it"
        ),
    )
    .hint(
        "Ask the registry's operator to set CORS on the storage bucket, or to let the registry \
         pass the bytes on (distribution: `storage: redirect: disable: true`); or open it with \
         `ocirepo inspect`.",
    )
    .registry(host)
}

/// The response, if the browser let one through.
async fn asked(
    url: &Url,
    method: &str,
    headers: &[(String, String)],
    option: &str,
    value: &str,
) -> Option<Response> {
    let sent = Object::new();
    for (name, value) in headers {
        js::set(&sent, name, &value.into());
    }
    let controller = AbortController::new();
    let init = init(method, &sent, &controller.signal());
    js::set(&init, option, &value.into());
    let response = match first(js::fetch(url.as_str(), &init), sleep(PATIENCE)).await {
        First::One(response) => response.ok().map(JsCast::unchecked_into),
        First::Other(()) => None,
    };
    // Its body is of no interest.
    controller.abort();
    response
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_names_the_page_and_every_header() {
        let fix = Fix::of("https://page.example");
        for text in [&fix.distribution, &fix.nginx] {
            assert!(text.contains("https://page.example"), "{text}");
            for header in EXPOSED.split(", ").chain(ALLOWED.split(", ")) {
                assert!(text.contains(header), "{header} is not in {text}");
            }
        }
        assert!(
            fix.zot
                .contains("\"allowOrigin\": \"https://page.example\"")
        );
    }
}
