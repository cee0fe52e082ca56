//! The invariants, on every request and every result of random exchanges.
//!
//! A run is made of random operations against a registry with random quirks, over a
//! network with random splits and losses, at a random pace. What must come of it is decided by
//! the [model](crate::model): an operation yields exactly what is stored, or an error. What must
//! hold on the way are the [invariants](crate::invariants).

use bytes::Bytes;
use http::{Method, StatusCode};
use ocirepo::auth::Credentials;
use ocirepo::operation::{Blob, Operation, PushedBlob, Resume, Unverified, Upload};
use ocirepo::reference::{Repository, Selector, Tag};
use ocirepo::session::{Config, Session};
use ocirepo::sink::Content;
use ocirepo::source::BlobSource;
use ocirepo::{Descriptor, Digest, Error, Manifest};
use ocirepo_registry::simulator::{Simulator, Weather};
use ocirepo_registry::{Auth, Config as RegistryConfig, Quirk, Rule, TokenField};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::invariants;
use crate::model::{Ask, Model, Outcome, content, manifest, pushed};
use crate::scenario::{ORIGIN, header, repository};

/// What a run asked for.
enum Asked {
    Bytes(Operation<Vec<u8>>),
    Stream(Operation<Blob>),
    Range(Operation<Unverified>),
    Push(Operation<PushedBlob>),
    Resolve(Operation<Descriptor>),
    Manifest(Operation<Manifest>),
    Tags(Operation<Vec<Tag>>),
    Referrers(Operation<Vec<Descriptor>>),
}

fn tag() -> Tag {
    "el9".parse().unwrap()
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        1 => (0..5usize).prop_map(Ask::Bytes),
        3 => (0..5usize).prop_map(Ask::Stream),
        1 => (0..5usize, 0..400u64, 0..400u64).prop_map(|(n, a, b)| Ask::Range(n, a, b)),
        1 => Just(Ask::Missing),
        1 => (
            0..3000usize,
            any::<bool>(),
            proptest::option::of(1..2000u64)
        )
            .prop_map(|(len, known, chunk)| Ask::Push { len, known, chunk }),
        1 => Just(Ask::Resolve),
        1 => Just(Ask::Manifest),
        1 => Just(Ask::Tags),
        1 => Just(Ask::Referrers),
        1 => (0..60usize).prop_map(Ask::Cancelled),
    ]
}

/// Quirks that leave content right: whoever meets them must still succeed.
fn harmless() -> impl Strategy<Value = Quirk> {
    prop_oneof![
        Just(Quirk::NoReferrers),
        Just(Quirk::FiltersIgnored),
        Just(Quirk::OutOfOrderAppended),
        Just(Quirk::MountIgnored),
        Just(Quirk::TagsNull),
        Just(Quirk::PagingIgnored),
        Just(Quirk::RangeIgnored),
        Just(Quirk::AcceptEnforced),
        Just(Quirk::WithoutHeader(header("docker-content-digest"))),
        Just(Quirk::Warning("old".into())),
        Just(Quirk::LocationQuery("_state=x".into())),
        Just(Quirk::TokenField(TokenField::AccessToken)),
        Just(Quirk::ExpiresIn(None)),
        Just(Quirk::NoScopeInChallenge),
        Just(Quirk::FirstScopeOnly),
    ]
}

/// Quirks that may make an operation fail, but never make it yield something wrong.
fn harmful() -> impl Strategy<Value = Quirk> {
    let statuses = [400, 401, 403, 404, 405, 408, 413, 416, 429, 500, 503];
    prop_oneof![
        1 => proptest::sample::select(statuses.to_vec())
            .prop_map(|status| Quirk::Status(StatusCode::from_u16(status).unwrap())),
        1 => proptest::sample::select(&[200u16, 201, 202, 204, 206][..])
            .prop_map(|status| Quirk::AnswerWith(StatusCode::from_u16(status).unwrap())),
        1 => proptest::option::of(0..100u32).prop_map(|after| Quirk::TooManyRequests {
            retry_after: after.map(|s| s.to_string())
        }),
        1 => Just(Quirk::Redirect {
            origin: "https://mirror.example".into()
        }),
        1 => Just(Quirk::Redirect {
            origin: "http://registry.example".into()
        }),
        1 => Just(Quirk::Redirect {
            origin: ORIGIN.into()
        }),
        1 => Just(Quirk::StorageRedirect {
            origin: "https://storage.example".into()
        }),
        1 => Just(Quirk::NoChunkedUpload),
        1 => Just(Quirk::EmptyPutRefused),
        1 => Just(Quirk::SinglePostIgnored),
        1 => (1..3000u64).prop_map(Quirk::ChunkLimit),
        1 => Just(Quirk::LocationOrigin("https://uploads.example".into())),
        1 => Just(Quirk::LocationOrigin("http://registry.example".into())),
        1 => Just(Quirk::LinkOrigin("https://thief.example".into())),
        8 => (0..400usize).prop_map(|at| Quirk::Corrupt { at }),
        1 => vec(any::<u8>(), 0..50).prop_map(Quirk::Surplus),
        1 => vec(any::<u8>(), 0..50).prop_map(Quirk::Body),
        1 => Just(Quirk::SetHeader(
            header("content-range"),
            "bytes 5-9/10".into()
        )),
        1 => Just(Quirk::SetHeader(
            header("content-length"),
            "99999999999".into()
        )),
        1 => Just(Quirk::SetHeader(
            header("location"),
            "https://thief.example/x?y".into()
        )),
        1 => Just(Quirk::SetHeader(
            header("range"),
            "0-18446744073709551615".into()
        )),
        1 => Just(Quirk::SetHeader(header("link"), "<?n=1>; rel=next".into())),
        1 => Just(Quirk::SetHeader(header("content-type"), "text/html".into())),
        1 => Just(Quirk::WithoutHeader(header("location"))),
        1 => Just(Quirk::TokensRevoked),
        1 => Just(Quirk::ExpiresIn(Some(1))),
        1 => Just(Quirk::Challenges(vec![
            "Bearer realm=\"https://thief.example/t\"".into()
        ])),
        1 => Just(Quirk::Challenges(vec!["Basic".into(), "{own}".into()])),
        1 => Just(Quirk::Challenges(vec![])),
        1 => (0..400u64).prop_map(Quirk::CutAfter),
        1 => (0..400usize).prop_map(Quirk::LostAfter),
        1 => (0..100_000u64).prop_map(Quirk::Delay),
        1 => Just(Quirk::Reset),
    ]
}

fn rule(quirk: impl Strategy<Value = Quirk>) -> impl Strategy<Value = Rule> {
    let methods = [
        None,
        Some(Method::GET),
        Some(Method::PUT),
        Some(Method::POST),
        Some(Method::PATCH),
    ];
    let scope = prop_oneof![Just(None), (1..6u32).prop_map(Some),];
    (quirk, proptest::sample::select(methods.to_vec()), scope).prop_map(|(quirk, method, first)| {
        let mut rule = Rule::new(quirk);
        if let Some(method) = method {
            rule = rule.method(method);
        }
        match first {
            Some(n) => rule.first(n),
            None => rule,
        }
    })
}

fn auth() -> impl Strategy<Value = Option<Auth>> {
    prop_oneof![
        Just(None),
        Just(Some(Auth::basic("lab", "labpass"))),
        Just(Some(Auth::bearer("lab", "labpass"))),
    ]
}

fn weather() -> impl Strategy<Value = Weather> {
    (
        prop_oneof![Just(0usize), 1..700usize],
        prop_oneof![Just(0u32), 1..80u32],
    )
        .prop_map(|(chunk, losses)| Weather {
            chunk,
            losses,
            forgets: 300,
        })
}

struct Run {
    session: Session,
    simulator: Simulator,
    repository: Repository,
    model: Model,
    asked: Vec<(Ask, Asked)>,
}

impl Run {
    fn new(seed: u64, auth: Option<Auth>, rules: &[Rule]) -> Self {
        let repository = repository("me/demo");
        let mut simulator = Simulator::new(seed);
        let registry = RegistryConfig {
            auth,
            page_limit: Some(2),
            ..RegistryConfig::default()
        };
        let registry = simulator.add_registry(ORIGIN, registry);
        let model = Model::new();
        for blob in model.blobs() {
            registry.put_blob("me/demo", blob.clone());
        }
        for (tag, manifest) in model.tags() {
            let raw = manifest.raw().to_vec();
            let stored = registry.put_manifest("me/demo", Some(tag), None, raw);
            assert!(stored.is_some());
        }
        for rule in rules {
            registry.script(rule.clone());
        }
        simulator.log_in(
            repository.registry.clone(),
            Credentials::basic("lab", "labpass"),
        );
        Self {
            session: Session::new(Config::default(), seed),
            simulator,
            repository,
            model,
            asked: Vec::new(),
        }
    }

    fn ask(&mut self, ask: &Ask) {
        let Self {
            session,
            repository,
            ..
        } = self;
        let asked = match ask {
            Ask::Bytes(n) => {
                let digest = Digest::of(&content(*n));
                Asked::Bytes(session.pull_blob_bytes(repository, digest, 10_000))
            }
            Ask::Stream(n) => {
                let bytes = content(*n);
                let content = Content {
                    digest: Digest::of(&bytes),
                    size: Some(bytes.len() as u64),
                };
                Asked::Stream(session.pull_blob(repository, content, Resume::Fresh))
            }
            Ask::Range(n, start, len) => {
                let digest = Digest::of(&content(*n));
                let range = *start..start + len;
                Asked::Range(session.pull_blob_range(repository, digest, range))
            }
            Ask::Missing => {
                let digest = Digest::of(b"never stored");
                Asked::Bytes(session.pull_blob_bytes(repository, digest, 10_000))
            }
            Ask::Push { len, known, chunk } => {
                let bytes = pushed(*len);
                let source = match known {
                    true => BlobSource::with_digest(*len as u64, Digest::of(&bytes)),
                    false => BlobSource::new(*len as u64),
                };
                let upload = Upload {
                    chunk: *chunk,
                    ..Upload::default()
                };
                let operation = session.push_blob(repository, source, upload);
                let sources = &mut self.simulator.sources;
                sources.insert(operation.id(), Bytes::from(bytes));
                Asked::Push(operation)
            }
            Ask::Resolve => Asked::Resolve(session.resolve(repository, tag())),
            Ask::Manifest => Asked::Manifest(session.pull_manifest(repository, tag())),
            Ask::Tags => Asked::Tags(session.tags(repository)),
            Ask::Referrers => {
                Asked::Referrers(session.referrers(repository, manifest().digest(), None))
            }
            Ask::Cancelled(steps) => {
                let digest = Digest::of(&content(4));
                let operation = session.pull_blob_bytes(repository, digest, 10_000);
                for _ in 0..*steps {
                    self.simulator.step(session);
                }
                session.cancel(operation.id());
                Asked::Bytes(operation)
            }
        };
        self.asked.push((ask.clone(), asked));
    }

    /// Drives to the end, within bounds (invariant 8: there is progress).
    fn finish(&mut self) {
        let mut steps = 0;
        while self.simulator.step(&mut self.session) {
            steps += 1;
            assert!(steps < 2_000_000, "no end in sight");
        }
        assert!(self.session.is_idle());
        invariants::of_requests(&self.simulator, self.asked.len());
    }

    /// What came of an operation, in the terms of the model.
    fn outcome(&mut self, asked: Asked) -> Outcome {
        let session = &mut self.session;
        let outcome = match asked {
            Asked::Bytes(operation) => session.take(operation).unwrap().map(Outcome::Verified),
            Asked::Stream(operation) => {
                let file = self.simulator.files.remove(&operation.id());
                let file = file.unwrap_or_default();
                session.take(operation).unwrap().map(|blob| {
                    assert_eq!(
                        (blob.size, blob.digest),
                        (file.len() as u64, Digest::of(&file))
                    );
                    Outcome::Verified(file)
                })
            }
            Asked::Range(operation) => {
                let part = session.take(operation).unwrap();
                part.map(|part| Outcome::Unverified(part.bytes))
            }
            Asked::Push(operation) => {
                let pushed = session.take(operation).unwrap();
                pushed.map(|pushed| Outcome::Pushed(pushed.digest, pushed.size))
            }
            Asked::Resolve(operation) => {
                let found = session.take(operation).unwrap();
                found.map(|found| Outcome::Resolved(found.digest))
            }
            Asked::Manifest(operation) => session.take(operation).unwrap().map(|manifest| {
                invariants::invariant_6_a_manifest_means_one_thing(&manifest);
                Outcome::Manifest(manifest.into_raw())
            }),
            Asked::Tags(operation) => session.take(operation).unwrap().map(|tags| {
                let mut tags: Vec<_> = tags.iter().map(Tag::to_string).collect();
                tags.sort();
                Outcome::Tags(tags)
            }),
            Asked::Referrers(operation) => session.take(operation).unwrap().map(|referrers| {
                Outcome::Referrers(referrers.iter().map(|one| one.digest).collect())
            }),
        };
        outcome.unwrap_or_else(|error: Error| {
            invariants::of_an_error(&error);
            Outcome::Error(error.kind())
        })
    }

    /// Compares every result with the model. With `must`, errors are wrong too.
    fn check_results(&mut self, must: bool) {
        for (ask, asked) in std::mem::take(&mut self.asked) {
            let predicted = self.model.predict(&ask);
            let got = self.outcome(asked);
            invariants::of_a_result(&ask, &got, &predicted);
            if !must {
                continue;
            }
            invariants::is_exactly(&ask, &got, &predicted);
            if let (Ask::Push { len, .. }, Outcome::Pushed(digest, _)) = (&ask, &got) {
                let stored = self.simulator.registry(ORIGIN).blob("me/demo", digest);
                assert_eq!(stored.as_deref(), Some(&*pushed(*len)), "it is there");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_wrong_comes_of_a_hostile_registry_and_network(
        seed: u64,
        auth in auth(),
        weather in weather(),
        rules in vec(rule(prop_oneof![harmless(), harmful()]), 0..5),
        asks in vec((ask(), prop_oneof![4 => Just(0u64), 1 => 0..400_000u64]), 1..8),
    ) {
        let mut run = Run::new(seed, auth, &rules);
        run.simulator.weather = weather;
        for (ask, pause) in &asks {
            run.ask(ask);
            // Tokens end, limits run out, or nothing happens.
            run.simulator.pass(*pause);
        }
        run.finish();
        run.check_results(false);
    }

    #[test]
    fn everything_succeeds_at_a_registry_that_is_only_peculiar(
        seed: u64,
        auth in auth(),
        chunk in 0..700usize,
        rules in vec(rule(harmless()), 0..4),
        asks in vec(ask(), 1..8),
    ) {
        let mut run = Run::new(seed, auth, &rules);
        run.simulator.weather.chunk = chunk;
        for ask in &asks {
            run.ask(ask);
        }
        run.finish();
        run.check_results(true);
    }

    #[test]
    fn a_body_whole_or_byte_by_byte_gives_the_same_result(
        auth in auth(),
        rules in vec(rule(prop_oneof![harmless(), harmful()]), 0..4),
        asks in vec(ask(), 1..3),
    ) {
        // One operation at a time, so that the order of exchanges cannot differ.
        let outcomes = |chunk: usize| {
            let mut run = Run::new(1, auth.clone(), &rules);
            run.simulator.weather.chunk = chunk;
            let mut outcomes = Vec::new();
            for ask in asks.iter().filter(|ask| !matches!(ask, Ask::Cancelled(_))) {
                run.ask(ask);
                let mut steps = 0;
                while run.simulator.step(&mut run.session) {
                    steps += 1;
                    assert!(steps < 1_000_000, "no end in sight");
                }
                let urls: Vec<_> = run.simulator.sent.drain(..)
                    .map(|sent| format!("{} {}", sent.method, sent.url)).collect();
                let files = std::mem::take(&mut run.simulator.files);
                // A chunk that holds a byte too many is refused as a whole, so what is
                // left of a pull that failed differs.
                let (_, asked) = run.asked.pop().expect("it was asked");
                let stream = matches!(asked, Asked::Stream(_));
                run.simulator.files = files.clone();
                let outcome = run.outcome(asked);
                let whole = !stream || matches!(outcome, Outcome::Verified(_));
                outcomes.push((urls, outcome, whole.then_some(files)));
            }
            outcomes
        };
        // Uploads cut after some bytes see different pieces, so only those differ.
        prop_assume!(!rules.iter().any(|r| format!("{r:?}").contains("LostAfter")));
        prop_assert_eq!(outcomes(0), outcomes(1));
    }
}

#[test]
fn what_a_selector_names_is_checked_before_it_is_sent() {
    assert!("../../etc".parse::<Tag>().is_err());
    assert!("sha256:..".parse::<Selector>().is_err());
    assert!("sha256:..".parse::<Digest>().is_err());
}
