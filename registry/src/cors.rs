//! Cross-origin access, so that browsers can use the registry (the Fetch standard,
//! section "CORS protocol").

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{Method, StatusCode};

use crate::reply::Reply;
use crate::request::Ask;

/// What scripts on other origins may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// The origins admitted (`https://inspector.example`); `*` among them admits all.
    pub origins: Vec<String>,
    /// The request headers admitted besides the ones every request may carry.
    pub allow_headers: Vec<String>,
    /// The response headers scripts may read.
    pub expose_headers: Vec<String>,
    /// How long a browser may remember a preflight, in seconds.
    pub max_age: u64,
}

impl Default for Cors {
    /// Everything a registry client needs, from any origin.
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            origins: list(&["*"]),
            allow_headers: list(&[
                "Authorization",
                "Accept",
                "Content-Type",
                "Content-Range",
                "Range",
                "If-None-Match",
                "Cache-Control",
            ]),
            expose_headers: list(&[
                "Docker-Content-Digest",
                "Docker-Distribution-Api-Version",
                "Docker-Upload-Uuid",
                "Content-Range",
                "ETag",
                "Link",
                "Location",
                "OCI-Chunk-Min-Length",
                "OCI-Filters-Applied",
                "OCI-Subject",
                "OCI-Tag",
                "Range",
                "Retry-After",
                "Warning",
                "Www-Authenticate",
            ]),
            max_age: 600,
        }
    }
}

impl Cors {
    /// The answer to a preflight. It needs no authorization: browsers send none.
    pub(crate) fn preflight(&self, ask: &Ask) -> Option<Reply> {
        let is_preflight = ask.method == Method::OPTIONS
            && ask.headers.contains_key(ORIGIN)
            && ask.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        is_preflight.then(|| {
            Reply::new(StatusCode::NO_CONTENT)
                .header(
                    ACCESS_CONTROL_ALLOW_METHODS,
                    "GET, HEAD, POST, PUT, PATCH, DELETE",
                )
                .header(ACCESS_CONTROL_ALLOW_HEADERS, self.allow_headers.join(", "))
                .header(ACCESS_CONTROL_MAX_AGE, self.max_age.to_string())
        })
    }

    /// Marks an answer as readable to the asking origin, if it is admitted.
    pub(crate) fn mark(&self, ask: &Ask, reply: Reply) -> Reply {
        let Some(origin) = ask.header(ORIGIN) else {
            return reply;
        };
        let any = self.origins.iter().any(|admitted| admitted == "*");
        if !any && !self.origins.iter().any(|admitted| admitted == origin) {
            return reply;
        }
        let reply = if any {
            reply.header(ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        } else {
            reply
                .header(ACCESS_CONTROL_ALLOW_ORIGIN, origin)
                .header(VARY, "Origin")
        };
        reply.header(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            self.expose_headers.join(", "),
        )
    }
}
