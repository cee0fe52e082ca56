//! The gateway: requests of the page's session, passed on to the registries that were named, and
//! to the token servers these name.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::stream;
use http::header::{
    ACCEPT, ACCEPT_RANGES, AGE, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE,
    ETAG, HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    LAST_MODIFIED, LINK, RANGE, RETRY_AFTER, WARNING, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use ocirepo::auth::challenge::Scheme;
use ocirepo::auth::{Bearer, Challenge, Scope, TrustedRealms, realm};
use ocirepo::exchange::{Body as Sent, Call, Head};
use ocirepo::reference::{Registry, Repository};
use ocirepo_native::client::relay::Relayed;
use ocirepo_native::{Client, Error};
use serde_json::json;
use url::Url;

use super::target::{self, Denied, Target};
use crate::http_server::{Body, full};
use crate::serve::allow::AllowList;

/// What a session asks with. Cookies, and what else a browser adds, stay here.
const PASSED_ON: [HeaderName; 8] = [
    ACCEPT,
    AUTHORIZATION,
    CONTENT_TYPE,
    RANGE,
    IF_RANGE,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
];

/// What a session reads of a response. What else a server says to browsers (cookies, policies,
/// where to go) is not for this origin.
const PASSED_BACK: [HeaderName; 12] = [
    CONTENT_TYPE,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    ACCEPT_RANGES,
    ETAG,
    LAST_MODIFIED,
    LINK,
    RETRY_AFTER,
    WARNING,
    WWW_AUTHENTICATE,
    AGE,
    DATE,
];

/// Beginnings of the names of such header fields that have no standard.
const PASSED_BACK_BEGINNINGS: [&str; 4] = ["docker-", "oci-", "ratelimit-", "x-ratelimit-"];

/// The most bytes of the form that a token server is sent.
const LARGEST_FORM: usize = 64 << 10;

/// The most token servers that are remembered.
const MOST_REALMS: usize = 64;

pub(super) struct Gateway {
    allow: AllowList,
    client: Client,
    /// Whether the user's stored credentials are used.
    credentials: bool,
    /// Where registries sent the page for tokens, the latest last.
    realms: Mutex<Vec<Realm>>,
    /// Registries that want stored credentials with every request.
    wanting: Mutex<BTreeSet<String>>,
}

#[derive(Clone, Debug)]
struct Realm {
    registry: Registry,
    bearer: Bearer,
}

impl Realm {
    /// Whether a request to `HOST[:PORT]` and this path is one for a token.
    fn is_at(&self, authority: &str, path: &str) -> bool {
        let realm = &self.bearer.realm;
        let host = realm.host_str().unwrap_or_default();
        let same = match realm.port() {
            Some(port) => authority.eq_ignore_ascii_case(&format!("{host}:{port}")),
            None => authority.eq_ignore_ascii_case(host),
        };
        same && realm.path() == path
    }
}

/// What a request comes to if it is not answered by a server.
enum Refused {
    Denied(Denied),
    Method,
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Gateway {
    pub(super) fn new(allow: AllowList, client: Client, credentials: bool) -> Self {
        Self {
            allow,
            client,
            credentials,
            realms: Mutex::default(),
            wanting: Mutex::default(),
        }
    }

    /// Answers a request for `HOST[:PORT]/PATH`.
    pub(super) async fn answer(
        &self,
        path: &str,
        request: &Parts,
        body: Incoming,
    ) -> Response<Body> {
        let answer = match target::split(path) {
            Some((authority, path)) => match self.realm(authority, path, request) {
                Some(realm) => self.token(realm, request, body).await,
                None => self.content(authority, path, request).await,
            },
            None => Err(Refused::Denied("there is no such address".to_owned())),
        };
        match answer {
            Ok(relayed) => passed_back(relayed, &request.method),
            Err(Refused::Method) => problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "UNSUPPORTED",
                "the gateway passes on what reads: GET and HEAD",
            ),
            Err(Refused::Denied(why)) => problem(StatusCode::FORBIDDEN, "DENIED", &why),
            Err(Refused::Failed(error)) => {
                tracing::warn!("{error}");
                problem(StatusCode::BAD_GATEWAY, "UNKNOWN", &error.to_string())
            }
        }
    }

    /// The token server that a request is for: one that a registry named, and of those at this
    /// address the one for this service.
    fn realm(&self, authority: &str, path: &str, request: &Parts) -> Option<Realm> {
        let service =
            parameters(request).find_map(|(name, value)| (name == "service").then_some(value));
        let realms = lock(&self.realms);
        let here = || {
            realms
                .iter()
                .rev()
                .filter(|realm| realm.is_at(authority, path))
        };
        let exact = here().find(|realm| realm.bearer.service == service);
        exact.or_else(|| here().next()).cloned()
    }

    /// Asks a registry.
    async fn content(
        &self,
        authority: &str,
        path: &str,
        request: &Parts,
    ) -> Result<Relayed, Refused> {
        let target = target::read(&self.allow, authority, path, request.uri.query());
        let target = target.map_err(Refused::Denied)?;
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Err(Refused::Method);
        }
        let mut call = Call::new(request.method.clone(), target.url.clone());
        call.headers = passed_on(&request.headers);
        let anonymous = self.credentials && !call.headers.contains_key(AUTHORIZATION);
        let known = target.registry.authority();
        if anonymous && lock(&self.wanting).contains(known) {
            self.add_stored(&mut call, &target).await?;
        }
        let relayed = self.client.relay(&target.registry, call.clone()).await?;
        if relayed.status != StatusCode::UNAUTHORIZED {
            return Ok(relayed);
        }
        let challenges = Challenge::all(&head(&relayed));
        self.remember(&target.registry, &challenges);
        if !anonymous || call.headers.contains_key(AUTHORIZATION) {
            return Ok(relayed);
        }
        self.add_stored(&mut call, &target).await?;
        let stored = call.headers.get(AUTHORIZATION);
        let basic = |value: &HeaderValue| value.as_bytes().starts_with(b"Basic ");
        let wanted = challenges
            .iter()
            .any(|challenge| *challenge.scheme() == Scheme::Basic);
        // A password goes to a registry that asks for it; to a token server otherwise.
        if stored.is_none_or(|value| basic(value) && !wanted) {
            return Ok(relayed);
        }
        lock(&self.wanting).insert(known.to_owned());
        Ok(self.client.relay(&target.registry, call).await?)
    }

    async fn add_stored(&self, call: &mut Call, target: &Target) -> Result<(), Error> {
        let name = target.repository.as_ref().map(Repository::name);
        let stored = self.client.stored_authorization(&target.registry, name);
        if let Some(value) = stored.await? {
            call.headers.insert(AUTHORIZATION, value);
        }
        Ok(())
    }

    /// Remembers where a registry sends its clients for tokens.
    fn remember(&self, registry: &Registry, challenges: &[Challenge]) {
        for bearer in challenges.iter().filter_map(Challenge::bearer) {
            let Ok(bearer) = bearer else { continue };
            let nobody = TrustedRealms::default();
            if let Err(error) = realm::check(&bearer.realm, registry, false, &nobody) {
                tracing::warn!("{error}");
                continue;
            }
            let mut realms = lock(&self.realms);
            realms.retain(|known| {
                known.registry != *registry
                    || known.bearer.realm != bearer.realm
                    || known.bearer.service != bearer.service
            });
            if realms.len() >= MOST_REALMS {
                realms.remove(0);
            }
            realms.push(Realm {
                registry: registry.clone(),
                bearer,
            });
        }
    }

    /// Asks a token server: with what the page sends, or in the name of the user.
    async fn token(
        &self,
        realm: Realm,
        request: &Parts,
        body: Incoming,
    ) -> Result<Relayed, Refused> {
        let Realm { registry, bearer } = realm;
        if self.credentials
            && request.method == Method::GET
            && !request.headers.contains_key(AUTHORIZATION)
            && let Some(scopes) = self.readable(&registry, request)
        {
            let name = scopes.iter().find(|scope| scope.kind() == "repository");
            let name = name.map(Scope::name);
            let asked = self.client.relay_token(&registry, name, &bearer, &scopes);
            if let Some(relayed) = asked.await? {
                return Ok(relayed);
            }
        }
        let mut url: Url = bearer.realm;
        url.set_query(request.uri.query());
        let mut call = Call::new(request.method.clone(), url);
        call.headers = passed_on(&request.headers);
        match request.method {
            Method::GET => {}
            Method::POST => {
                let form = Limited::new(body, LARGEST_FORM).collect().await;
                let form = form.map_err(|_| {
                    Refused::Denied("the form for the token server is too large".to_owned())
                })?;
                call.body = Sent::Bytes(form.to_bytes().to_vec());
            }
            _ => return Err(Refused::Method),
        }
        Ok(self.client.relay_once(&registry, &call).await?)
    }

    /// The scopes that a token is asked for, if all of them only read what is allowed: the user's
    /// credentials are for nothing else.
    fn readable(&self, registry: &Registry, request: &Parts) -> Option<Vec<Scope>> {
        let mut scopes = Vec::new();
        for (name, value) in parameters(request) {
            if name == "scope" {
                scopes.extend(Scope::parse_list(&value));
            }
        }
        let base = registry.base();
        let host = base.host_str().unwrap_or_default();
        let authority = match base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let whole = self
            .allow
            .registry(&authority)
            .is_some_and(|(_, whole)| whole);
        let readable = |scope: &Scope| match scope.kind() {
            "repository" => {
                let repository = Repository::new(registry.clone(), scope.name());
                scope.actions().all(|action| action == "pull")
                    && repository.is_ok_and(|repository| self.allow.covers(&repository))
            }
            "registry" => scope.name() == "catalog" && whole,
            _ => false,
        };
        scopes.iter().all(readable).then_some(scopes)
    }
}

fn parameters(request: &Parts) -> impl Iterator<Item = (String, String)> {
    let query = request.uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).into_owned()
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut passed = HeaderMap::new();
    for name in PASSED_ON {
        for value in headers.get_all(&name) {
            let mut value = value.clone();
            value.set_sensitive(name == AUTHORIZATION);
            passed.append(name.clone(), value);
        }
    }
    passed
}

fn head(relayed: &Relayed) -> Head {
    Head {
        status: relayed.status,
        headers: relayed.headers.clone(),
        url: None,
    }
}

/// The response for the page.
fn passed_back(relayed: Relayed, method: &Method) -> Response<Body> {
    let mut headers = HeaderMap::new();
    for (name, value) in &relayed.headers {
        let text = name.as_str();
        let begins = |beginning: &&str| text.starts_with(*beginning);
        if PASSED_BACK.contains(name) || PASSED_BACK_BEGINNINGS.iter().any(begins) {
            headers.append(name.clone(), value.clone());
        }
    }
    let status = relayed.status;
    let body = if *method == Method::HEAD {
        full("")
    } else {
        streamed(relayed)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The body as it comes. Where it breaks off, so does the connection to the page.
fn streamed(relayed: Relayed) -> Body {
    let pieces = stream::try_unfold(relayed, |mut relayed| async move {
        match relayed.chunk().await {
            Ok(piece) => Ok(piece.map(|piece| (Frame::data(piece), relayed))),
            Err(error) => {
                tracing::warn!("a response was cut: {error}");
                Err(io::Error::other(error.to_string()))
            }
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}

/// A refusal in the form of a registry's, so that the page's session shows what it says.
fn problem(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let text = json!({ "errors": [{ "code": code, "message": message }] });
    let mut response = Response::new(full(text.to_string()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
