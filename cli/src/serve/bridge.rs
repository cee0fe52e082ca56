//! One request of a client, from its head to its answer.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use http::header::{
    AGE, ALLOW, CONTENT_TYPE, HOST, PROXY_AUTHENTICATE, RETRY_AFTER, USER_AGENT, WARNING,
    WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use ocirepo::Digest;
use ocirepo_native::Client;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::format::{REPOMD, SIGNATURE};
use ocirepo_rpm::snapshot::{Blob, Made};

use super::door::Door;
use super::file::{Facts, content_type};
use super::flight::{Flights, Found, Sink, Verified};
use super::guard::{Guard, Refusal};
use super::history::History;
use super::metrics::{AccessLog, Exchange, Gauges, Metrics};
use super::snapshots::{Open, Place, Snapshots, fixed};
use super::target::Target;
use crate::exit::{Exit, Failure};
use crate::http_server::{Body, Service, full};
use crate::repository::{self, Located};

/// The bridge behind its socket.
pub(super) struct Bridge {
    /// Replaced as a whole when the configuration is read anew.
    pub(super) entrance: RwLock<Arc<Entrance>>,
    pub(super) flights: Arc<Flights>,
    pub(super) snapshots: Snapshots,
    pub(super) history: Mutex<History>,
    /// Where the history is kept.
    pub(super) state: Option<PathBuf>,
    /// One lookup of a tag at a time.
    pub(super) gates: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// When the registry of a place could not be reached, in Unix seconds.
    pub(super) outages: Mutex<HashMap<String, u64>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) access_log: Option<Arc<AccessLog>>,
}

/// Who may have what.
pub(super) struct Entrance {
    guard: Guard,
    /// In the order of the guard's secrets.
    doors: Vec<Door>,
}

impl Entrance {
    pub(super) fn new(names: &[String], doors: Vec<Door>) -> Self {
        let secrets = doors.iter().map(|door| door.secret.clone());
        Self {
            guard: Guard::new(names, secrets.collect()),
            doors,
        }
    }

    fn door(&self, request: &Parts) -> Result<&Door, Refusal> {
        let number = self.guard.check(request)?;
        self.doors.get(number).ok_or(Refusal::Secret)
    }
}

/// How long a registry that could not be reached is not asked again for what the bridge
/// has a stale answer to, in seconds: each attempt takes that of clients.
const OUTAGE: u64 = 30;

impl Service for Bridge {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> io::Result<Response<Body>> {
        let (request, _) = request.into_parts();
        let (metrics, log) = (self.metrics.clone(), self.access_log.clone());
        let exchange = Exchange::begin(metrics, log, &request, peer);
        let response = self.respond(&request, peer).await;
        let response = exchange.follow(request.method == Method::HEAD, response);
        Ok(response)
    }
}

impl Bridge {
    async fn respond(self: &Arc<Self>, request: &Parts, peer: SocketAddr) -> Response<Body> {
        let entrance = self.entrance();
        let door = match entrance.door(request) {
            Ok(door) => door,
            Err(refusal) => {
                match refusal {
                    Refusal::Host => self.metrics.foreign_hosts.up(),
                    Refusal::Secret => self.metrics.wrong_secrets.up(),
                }
                let host = request.headers.get(HOST);
                tracing::warn!(%peer, ?host, ?refusal, "turned away");
                return refuse(refusal, request);
            }
        };
        if !matches!(request.method, Method::GET | Method::HEAD) {
            let mut response = say(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
            let allowed = http::HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            return response;
        }
        let (reference, path) = match Target::parse(request.uri.path()) {
            Ok(Target::File { reference, path }) => (reference, path),
            Ok(Target::Home) => return say(StatusCode::OK, home(door)),
            Ok(Target::Health) => return say(StatusCode::OK, "ok"),
            Ok(Target::Metrics) => return say(StatusCode::OK, self.metrics.text(&self.gauges())),
            Ok(Target::Failures) => return say(StatusCode::OK, door.failures.take()),
            Err(error) => return say(StatusCode::NOT_FOUND, error),
        };
        let Some(reference) = door.allow.admit(&reference) else {
            self.metrics.not_allowed.up();
            tracing::warn!(%peer, repository = %reference.repository(), "not allowed");
            let refused = format!(
                "{} is not served here; name it when starting `ocirepo serve`, or a prefix of \
                 it with --allow",
                reference.repository()
            );
            door.failures.note(&refused);
            return say(StatusCode::FORBIDDEN, refused);
        };
        let path = match Href::from_path(&path) {
            Ok(path) => path,
            Err(error) => return say(StatusCode::NOT_FOUND, error),
        };
        let asked = Asked {
            request,
            path,
            client: client_name(request, peer),
            place: Place {
                client: door.client.clone(),
                key: format!("{} {reference}", door.name),
                reference,
            },
            door,
        };
        match self.file(&asked).await {
            Ok(response) => response,
            Err(failure) => failed(&asked, &failure),
        }
    }

    fn entrance(&self) -> Arc<Entrance> {
        let entrance = self.entrance.read().unwrap_or_else(PoisonError::into_inner);
        entrance.clone()
    }

    /// Has other doors from now on.
    pub(super) fn replace(&self, entrance: Entrance) {
        let mut here = (self.entrance.write()).unwrap_or_else(PoisonError::into_inner);
        *here = Arc::new(entrance);
    }

    /// The answer to a request for a file of a repository that is allowed.
    async fn file(self: &Arc<Self>, asked: &Asked<'_>) -> Result<Response<Body>, Arc<Failure>> {
        let now = crate::clock::now();
        let Asked { place, client, .. } = asked;
        let path = asked.path.path();
        if path == REPOMD || path == SIGNATURE {
            let signature = path == SIGNATURE;
            let pinned = self.history().pinned(&place.key, client, signature, now);
            let (digest, open) = match pinned {
                Some(digest) => match self.snapshots.earlier(place, digest).await {
                    Ok(open) => (digest, open),
                    Err(_) => self.newest(place).await?,
                },
                None => self.newest(place).await?,
            };
            if !signature {
                self.history().served(&place.key, client, digest, now);
                self.keep();
            }
            return match self.try_file(asked, &open).await? {
                Some(response) => Ok(self.dated(place, response)),
                None => Err(asked.missing()),
            };
        }
        let candidates = self.history().candidates(&place.key, client, now);
        let (mut without, mut last) = (Vec::new(), None);
        for digest in candidates {
            match self.try_snapshot(asked, digest).await {
                Ok(Some(response)) => {
                    self.history().used(&place.key, digest, now);
                    return Ok(response);
                }
                Ok(None) => without.push(digest),
                // It may have been deleted from the registry; another may have the file.
                Err(failure) => last = Some(failure),
            }
        }
        let unreachable = last
            .as_ref()
            .is_some_and(|failure: &Arc<Failure>| failure.exit() == Exit::Unavailable);
        // A snapshot that cannot be opened any more is no answer: a tree is only in the cache, which
        // may have been emptied.
        let fresh = last.is_none() && self.history().newest(&place.key, now).is_some();
        if !unreachable && !fresh {
            let (digest, open) = self.newest(place).await?;
            if !without.contains(&digest)
                && let Some(response) = self.try_file(asked, &open).await?
            {
                self.history().used(&place.key, digest, now);
                return Ok(response);
            }
        }
        Err(last.unwrap_or_else(|| asked.missing()))
    }

    async fn try_snapshot(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        digest: Digest,
    ) -> Result<Option<Response<Body>>, Arc<Failure>> {
        let open = self.snapshots.earlier(&asked.place, digest).await?;
        self.try_file(asked, &open).await
    }

    /// The file from one snapshot, if it has it.
    async fn try_file(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        open: &Open,
    ) -> Result<Option<Response<Body>>, Arc<Failure>> {
        let client = &asked.place.client;
        let Some(located) = open.locate(client, &asked.path).await? else {
            return Ok(None);
        };
        let path = asked.path.path();
        let mut facts = Facts {
            digest: Digest::of(b""),
            size: None,
            modified: open.modified(),
            content_type: content_type(path),
            moves: path == REPOMD || path == SIGNATURE,
        };
        let found = match located {
            Located::Held(bytes) => {
                facts.digest = Digest::of(&bytes);
                facts.size = Some(bytes.len() as u64);
                if let Some(response) = facts.without_content(asked.request) {
                    return Ok(Some(response));
                }
                let digest = facts.digest;
                let put = move |flights: &Flights| flights.cache().put(digest, &bytes);
                let flights = self.flights.clone();
                let entry = tokio::task::spawn_blocking(move || put(&flights)).await;
                Found::Cached(entry.map_err(Failure::failed)?.map_err(Failure::from)?)
            }
            Located::Blob(blob) => {
                facts.digest = blob.descriptor.digest;
                facts.size = Some(blob.descriptor.size);
                if let Some(response) = facts.without_content(asked.request) {
                    return Ok(Some(response));
                }
                self.blob(client, &blob).await?
            }
            Located::Made(made) => {
                facts.digest = made.digest;
                facts.size = Some(made.size);
                if let Some(response) = facts.without_content(asked.request) {
                    return Ok(Some(response));
                }
                self.made(client, &made).await?
            }
        };
        let failures = &asked.door.failures;
        facts
            .with_content(asked.request, found, failures)
            .await
            .map(Some)
    }

    /// The content of a blob: from the cache, or on its way there.
    async fn blob(&self, client: &Client, blob: &Blob) -> Result<Found, Arc<Failure>> {
        let digest = blob.descriptor.digest;
        let fetch = {
            let (client, blob, metrics) = (client.clone(), blob.clone(), self.metrics.clone());
            move |sink: Sink| async move {
                metrics.fetches.up();
                let pull = || {
                    let mut sink = sink.clone();
                    let take = move |chunk| sink.take(chunk);
                    client.pull_each(&blob.repository, &blob.descriptor, take)
                };
                let error = match pull().await {
                    Ok(_) => return Ok(()),
                    Err(error) => error,
                };
                // A cache in between may serve only blobs of manifests it has seen.
                let Some(list) = blob.list.as_ref().filter(|_| error.is_not_found()) else {
                    return Err(error.into());
                };
                client
                    .pull_manifest(&list.repository, list.selector.clone())
                    .await?;
                pull().await?;
                Ok(())
            }
        };
        let found = self.flights.find(digest, Verified::ByFetch, fetch).await?;
        match found {
            Found::Cached(_) => self.metrics.from_cache.up(),
            Found::Flying(_) => self.metrics.from_registry.up(),
        }
        let Some(checksum) = blob.checksum else {
            return Ok(found);
        };
        // Metadata vouches for it by a checksum that the fetch did not compare.
        let file = match &found {
            Found::Cached(entry) => entry.file().try_clone(),
            Found::Flying(flight) => {
                flight.clone().verified().await?;
                flight.file().try_clone()
            }
        };
        let file = file.map_err(Failure::from)?;
        tokio::task::spawn_blocking(move || crate::repository::verify(file, &checksum))
            .await
            .map_err(Failure::failed)??;
        Ok(found)
    }

    /// What is made from a catalogue: once, whoever asks for it, and kept like a blob.
    async fn made(&self, client: &Client, made: &Made) -> Result<Found, Arc<Failure>> {
        let fetch = {
            let (client, made) = (client.clone(), made.clone());
            move |mut sink: Sink| async move {
                let part = repository::pull(&client, &made.from).await?.into_file();
                tokio::task::spawn_blocking(move || {
                    io::copy(&mut made.make(part)?, &mut sink)?;
                    Ok(())
                })
                .await
                .map_err(Failure::failed)?
            }
        };
        Ok(self
            .flights
            .find(made.digest, Verified::ByCache, fetch)
            .await?)
    }

    /// What the tag points to now, or pointed to when the registry could last be asked.
    async fn newest(self: &Arc<Self>, place: &Place) -> Result<(Digest, Arc<Open>), Failure> {
        let gate = self
            .gates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(place.key.clone())
            .or_default()
            .clone();
        let found = {
            let _gate = gate.lock().await;
            self.look_up(place).await
        };
        drop(gate);
        // Anybody can ask for tags that do not exist; nobody waits for this one now.
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        found
    }

    async fn look_up(&self, place: &Place) -> Result<(Digest, Arc<Open>), Failure> {
        let now = crate::clock::now();
        let fresh = self.history().newest(&place.key, now);
        if let Some(digest) = fresh
            && let Ok(open) = self.snapshots.earlier(place, digest).await
        {
            return Ok((digest, open));
        }
        if let Some(digest) = fixed(&place.reference)
            && let Ok(open) = self.snapshots.earlier(place, digest).await
        {
            self.history().looked_up(&place.key, digest, now);
            return Ok((digest, open));
        }
        let before = self.history().last(&place.key);
        let down = self.outages().get(&place.key).copied();
        if down.is_some_and(|at| now.saturating_sub(at) < OUTAGE)
            && let Some((digest, _)) = before
            && let Ok(open) = self.snapshots.earlier(place, digest).await
        {
            return Ok((digest, open));
        }
        match self
            .snapshots
            .newest(place, before.map(|(digest, _)| digest))
            .await
        {
            Ok((digest, open)) => {
                self.history().looked_up(&place.key, digest, now);
                self.outages().remove(&place.key);
                Ok((digest, open))
            }
            Err(failure) if failure.exit() == Exit::Unavailable => {
                let Some((digest, at)) = before else {
                    return Err(failure);
                };
                let open = self.snapshots.earlier(place, digest).await;
                let open = open.map_err(|_| failure.clone())?;
                let age = now.saturating_sub(at);
                let down = crate::clock::now();
                self.outages().insert(place.key.clone(), down);
                tracing::warn!("serving a snapshot looked up {age} s ago: {failure}");
                Ok((digest, open))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Says so when the registry cannot be asked whether this is still the newest.
    fn dated(&self, place: &Place, mut response: Response<Body>) -> Response<Body> {
        if !self.outages().contains_key(&place.key) {
            return response;
        }
        let Some((_, at)) = self.history().last(&place.key) else {
            return response;
        };
        self.metrics.stale.up();
        let age = crate::clock::now().saturating_sub(at);
        let text = format!(
            "110 - \"the registry cannot be reached; this was its newest state {age} seconds ago\""
        );
        let headers = response.headers_mut();
        headers.insert(AGE, age.into());
        if let Ok(text) = http::HeaderValue::try_from(text) {
            headers.insert(WARNING, text);
        }
        response
    }

    /// How old what is served is, where a registry cannot be reached.
    fn gauges(&self) -> Gauges {
        let now = crate::clock::now();
        let places: Vec<String> = self.outages().keys().cloned().collect();
        let history = self.history();
        let ages = places.into_iter().filter_map(|place| {
            let (_, at) = history.last(&place)?;
            Some((place, now.saturating_sub(at)))
        });
        Gauges {
            ages: ages.collect(),
        }
    }

    fn outages(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the history, so that it is there after a restart.
    fn keep(&self) {
        let Some(path) = &self.state else {
            return;
        };
        let text = serde_json::to_vec(&*self.history()).unwrap_or_default();
        if let Err(error) = super::state::replace(path, &text) {
            tracing::warn!("cannot write {}: {error}", path.display());
        }
    }
}

/// A request that may be answered.
struct Asked<'a> {
    request: &'a Parts,
    path: Href,
    /// Tells clients apart.
    client: String,
    place: Place,
    /// Who let it in.
    door: &'a Door,
}

impl Asked<'_> {
    fn missing(&self) -> Arc<Failure> {
        Arc::new(Failure::not_found(format!(
            "{} has no {}",
            self.place.reference, self.path
        )))
    }
}

/// Clients on one machine differ by what they call themselves.
fn client_name(request: &Parts, peer: SocketAddr) -> String {
    let agent = request.headers.get(USER_AGENT);
    let agent = agent.map_or(&b""[..], http::HeaderValue::as_bytes);
    let mut name = Digest::of(agent).hex();
    name.truncate(16);
    format!("{} {name}", peer.ip())
}

fn failed(asked: &Asked<'_>, failure: &Failure) -> Response<Body> {
    tracing::warn!(path = asked.path.path(), "{failure}");
    asked.door.failures.note(failure);
    let status = match failure.exit() {
        Exit::NotFound => StatusCode::NOT_FOUND,
        Exit::Unauthorized if asked.door.secret.is_none() => {
            let mut response = say(
                StatusCode::UNAUTHORIZED,
                format_args!(
                    "{failure}\nWhat the credentials stored here unlock is handed out to \
                     clients that present the secret of this bridge as their password."
                ),
            );
            challenge(&mut response, asked.request);
            return response;
        }
        Exit::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_GATEWAY,
    };
    let mut response = say(status, failure);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let soon = http::HeaderValue::from_static("5");
        response.headers_mut().insert(RETRY_AFTER, soon);
    }
    response
}

fn home(door: &Door) -> String {
    let mut text = "ocirepo serve: RPM repositories from OCI registries\n\n".to_owned();
    text.push_str("baseurl=http://THIS-HOST/REGISTRY/NAME:TAG/ for:\n");
    for line in door.allow.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

fn refuse(refusal: Refusal, request: &Parts) -> Response<Body> {
    match refusal {
        Refusal::Host => say(
            StatusCode::MISDIRECTED_REQUEST,
            "this bridge does not go by that name; see --name of `ocirepo serve`",
        ),
        Refusal::Secret => {
            let mut response = say(
                StatusCode::UNAUTHORIZED,
                "the password must be the secret of this bridge; leave it out for what \
                 everybody may have",
            );
            challenge(&mut response, request);
            response
        }
    }
}

/// Asks for the secret, as a proxy does where the client takes the bridge for one.
fn challenge(response: &mut Response<Body>, request: &Parts) {
    let challenge = http::HeaderValue::from_static("Basic realm=\"ocirepo serve\"");
    if request.uri.authority().is_some() {
        *response.status_mut() = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        response.headers_mut().insert(PROXY_AUTHENTICATE, challenge);
    } else {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
}

fn say(status: StatusCode, text: impl std::fmt::Display) -> Response<Body> {
    let mut response = Response::new(full(format!("{text}\n")));
    *response.status_mut() = status;
    let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
