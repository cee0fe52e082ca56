//! Builders and parsers of every endpoint against a registry, without a session.

#![allow(clippy::unwrap_used, reason = "all of this is a test")]

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use ocirepo::auth::realm::{self, TrustedRealms};
use ocirepo::auth::{Challenge, Credentials, Scope, Secret};
use ocirepo::digest::{Algorithm, Digest};
use ocirepo::endpoint::blobs::{self, Asked};
use ocirepo::endpoint::token::{self, Grant};
use ocirepo::endpoint::uploads::{self, Started};
use ocirepo::endpoint::{self, base, catalog, manifests, referrers, tags};
use ocirepo::error::ErrorKind;
use ocirepo::exchange::{Body, Call, Head};
use ocirepo::manifest::{ImageManifest, Manifest};
use ocirepo::reference::{Registry, Repository, Scheme, Selector, Tag};
use ocirepo_registry::{Auth, Config, Quirk, Registry as Server, Rule};
use url::Url;

const NOW: u64 = 1_700_000_000;

/// What a host is without a network: it fills in the bytes and keeps the answer apart.
struct Host {
    server: Server,
    source: Vec<u8>,
    authorization: Option<HeaderValue>,
}

/// An answer, and where it came from.
struct Answer {
    head: Head,
    body: Vec<u8>,
    url: Url,
}

impl Host {
    fn new(config: Config) -> Self {
        Self {
            server: Server::new(config),
            source: Vec::new(),
            authorization: None,
        }
    }

    fn with(quirks: impl IntoIterator<Item = Quirk>) -> Self {
        let mut host = Self::new(Config::default());
        for quirk in quirks {
            host.server.script(Rule::new(quirk));
        }
        host
    }

    fn send(&mut self, call: Call) -> Answer {
        let body = match call.body {
            Body::Empty => Bytes::new(),
            Body::Bytes(bytes) => bytes.into(),
            Body::Source(range) => {
                Bytes::copy_from_slice(&self.source[range.start as usize..range.end as usize])
            }
        };
        let mut request = Request::new(body);
        *request.method_mut() = call.method;
        *request.uri_mut() = call.url.as_str().parse().unwrap();
        *request.headers_mut() = call.headers;
        if let Some(value) = &self.authorization {
            request.headers_mut().insert("authorization", value.clone());
        }
        let (parts, body) = self.server.handle(NOW, request).into_parts();
        Answer {
            head: Head {
                status: parts.status,
                headers: parts.headers,
                url: None,
            },
            body: body.to_vec(),
            url: call.url,
        }
    }

    /// Opens an upload and says where it is.
    fn open(&mut self) -> Url {
        let answer = self.send(uploads::start(&repository()));
        location(uploads::started(&answer.head, &answer.url).unwrap())
    }
}

fn location(started: Started) -> Url {
    match started {
        Started::Upload { location, .. } => location,
        Started::Done => panic!("no upload is open"),
    }
}

fn registry() -> Registry {
    Registry::new(Scheme::Https, "registry.example").unwrap()
}

fn repository() -> Repository {
    Repository::new(registry(), "me/repo").unwrap()
}

fn tag(name: &str) -> Selector {
    Selector::Tag(name.parse().unwrap())
}

fn artifact(kind: &str) -> Manifest {
    ImageManifest::artifact(kind).to_manifest()
}

#[test]
fn end_1_tells_a_registry() {
    let mut host = Host::new(Config::default());
    assert!(base::supports(&host.send(base::get(&registry())).head));
}

#[test]
fn end_2_pulls_a_blob_or_the_rest_of_it() {
    let mut host = Host::new(Config::default());
    let digest = host.server.put_blob("me/repo", &b"0123456789"[..]);

    let answer = host.send(blobs::head(&repository(), &digest));
    let found = blobs::found(&answer.head).unwrap();
    assert_eq!((found.digest, found.size), (Some(digest), Some(10)));

    for (call, asked, offset, body) in [
        (
            blobs::get(&repository(), &digest, None),
            Asked::Whole,
            0,
            "0123456789",
        ),
        (
            blobs::get(&repository(), &digest, Some(7)),
            Asked::From(7),
            7,
            "789",
        ),
        (
            blobs::get_range(&repository(), &digest, 2..5),
            Asked::Range(2..5),
            2,
            "234",
        ),
    ] {
        let answer = host.send(call);
        let start = blobs::body(&answer.head, &asked, false).unwrap();
        assert_eq!((start.offset, start.total), (offset, Some(10)));
        assert_eq!(answer.body, body.as_bytes());
    }

    let answer = host.send(blobs::get(&repository(), &digest, Some(10)));
    let error = blobs::body(&answer.head, &Asked::From(10), false).unwrap_err();
    assert_eq!(error.http_status(), Some(StatusCode::RANGE_NOT_SATISFIABLE));
    assert!(error.to_string().contains("10 bytes"), "{error}");
}

#[test]
fn end_2_of_a_registry_without_ranges_begins_at_the_beginning() {
    let mut host = Host::with([Quirk::RangeIgnored]);
    let digest = host.server.put_blob("me/repo", &b"0123456789"[..]);
    let answer = host.send(blobs::get(&repository(), &digest, Some(7)));
    let start = blobs::body(&answer.head, &Asked::From(7), false).unwrap();
    assert_eq!((start.offset, answer.body.len()), (0, 10));
}

#[test]
fn end_2_with_the_wrong_bytes_is_refused() {
    let wrong = Quirk::SetHeader(http::header::CONTENT_RANGE, "bytes 6-9/10".to_owned());
    let mut host = Host::with([wrong]);
    let digest = host.server.put_blob("me/repo", &b"0123456789"[..]);
    let answer = host.send(blobs::get(&repository(), &digest, Some(7)));
    assert!(blobs::body(&answer.head, &Asked::From(7), true).is_err());
}

#[test]
fn end_3_and_7_bring_back_what_was_pushed() {
    let mut host = Host::new(Config::default());
    let manifest = artifact("application/vnd.example.thing");
    let answer = host.send(manifests::put(&repository(), &tag("el9"), &manifest));
    let stored = manifests::stored(&answer.head).unwrap();
    assert_eq!(stored.digest, Some(manifest.digest()));
    assert_eq!(stored.subject, None);

    for selector in [tag("el9"), manifest.digest().into()] {
        let answer = host.send(manifests::head(&repository(), &selector));
        let found = manifests::found(&answer.head).unwrap();
        assert_eq!(found.digest, Some(manifest.digest()));
        assert_eq!(found.media_type.as_deref(), Some(manifest.media_type()));
        assert_eq!(found.size, Some(manifest.raw().len() as u64));

        let answer = host.send(manifests::get(&repository(), &selector));
        let received = manifests::received(&answer.head, answer.body, &selector).unwrap();
        assert_eq!(received, manifest);
    }
}

#[test]
fn end_3_with_a_flipped_byte_is_corrupt() {
    let mut host = Host::with([Quirk::Corrupt { at: 3 }]);
    let manifest = artifact("application/vnd.example.thing");
    host.send(manifests::put(&repository(), &tag("el9"), &manifest));
    for selector in [tag("el9"), manifest.digest().into()] {
        let answer = host.send(manifests::get(&repository(), &selector));
        let error = manifests::received(&answer.head, answer.body, &selector).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn end_3_works_where_accept_is_enforced() {
    let mut host = Host::with([Quirk::AcceptEnforced]);
    let manifest = artifact("application/vnd.example.thing");
    host.send(manifests::put(&repository(), &tag("el9"), &manifest));
    let answer = host.send(manifests::get(&repository(), &tag("el9")));
    assert!(manifests::received(&answer.head, answer.body, &tag("el9")).is_ok());
}

#[test]
fn end_4b_stores_at_once_or_opens_an_upload() {
    let digest = Digest::of(b"hello");
    for (quirks, done) in [(vec![], true), (vec![Quirk::SinglePostIgnored], false)] {
        let mut host = Host::with(quirks);
        host.source = b"hello".to_vec();
        let answer = host.send(uploads::single(&repository(), &digest, 5));
        let started = uploads::started(&answer.head, &answer.url).unwrap();
        assert_eq!(started == Started::Done, done);
        if !done {
            let at = location(started);
            let answer = host.send(uploads::close(&at, &digest, Some(0..5)));
            uploads::closed(&answer.head).unwrap();
        }
        assert!(host.server.blob("me/repo", &digest).is_some());
    }
}

#[test]
fn end_5_and_6_push_in_chunks() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let mut host = Host::with([Quirk::LocationQuery("_state=a%2Bb%3D".to_owned())]);
        let created = Rule::new(Quirk::AnswerWith(StatusCode::CREATED));
        host.server.script(created.method(http::Method::PATCH));
        host.source = (0..=255).collect();
        let digest = Digest::with(algorithm, &host.source);

        let mut at = host.open();
        for chunk in [0..100, 100..200] {
            assert!(at.query().unwrap().contains("_state=a%2Bb%3D"));
            let end = chunk.end;
            let answer = host.send(uploads::patch(&at, chunk));
            let progress = uploads::progress(&answer.head, &answer.url, end).unwrap();
            assert_eq!(progress.received, end);
            at = progress.location;
        }
        let answer = host.send(uploads::close(&at, &digest, Some(200..256)));
        assert_eq!(uploads::closed(&answer.head).unwrap().digest, Some(digest));
        let stored = host.server.blob("me/repo", &digest).unwrap();
        assert_eq!(stored, host.source);
    }
}

#[test]
fn end_5_out_of_order_is_put_right_by_end_13() {
    let mut host = Host::new(Config::default());
    host.source = b"0123456789".to_vec();
    let at = host.open();

    let answer = host.send(uploads::status(&at));
    let progress = uploads::progress(&answer.head, &answer.url, 0).unwrap();
    assert_eq!(progress.received, 0);

    let answer = host.send(uploads::patch(&progress.location, 0..4));
    let at = uploads::progress(&answer.head, &answer.url, 4)
        .unwrap()
        .location;
    let answer = host.send(uploads::patch(&at, 6..8));
    let error = uploads::progress(&answer.head, &answer.url, 8).unwrap_err();
    assert_eq!(error.http_status(), Some(StatusCode::RANGE_NOT_SATISFIABLE));

    let answer = host.send(uploads::status(&at));
    let progress = uploads::progress(&answer.head, &answer.url, 0).unwrap();
    assert_eq!(progress.received, 4);
    let answer = host.send(uploads::patch_stream(&progress.location, 4..10));
    let at = uploads::progress(&answer.head, &answer.url, 10)
        .unwrap()
        .location;
    let digest = Digest::of(&host.source);
    let answer = host.send(uploads::close(&at, &digest, None));
    uploads::closed(&answer.head).unwrap();
}

#[test]
fn end_4a_announces_the_least_chunk() {
    let mut host = Host::new(Config {
        chunk_min: Some(1 << 20),
        ..Config::default()
    });
    let answer = host.send(uploads::start(&repository()));
    let started = uploads::started(&answer.head, &answer.url).unwrap();
    assert!(matches!(
        started,
        Started::Upload {
            chunk_min: Some(1_048_576),
            ..
        }
    ));
}

#[test]
fn end_8_pages_through_the_tags() {
    let mut host = Host::new(Config::default());
    for name in ["a", "b", "c", "d", "e"] {
        let manifest = artifact("application/vnd.example.thing");
        host.send(manifests::put(&repository(), &tag(name), &manifest));
    }
    let mut seen = Vec::new();
    let mut call = tags::list(&repository(), Some(2), None);
    loop {
        let answer = host.send(call);
        let page = tags::page(&answer.head, &answer.body, &answer.url).unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items.iter().map(Tag::to_string));
        match page.next {
            Some(next) => call = Call::new(http::Method::GET, next),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);

    let answer = host.send(tags::list(&repository(), None, Some("c")));
    let page = tags::page(&answer.head, &answer.body, &answer.url).unwrap();
    assert_eq!(page.items.len(), 2);
}

#[test]
fn end_9_and_10_delete() {
    let mut host = Host::new(Config::default());
    let manifest = artifact("application/vnd.example.thing");
    let blob = host.server.put_blob("me/repo", &b"blob"[..]);
    host.send(manifests::put(&repository(), &tag("el9"), &manifest));

    let selector = Selector::from(manifest.digest());
    for call in [
        manifests::delete(&repository(), &tag("el9")),
        manifests::delete(&repository(), &selector),
        blobs::delete(&repository(), &blob),
    ] {
        endpoint::deleted(&host.send(call).head).unwrap();
    }
    let answer = host.send(manifests::get(&repository(), &selector));
    let error = endpoint::failure(&answer.head, &answer.body, &answer.url);
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.has_code("MANIFEST_UNKNOWN"), "{error}");
    let answer = host.send(blobs::head(&repository(), &blob));
    assert_eq!(
        blobs::found(&answer.head).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn end_9_of_a_tag_that_may_not_be_deleted_is_unsupported() {
    let mut host = Host::with([Quirk::TagDeletionRefused]);
    let manifest = artifact("application/vnd.example.thing");
    host.send(manifests::put(&repository(), &tag("el9"), &manifest));
    let answer = host.send(manifests::delete(&repository(), &tag("el9")));
    let error = endpoint::failure(&answer.head, &answer.body, &answer.url);
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[test]
fn end_11_mounts_or_opens_an_upload() {
    let other = Repository::new(registry(), "other/repo").unwrap();
    for (quirks, done) in [(vec![], true), (vec![Quirk::MountIgnored], false)] {
        let mut host = Host::with(quirks);
        let digest = host.server.put_blob("other/repo", &b"hello"[..]);
        let answer = host.send(uploads::mount(&repository(), &digest, Some(&other)));
        let started = uploads::started(&answer.head, &answer.url).unwrap();
        assert_eq!(started == Started::Done, done);
        assert_eq!(host.server.blob("me/repo", &digest).is_some(), done);
    }
}

#[test]
fn end_12_lists_referrers() {
    let mut host = Host::new(Config::default());
    let subject = artifact("application/vnd.example.thing");
    host.send(manifests::put(&repository(), &tag("el9"), &subject));
    for kind in [
        "application/vnd.example.sbom+json",
        "application/vnd.example.sig",
    ] {
        let referrer = ImageManifest::artifact(kind)
            .about(subject.descriptor())
            .to_manifest();
        let selector = referrer.digest().into();
        let answer = host.send(manifests::put(&repository(), &selector, &referrer));
        let stored = manifests::stored(&answer.head).unwrap();
        assert_eq!(stored.subject, Some(subject.digest()));
    }
    let mut ask = |kind| {
        let answer = host.send(referrers::list(&repository(), &subject.digest(), kind));
        referrers::page(&answer.head, &answer.body, &answer.url).unwrap()
    };
    let all = ask(None);
    assert_eq!(
        (all.items.len(), all.next, all.filters_applied),
        (2, None, false)
    );
    let some = ask(Some("application/vnd.example.sbom+json"));
    assert!(some.filters_applied);
    let kinds: Vec<_> = (some.items.iter())
        .map(|referrer| referrer.artifact_type.as_deref())
        .collect();
    assert_eq!(kinds, [Some("application/vnd.example.sbom+json")]);
}

#[test]
fn end_12_of_an_older_registry_is_under_the_fallback_tag() {
    let mut host = Host::with([Quirk::NoReferrers]);
    let digest = Digest::of(b"subject");
    let answer = host.send(referrers::list(&repository(), &digest, None));
    let error = referrers::page(&answer.head, &answer.body, &answer.url).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let list = Manifest::parse(None, br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#.to_vec()).unwrap();
    let fallback = Selector::Tag(referrers::fallback_tag(&digest));
    let answer = host.send(manifests::put(&repository(), &fallback, &list));
    manifests::stored(&answer.head).unwrap();
    let (stored, ..) = (host.server)
        .manifest("me/repo", &format!("sha256-{}", digest.hex()))
        .unwrap();
    assert_eq!(stored, list.digest());
}

#[test]
fn end_14_gives_an_upload_up() {
    let mut host = Host::new(Config::default());
    let at = host.open();
    assert!(host.send(uploads::cancel(&at)).head.status.is_success());
    let answer = host.send(uploads::status(&at));
    let error = uploads::progress(&answer.head, &answer.url, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn the_catalog_lists_repositories() {
    let mut host = Host::new(Config::default());
    for name in ["a", "b/c", "d"] {
        host.server.put_blob(name, &b"x"[..]);
    }
    let answer = host.send(catalog::list(&registry(), Some(2), None));
    let page = catalog::page(&answer.head, &answer.body, &answer.url, &registry()).unwrap();
    let names: Vec<_> = page.items.iter().map(Repository::name).collect();
    assert_eq!(names, ["a", "b/c"]);
    assert!(page.next.is_some());
}

#[test]
fn warnings_are_read_from_any_answer() {
    let mut host = Host::with([Quirk::Warning("This registry moves.".to_owned())]);
    let answer = host.send(base::get(&registry()));
    assert_eq!(endpoint::warning(&answer.head), ["This registry moves."]);
}

#[test]
fn a_challenge_leads_to_a_token_that_opens_the_registry() {
    let me = Credentials::basic("me", "hunter2");
    let password = Secret::from("hunter2");
    for by_form in [false, true] {
        let mut host = Host::new(Config {
            auth: Some(Auth::bearer("me", "hunter2")),
            ..Config::default()
        });
        let answer = host.send(uploads::start(&repository()));
        assert_eq!(
            uploads::started(&answer.head, &answer.url)
                .unwrap_err()
                .kind(),
            ErrorKind::Unauthorized
        );
        let challenges = Challenge::all(&answer.head);
        let bearer = challenges[0].bearer().unwrap().unwrap();
        let trusted = TrustedRealms::default();
        realm::check(&bearer.realm, &registry(), true, &trusted).unwrap();
        let push = Scope::push(&repository());
        assert!(bearer.scopes.iter().any(|scope| push.covers(scope)));

        let service = bearer.service.as_deref();
        let call = match by_form {
            false => {
                host.authorization = me.basic_header();
                token::get(&bearer.realm, service, &[push], me.username())
            }
            true => {
                let grant = Grant::Password {
                    username: "me",
                    password: &password,
                };
                token::post(&bearer.realm, service, &[push], grant, "ocirepo")
            }
        };
        let answer = host.send(call);
        let issued = token::issued(&answer.head, &answer.body).unwrap();
        assert_eq!(issued.expires_in_secs, 300);
        host.authorization = issued.token.bearer_header();
        host.open();
    }
}

#[test]
fn a_wrong_password_is_unauthorized() {
    let mut host = Host::new(Config {
        auth: Some(Auth::basic("me", "hunter2")),
        ..Config::default()
    });
    for (password, kind) in [
        ("hunter1", Some(ErrorKind::Unauthorized)),
        ("hunter2", None),
    ] {
        host.authorization = Credentials::basic("me", password).basic_header();
        let answer = host.send(uploads::start(&repository()));
        let error = uploads::started(&answer.head, &answer.url).err();
        assert_eq!(error.map(|error| error.kind()), kind);
    }
}
