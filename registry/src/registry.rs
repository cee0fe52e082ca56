//! The registry itself: one request in, one response out.

use bytes::Bytes;
use http::header::ALLOW;
use http::{Method, Request, Response, StatusCode};
use ocirepo::digest::{Algorithm, Digest, Hasher};

use crate::auth::Tokens;
use crate::config::Config;
use crate::cors::Cors;
use crate::error::{Code, Refusal};
use crate::log::{Entry, Log};
use crate::names::DOCKER_API_VERSION;
use crate::quirks;
use crate::reply::Reply;
use crate::request::Ask;
use crate::router::{Route, check_name};
use crate::script::{Quirk, Rule, Script};
use crate::store::Store;
use crate::uploads::Uploads;

/// An OCI registry in memory.
///
/// Methods, by kind:
///
/// - the exchange: [`handle`](Self::handle), and nothing else a client could cause
///   ([`answers_early`](Self::answers_early) is for whoever carries requests);
/// - misbehaviour: [`script`](Self::script), [`clear_script`](Self::clear_script);
/// - what happened: [`log`](Self::log), [`clear_log`](Self::clear_log);
/// - setting the scene without requests: [`put_blob`](Self::put_blob),
///   [`put_manifest`](Self::put_manifest), [`blob`](Self::blob),
///   [`manifest`](Self::manifest), [`issue_token`](Self::issue_token),
///   [`issue_refresh_token`](Self::issue_refresh_token), [`revoke_tokens`](Self::revoke_tokens);
/// - keeping: [`take_changes`](Self::take_changes), [`layout_index`](Self::layout_index),
///   [`load`](Self::load).
///
/// The same calls give the same answers, always: identifiers and tokens are derived from
/// [`Config::seed`], and the time is an argument.
#[derive(Clone, Debug)]
pub struct Registry {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) uploads: Uploads,
    pub(crate) tokens: Tokens,
    pub(crate) script: Script,
    log: Log,
    /// How many identifiers were derived from the seed.
    derived: u64,
}

impl Registry {
    /// An empty registry.
    pub fn new(config: Config) -> Self {
        let mut store = Store::default();
        store.journal.enabled = config.journal;
        Self {
            store,
            uploads: Uploads::new(),
            tokens: Tokens::default(),
            script: Script::default(),
            log: Log::new(config.log_limit),
            derived: 0,
            config,
        }
    }

    /// Answers one request; `now` is the time in Unix seconds.
    ///
    /// The body comes whole and the answer goes whole, by reference-counted [`Bytes`]:
    /// content is not copied on its way in or out, but for uploads in several pieces,
    /// which are joined once. A response that the script wants lost, cut or late carries
    /// a [`Fault`](crate::Fault) as an extension.
    pub fn handle(&mut self, now: u64, request: Request<Bytes>) -> Response<Bytes> {
        let mut ask = Ask::new(now, request);
        ask.quirks = self.script.befalling(&ask.method, ask.uri.path());
        let (path, body) = (ask.uri.path().to_owned(), ask.body.len() as u64);
        let route = Route::of(&path);
        quirks::lose(&mut ask);
        let reply = self.answer(&ask, &route);
        let reply = quirks::disguise(&ask, &route, reply);
        let reply = match &self.config.cors {
            Some(cors) => cors.mark(&ask, reply),
            None => reply,
        };
        let mut response = reply.finish(ask.is_head());
        if let Some(fault) = quirks::fault(&ask) {
            response.extensions_mut().insert(fault);
        }
        self.log.push(Entry {
            at: now,
            query: ask.uri.query().unwrap_or_default().to_owned(),
            method: ask.method,
            path,
            headers: ask.headers,
            body,
            status: response.status(),
            sent: response.body().len() as u64,
        });
        response
    }

    /// Whether the script wants a request answered before its body is read. Such a
    /// request is [handled](Self::handle) with what there is of its body.
    pub fn answers_early(&self, method: &Method, path: &str) -> bool {
        self.script.answers_early(method, path)
    }

    fn answer(&mut self, ask: &Ask, route: &Route) -> Reply {
        if let Some(cors) = &self.config.cors
            && let Some(reply) = cors.preflight(ask)
        {
            return reply;
        }
        if ask.has(&Quirk::TokensRevoked) {
            self.revoke_tokens();
        }
        if let Some(reply) = quirks::instead(ask, route) {
            return reply;
        }
        let reply = match self.dispatch(ask, route) {
            Ok(reply) => reply,
            Err(refusal) => refusal.into(),
        };
        reply.header(DOCKER_API_VERSION, "registry/2.0")
    }

    fn dispatch(&mut self, ask: &Ask, route: &Route) -> Result<Reply, Refusal> {
        check_method(ask, route)?;
        if let Some(name) = route.repository() {
            check_name(name)?;
        }
        self.authorize(ask, route)?;
        match route {
            Route::Base => Ok(Reply::new(StatusCode::OK).json(&serde_json::json!({}))),
            Route::Catalog => self.catalog(ask),
            Route::Tags(name) => self.tags(ask, name),
            Route::Manifest(name, reference) => self.manifests(ask, name, reference),
            Route::Blob(name, digest) => self.blobs(ask, name, digest),
            Route::Uploads(name) => self.start_upload(ask, name),
            Route::Upload(name, id) => self.upload(ask, name, id),
            Route::Referrers(name, digest) => self.referrers(ask, name, digest),
            Route::Token => self.token(ask),
            Route::Storage(digest) => self.storage(ask, digest),
            Route::Unknown => Err(Refusal::not_found(Code::Unsupported, "no such endpoint")),
        }
    }

    /// Lets pages of other origins use it from now on.
    pub fn set_cors(&mut self, cors: Cors) {
        self.config.cors = Some(cors);
    }

    /// Adds a rule to the script.
    pub fn script(&mut self, rule: Rule) {
        self.script.push(rule);
    }

    /// Makes the registry behave again.
    pub fn clear_script(&mut self) {
        self.script.clear();
    }

    /// The requests answered so far, oldest first, up to [`Config::log_limit`].
    pub fn log(&mut self) -> &[Entry] {
        self.log.entries()
    }

    /// Forgets the requests answered so far.
    pub fn clear_log(&mut self) {
        self.log.clear();
    }

    /// Stores a blob, as if it had been pushed; gives its sha256 digest.
    pub fn put_blob(&mut self, repository: &str, content: impl Into<Bytes>) -> Digest {
        let content = content.into();
        let digest = Digest::of(&content);
        self.store.put_blob(repository, digest, content);
        digest
    }

    /// Stores a manifest and points a tag to it, as if it had been pushed, except that
    /// nothing it names is looked for. `None` when it is no manifest, or its media type
    /// cannot be told.
    pub fn put_manifest(
        &mut self,
        repository: &str,
        tag: Option<&str>,
        media_type: Option<&str>,
        content: impl Into<Bytes>,
    ) -> Option<Digest> {
        let content = content.into();
        let (_, facts) = crate::manifests::Document::parse(media_type, &content).ok()?;
        let digest = Digest::of(&content);
        self.store.put_manifest(repository, digest, content, facts);
        if let Some(tag) = tag {
            self.store.tag(repository, tag, digest);
        }
        Some(digest)
    }

    /// A blob's content.
    pub fn blob(&self, repository: &str, digest: &Digest) -> Option<Bytes> {
        self.store.blob(repository, digest).cloned()
    }

    /// The digest, media type and content of what a tag or digest names.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(Digest, &str, Bytes)> {
        let digest = match reference.parse() {
            Ok(digest) => digest,
            Err(_) => self.store.tagged(repository, reference)?,
        };
        let (facts, content) = self.store.manifest(repository, &digest)?;
        Some((digest, &facts.media_type, content.clone()))
    }

    /// The next identifier of a kind: unguessable to whoever does not know the seed.
    pub(crate) fn unique_id(&mut self, kind: &str) -> String {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(&self.config.seed);
        hasher.update(kind.as_bytes());
        hasher.update(&self.derived.to_be_bytes());
        self.derived = self.derived.wrapping_add(1);
        hasher.finish().hex()
    }
}

fn check_method(ask: &Ask, route: &Route) -> Result<(), Refusal> {
    let mut methods = route.methods().split(", ");
    if *route == Route::Unknown || methods.any(|method| method == ask.method.as_str()) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        Code::Unsupported,
        format!("{} is not for this endpoint", ask.method),
    )
    .header(ALLOW, route.methods()))
}
