//! Who may ask the inspector for what: the name and origin of a request, and the secret in its
//! path.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{HOST, ORIGIN};
use http::request::Parts;

use crate::serve::guard::{Secret, knows_host};

/// How long an address that leads to the page once is good for.
const TICKET_LIFE: Duration = Duration::from_secs(60);

pub(super) struct Door {
    /// Names the inspector goes by, in lower case.
    names: Vec<String>,
    home: String,
    secret: Secret,
    ticket: String,
    /// Until when the ticket is good, until it was used.
    unused: Mutex<Option<(Secret, Instant)>>,
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On to the page.
    Home,
    /// To a file of the page.
    Asset(String),
    /// To a registry: `HOST[:PORT]/PATH`.
    Gateway(String),
}

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A name that is not ours, as in DNS rebinding.
    Host,
    /// Another page asks, or something that is not the page's script.
    Origin,
    /// The secret is missing or wrong.
    Secret,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::Secret => StatusCode::NOT_FOUND,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => {
                "this inspector does not go by that name; see --name of `ocirepo inspect`"
            }
            Self::Origin => "only the page itself may ask for this",
            Self::Secret => "open the address that `ocirepo inspect` printed",
        })
    }
}

impl Door {
    pub(super) fn new(names: &[String], secret: String, ticket: String) -> Self {
        Self {
            names: names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            home: format!("/{secret}/"),
            secret: Secret::new(secret),
            unused: Mutex::new(Some((
                Secret::new(ticket.clone()),
                Instant::now() + TICKET_LIFE,
            ))),
            ticket: format!("/open/{ticket}"),
        }
    }

    /// The path of the page.
    pub(super) fn home(&self) -> String {
        self.home.clone()
    }

    /// A path that leads to the page once.
    pub(super) fn ticket(&self) -> String {
        self.ticket.clone()
    }

    /// Where a request goes, or why it is turned away.
    pub(super) fn admit(&self, request: &Parts) -> Result<Place, Refusal> {
        if !knows_host(&self.names, request) {
            return Err(Refusal::Host);
        }
        let path = request.uri.path().trim_start_matches('/');
        let (first, rest) = match path.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        if first == "open" {
            return self.use_ticket(rest.unwrap_or_default());
        }
        if !self.secret.is(first) {
            return Err(Refusal::Secret);
        }
        let Some(rest) = rest else {
            return Ok(Place::Home);
        };
        let Some(target) = rest.strip_prefix("gateway/") else {
            return Ok(Place::Asset(rest.to_owned()));
        };
        if !own_script(request) {
            return Err(Refusal::Origin);
        }
        Ok(Place::Gateway(target.to_owned()))
    }

    fn use_ticket(&self, presented: &str) -> Result<Place, Refusal> {
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        let good = (unused.as_ref())
            .is_some_and(|(ticket, until)| Instant::now() < *until && ticket.is(presented));
        if !good {
            return Err(Refusal::Secret);
        }
        *unused = None;
        Ok(Place::Home)
    }
}

/// Whether a request for a registry's content comes from a script of the page, as far as the
/// client says. Browsers say it of every request (Fetch Metadata), so that content cannot be
/// opened as a document or a script of our origin; other clients know the secret and say nothing.
fn own_script(request: &Parts) -> bool {
    let says = |name: &str, right: &dyn Fn(&[u8]) -> bool| {
        let mut values = request.headers.get_all(name).iter();
        values.all(|value| right(value.as_bytes()))
    };
    let host = request.headers.get(HOST).map(|host| host.as_bytes());
    says(ORIGIN.as_str(), &|origin| {
        origin
            .strip_prefix(b"http://")
            .is_some_and(|origin| host.is_some_and(|host| host.eq_ignore_ascii_case(origin)))
    }) && says("sec-fetch-site", &|site| site == b"same-origin")
        && says("sec-fetch-dest", &|destination| destination == b"empty")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    const HOST: (&str, &str) = ("host", "127.0.0.1:7414");

    fn door() -> Door {
        Door::new(&["Me.example".into()], "s3cret".into(), "once".into())
    }

    fn admit(door: &Door, path: &str, headers: &[(&str, &str)]) -> Result<Place, Refusal> {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        door.admit(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_who_knows_the_secret_gets_anywhere() {
        let door = door();
        let admit = |path| admit(&door, path, &[HOST]);
        for path in [
            "/",
            "/index.html",
            "/s3cre/",
            "/S3CRET/",
            "/gateway/a/v2/",
            "/open/",
            "/open/s3cret",
        ] {
            assert_eq!(admit(path), Err(Refusal::Secret), "{path}");
        }
        assert_eq!(admit("/s3cret"), Ok(Place::Home));
        assert_eq!(admit("/s3cret/"), Ok(Place::Asset(String::new())));
        assert_eq!(admit("/s3cret/a/b.js"), Ok(Place::Asset("a/b.js".into())));
        assert_eq!(
            admit("/s3cret/gateway/r.example:5000/v2/"),
            Ok(Place::Gateway("r.example:5000/v2/".into()))
        );
    }

    #[test]
    fn a_ticket_is_good_once() {
        let door = door();
        assert_eq!(admit(&door, "/open/wrong", &[HOST]), Err(Refusal::Secret));
        assert_eq!(admit(&door, "/open/once", &[HOST]), Ok(Place::Home));
        assert_eq!(admit(&door, "/open/once", &[HOST]), Err(Refusal::Secret));
    }

    #[test]
    fn other_names_are_rebinding_even_with_the_secret() {
        let door = door();
        for host in ["evil.example", "127.0.0.1.evil.example:7414"] {
            assert_eq!(
                admit(&door, "/s3cret/", &[("host", host)]),
                Err(Refusal::Host),
                "{host}"
            );
        }
        assert!(admit(&door, "/s3cret/", &[("host", "me.EXAMPLE:7414")]).is_ok());
    }

    #[test]
    fn the_gateway_answers_the_pages_own_scripts_only() {
        let door = door();
        let admit = |headers: &[(&str, &str)]| {
            let headers = [&[HOST], headers].concat();
            admit(&door, "/s3cret/gateway/r.example/v2/", &headers)
        };
        for own in [
            &[("origin", "http://127.0.0.1:7414")][..],
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-dest", "empty"),
            ],
        ] {
            assert!(admit(own).is_ok(), "{own:?}");
        }
        for other in [
            ("origin", "http://127.0.0.1:7415"),
            ("origin", "https://127.0.0.1:7414"),
            ("origin", "http://localhost:7414"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
            ("sec-fetch-dest", "document"),
            ("sec-fetch-dest", "script"),
            ("sec-fetch-dest", "worker"),
        ] {
            assert_eq!(admit(&[other]), Err(Refusal::Origin), "{other:?}");
        }
    }
}
