//! Scripted misbehaviour: what real registries, proxies and networks do that the
//! specification does not foresee.
//!
//! A [`Rule`] names a [`Quirk`] and when it applies; the rules of a registry are its
//! script. A rule that does not narrow itself applies to every request, so that
//! `Rule::new(Quirk::NoReferrers)` makes a registry without referrers.
//!
//! ```
//! use ocirepo_registry::{Config, Quirk, Registry, Rule};
//!
//! let mut registry = Registry::new(Config::default());
//! // The second chunk of every upload is lost on the way.
//! registry.script(
//!     Rule::new(Quirk::Reset)
//!         .method(http::Method::PATCH)
//!         .path("/v2/*/blobs/uploads/*")
//!         .nth(2),
//! );
//! ```

use http::{HeaderName, Method, StatusCode};

/// One line of the script: a quirk and the requests it befalls.
#[derive(Clone, Debug)]
pub struct Rule {
    quirk: Quirk,
    method: Option<Method>,
    path: Option<String>,
    times: Times,
    seen: u32,
}

#[derive(Clone, Copy, Debug)]
enum Times {
    Always,
    Nth(u32),
    First(u32),
    After(u32),
}

impl Rule {
    /// A rule for every request.
    pub fn new(quirk: Quirk) -> Self {
        Self {
            quirk,
            method: None,
            path: None,
            times: Times::Always,
            seen: 0,
        }
    }

    /// Only requests with this method.
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Only requests whose path (percent-encoded as it came, without the query) matches
    /// this pattern, in which `*` stands for any run of characters, slashes included.
    pub fn path(mut self, pattern: impl Into<String>) -> Self {
        self.path = Some(pattern.into());
        self
    }

    /// Of the requests that match, only the `n`th, counted from 1.
    pub fn nth(mut self, n: u32) -> Self {
        self.times = Times::Nth(n);
        self
    }

    /// Of the requests that match, only the first `n`.
    pub fn first(mut self, n: u32) -> Self {
        self.times = Times::First(n);
        self
    }

    /// Of the requests that match, only those after the first `n`.
    pub fn after(mut self, n: u32) -> Self {
        self.times = Times::After(n);
        self
    }

    /// Whether the rule would apply to this request.
    fn would_apply(&self, method: &Method, path: &str) -> bool {
        let nth = self.seen.saturating_add(1);
        let due = match self.times {
            Times::Always => true,
            Times::Nth(n) => nth == n,
            Times::First(n) => nth <= n,
            Times::After(n) => nth > n,
        };
        due && self.covers(method, path)
    }

    /// Whether the rule applies to this request, which is counted when it matches.
    fn applies(&mut self, method: &Method, path: &str) -> bool {
        let applies = self.would_apply(method, path);
        if self.covers(method, path) {
            self.seen = self.seen.saturating_add(1);
        }
        applies
    }

    fn covers(&self, method: &Method, path: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self.path.as_ref().is_none_or(|p| matches(p, path))
    }
}

/// Whether a pattern with `*` covers a whole text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    // Taking each part where it first occurs leaves the most to the parts after it.
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Something a registry, or what stands before it, does differently.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quirk {
    // In place of an answer.
    /// Answers with this status and an error in the specification's form, without doing
    /// anything. `HEAD` is answered 405 by some caches in front of registries, and 401
    /// or 405 is what several token servers say to a `POST`.
    Status(StatusCode),
    /// Answers 429 as rate limiters do (Docker Hub, and proxies before anything): with a
    /// page of HTML, and `Retry-After` in seconds, as a date, or not at all.
    TooManyRequests {
        /// The value of `Retry-After`.
        retry_after: Option<String>,
    },
    /// Answers 307 to this URL plus the request's own path and query, as load balancers
    /// and mirrors do.
    Redirect {
        /// Scheme and authority to go to: `https://mirror.example`.
        origin: String,
    },
    /// Sends blob requests to `<origin>/storage/<digest>`, which the registry serves
    /// too, and which refuses requests that carry `Authorization`: S3 and Azure behind
    /// GHCR, Quay, Docker Hub.
    StorageRedirect {
        /// Scheme and authority of the object store.
        origin: String,
    },

    // Endpoints that are missing or work otherwise.
    /// No referrers API: 404, and no `OCI-Subject` (docker-registry 2, GHCR).
    NoReferrers,
    /// The `artifactType` filter is not applied, and no header says that it was
    /// (registries written to early drafts of 1.1).
    FiltersIgnored,
    /// Only uploads in one piece: `PATCH` answers 405.
    NoChunkedUpload,
    /// Chunks over this many bytes are answered 413 (GHCR takes 4 MiB; proxies with a
    /// request body limit).
    ChunkLimit(u64),
    /// A chunk that is out of order is appended all the same (docker-registry 2).
    OutOfOrderAppended,
    /// The closing `PUT` must bring the last piece; without a body it is answered 400.
    EmptyPutRefused,
    /// `POST ?digest=` starts an upload and drops the body: 202 (docker-registry 2).
    SinglePostIgnored,
    /// Mounting is never done: 202 (proxies, and registries that may not tell who else
    /// has a blob).
    MountIgnored,
    /// Mounting needs `from`: 202 without it (docker-registry 2).
    MountNeedsFrom,
    /// A blob of another algorithm is stored, and told, under its sha256 as well, and
    /// mounts under that only; a manifest of another algorithm is answered 400
    /// (docker-registry 2).
    Sha256Only,
    /// A manifest is 404 to a client whose `Accept` does not name its type
    /// (docker-registry 2).
    AcceptEnforced,
    /// A reference that is neither a tag nor a digest is answered 500
    /// (docker-registry 2).
    InvalidReferenceFails,
    /// `tag` parameters of a manifest `PUT` are ignored (every registry of 1.1 or older).
    TagParametersIgnored,
    /// Layers that live at other URLs are answered 400 (docker-registry 2, unless it is
    /// told which URLs to allow).
    ForeignLayersRefused,
    /// Tags cannot be deleted: 400 (docker-registry 2).
    TagDeletionRefused,
    /// A list of no tags is `null` (docker-registry 2).
    TagsNull,
    /// Tags come in no particular order: here, backwards (docker-registry 2).
    TagsUnsorted,
    /// A repository that never had a tag has no list of tags: 404 (docker-registry 2).
    UntaggedUnknown,
    /// `n` and `last` are ignored: the whole list comes (docker-registry 2).
    PagingIgnored,
    /// `Range` is ignored: 200 with the whole blob.
    RangeIgnored,
    /// `If-Match` and `If-None-Match` of a manifest `PUT` are not looked at (nearly every
    /// registry).
    ConditionsIgnored,
    /// A tag that exists stays where it is: 400, even for the manifest it points at (ECR,
    /// Harbor and Quay, where they are told to).
    TagsImmutable,
    /// Manifests over this many bytes are answered 413 (1 MiB is a usual cap).
    ManifestLimit(usize),
    /// Manifests of more layers are answered 400 (caps near 500 exist).
    LayerLimit(usize),

    // Answers that look different.
    /// The request is carried out, and answered with this status (`PATCH` with 201).
    AnswerWith(StatusCode),
    /// A header is left out: `Docker-Content-Digest`, `Location` after a manifest `PUT`,
    /// `Link`.
    WithoutHeader(HeaderName),
    /// A header is set: a wrong `Content-Range`, an opaque or absolute `Link`.
    SetHeader(HeaderName, String),
    /// `Warning: 299 - "<text>"` is added (distribution-spec, section "Warnings").
    Warning(String),
    /// Relative `Location`s become absolute, on this origin: upload hosts of their own.
    LocationOrigin(String),
    /// `Location`s get this query, which the client must keep (docker-registry's
    /// `_state`).
    LocationQuery(String),
    /// `Link` becomes absolute, on this origin.
    LinkOrigin(String),
    /// The target of `Link` carries a cursor that only the registry understands, in
    /// place of `last` (Quay, Harbor).
    OpaqueLink,
    /// One byte of the body is flipped: disks, caches, attackers.
    Corrupt {
        /// Which byte; past the end nothing happens.
        at: usize,
    },
    /// Bytes follow the body, and `Content-Length` is not told.
    Surplus(Vec<u8>),
    /// The body is this instead, with its right `Content-Length`.
    Body(Vec<u8>),

    // Tokens and challenges.
    /// The token comes as `token` only (old token servers), or as `access_token` only
    /// (OAuth 2 servers).
    TokenField(TokenField),
    /// `expires_in` is this, or missing: clients are to assume 60 seconds.
    ExpiresIn(Option<u64>),
    /// Of several scopes only the first is granted.
    FirstScopeOnly,
    /// Every token given out so far stops working: 401 in the middle of a push.
    TokensRevoked,
    /// Challenges name no scope.
    NoScopeInChallenge,
    /// These `WWW-Authenticate` headers replace the registry's own, one a header;
    /// `{own}` stands for it. Several challenges in one header, in many, `BASIC` in any
    /// case.
    Challenges(Vec<String>),

    // What the network does. See [`Fault`].
    /// The body ends after this many bytes, by a lost connection.
    CutAfter(u64),
    /// After this many bytes of the body nothing more comes, and the connection stays.
    StallAfter(u64),
    /// The connection is lost before the head. The request was carried out.
    Reset,
    /// The connection is lost, and known to be lost, before the request was looked at:
    /// an HTTP/2 stream that is refused, a `GOAWAY`. Nothing was carried out.
    Unprocessed,
    /// Answers with this status before the request's body was read, as servers refuse
    /// uploads that are too large or not allowed. Whoever carries requests asks
    /// [`Registry::answers_early`](crate::Registry::answers_early) first.
    EarlyHead(StatusCode),
    /// Of an upload's piece only this many bytes arrive, then the connection is lost.
    LostAfter(usize),
    /// The answer takes this many milliseconds.
    Delay(u64),
}

/// Under which name a token comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenField {
    /// `token`, Docker's.
    Token,
    /// `access_token`, OAuth 2's.
    AccessToken,
}

/// What a transport does to an answer. It comes as an extension of the response, for
/// whoever carries it (an HTTP server, a simulator) to act out:
///
/// ```
/// # use ocirepo_registry::Fault;
/// # let response = http::Response::new(bytes::Bytes::new());
/// if let Some(fault) = response.extensions().get::<Fault>() {
///     // close the connection after fault.cut_after bytes of the body …
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// Wait this many milliseconds before the head.
    pub delay_ms: u64,
    /// Lose the connection before the head.
    pub reset: bool,
    /// Lose it in a way that tells the client that nothing was carried out.
    pub unprocessed: bool,
    /// Lose the connection after this many bytes of the body.
    pub cut_after: Option<u64>,
    /// Send nothing more after this many bytes of the body.
    pub stall_after: Option<u64>,
}

/// The rules in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script(Vec<Rule>);

impl Script {
    pub(crate) fn push(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether some requests are sent to `/storage/`.
    pub(crate) fn uses_storage(&self) -> bool {
        let mut rules = self.0.iter();
        rules.any(|rule| matches!(rule.quirk, Quirk::StorageRedirect { .. }))
    }

    /// Whether a request would be answered before its body is read.
    pub(crate) fn answers_early(&self, method: &Method, path: &str) -> bool {
        self.0
            .iter()
            .any(|rule| matches!(rule.quirk, Quirk::EarlyHead(_)) && rule.would_apply(method, path))
    }

    /// The quirks that befall a request, in the order of the rules.
    pub(crate) fn befalling(&mut self, method: &Method, path: &str) -> Vec<Quirk> {
        self.0
            .iter_mut()
            .filter_map(|rule| rule.applies(method, path).then(|| rule.quirk.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_covers_any_run() {
        let cases = [
            ("/v2/*", "/v2/", true),
            ("/v2/*/blobs/*", "/v2/a/b/blobs/c", true),
            ("/v2/*/blobs/*", "/v2/a/manifests/c", false),
            ("*list", "/v2/a/tags/list", true),
            ("a*a", "a", false),
            ("a*b*b", "ab", false),
            ("a*b*b", "abb", true),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
        ];
        for (pattern, text, covered) in cases {
            assert_eq!(matches(pattern, text), covered, "{pattern} {text}");
        }
    }

    #[test]
    fn a_rule_counts_the_requests_it_matches() {
        let hits = |rule: Rule| {
            let mut rule = rule.method(Method::GET);
            (1..=4)
                .filter(|_| {
                    assert!(!rule.applies(&Method::PUT, "/"));
                    rule.applies(&Method::GET, "/")
                })
                .collect::<Vec<_>>()
        };
        let rule = || Rule::new(Quirk::Reset);
        assert_eq!(hits(rule()), [1, 2, 3, 4]);
        assert_eq!(hits(rule().nth(2)), [2]);
        assert_eq!(hits(rule().first(2)), [1, 2]);
        assert_eq!(hits(rule().after(3)), [4]);
    }
}
