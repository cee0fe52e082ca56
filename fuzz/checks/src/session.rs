//! The session: whatever registries answer, in whatever order, secrets go where they
//! belong, nothing wrong counts as verified, and everything comes to an end.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderValue, StatusCode};
use ocirepo::auth::Credentials;
use ocirepo::clock::Now;
use ocirepo::exchange::{Body, ExchangeId, Head};
use ocirepo::manifest::ImageManifest;
use ocirepo::operation::{Blob, Operation, OperationId, Resume, Upload};
use ocirepo::reference::{Registry, Repository, Scheme, Selector, Tag};
use ocirepo::retry::Cause;
use ocirepo::session::{Config, Destination, Input, Output, Request, Session};
use ocirepo::sink::Content;
use ocirepo::source::BlobSource;
use ocirepo::{Digest, Manifest};

const CONTENT: &[u8] = b"what the blob is, and a little more than that";
const PASSWORD: &str = "hunter2";
/// More than any script of this size can keep a session busy.
const MOST_STEPS: usize = 20_000;

const STATUSES: [u16; 24] = [
    200, 200, 200, 201, 202, 204, 206, 301, 307, 308, 400, 401, 401, 403, 404, 405, 408, 413, 416,
    429, 500, 503, 100, 599,
];

const FIELDS: [(&str, &str); 26] = [
    (
        "www-authenticate",
        "Bearer realm=\"https://auth.registry.example/t\",service=s",
    ),
    (
        "www-authenticate",
        "Bearer realm=\"https://thief.example/t\"",
    ),
    (
        "www-authenticate",
        "Bearer realm=\"http://registry.example/t\"",
    ),
    (
        "www-authenticate",
        "Bearer realm=\"https://registry.example:444/t\",scope=\"a:b:c\"",
    ),
    ("www-authenticate", "Basic realm=x"),
    ("www-authenticate", "Negotiate YQ=="),
    ("location", "/v2/me/demo/blobs/uploads/1?state=x"),
    (
        "location",
        "https://thief.example/v2/me/demo/blobs/uploads/1",
    ),
    ("location", "http://registry.example/downgraded"),
    ("location", "../../x"),
    ("link", "</v2/me/demo/tags/list?last=a>; rel=\"next\""),
    ("link", "<https://thief.example/next>; rel=next"),
    ("content-type", "application/vnd.oci.image.manifest.v1+json"),
    ("content-type", "application/vnd.oci.image.index.v1+json"),
    ("content-length", "45"),
    ("content-length", "18446744073709551615"),
    ("content-range", "bytes 5-44/45"),
    ("content-range", "bytes 0-0/18446744073709551615"),
    ("range", "0-9"),
    ("range", "0-18446744073709551615"),
    ("retry-after", "3"),
    ("retry-after", "18446744073709551615"),
    (
        "docker-content-digest",
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    ),
    ("oci-chunk-min-length", "18446744073709551615"),
    ("oci-subject", "x"),
    ("warning", "299 - \"old\""),
];

const BODIES: [&[u8]; 9] = [
    b"",
    CONTENT,
    b"{\"token\":\"issued\",\"expires_in\":1}",
    b"{\"access_token\":\"issued\",\"refresh_token\":\"more\"}",
    b"{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"no\"}]}",
    b"{\"name\":\"me/demo\",\"tags\":[\"a\",\"../b\"]}",
    b"{\"name\":\"me/demo\",\"tags\":null}",
    b"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}",
    b"{\"repositories\":[\"a\",\"B\"]}",
];

const CAUSES: [Cause; 7] = [
    Cause::Unreachable,
    Cause::Tls,
    Cause::Timeout,
    Cause::Reset,
    Cause::Unprocessed,
    Cause::Opaque,
    Cause::Local,
];

/// The bytes that decide everything; zeros when they are used up.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }
}

/// What was asked for and has a result that can be checked.
enum Asked {
    Bytes(Operation<Vec<u8>>),
    Stream(Operation<Blob>),
    Manifest(Operation<Manifest>),
}

struct Host<'a> {
    script: Script<'a>,
    session: Session,
    now: Now,
    pending: Vec<Request>,
    written: BTreeMap<OperationId, Vec<u8>>,
    started: BTreeSet<OperationId>,
    done: BTreeSet<OperationId>,
}

/// The bytes decide what is asked for and what is answered.
pub fn check(data: &[u8]) {
    let registry = Registry::new(Scheme::Https, "registry.example").expect("legal");
    let repository = Repository::new(registry.clone(), "me/demo").expect("legal");
    let mut script = Script(data);
    let credentials = script
        .byte()
        .is_multiple_of(2)
        .then(|| Credentials::basic("me", PASSWORD));
    let config = Config {
        concurrency: 2,
        ..Config::default()
    };
    let mut host = Host {
        session: Session::new(config, u64::from(script.byte())),
        script,
        now: Now::default(),
        pending: Vec::new(),
        written: BTreeMap::new(),
        started: BTreeSet::new(),
        done: BTreeSet::new(),
    };
    let mut asked = Vec::new();
    for _ in 0..1 + host.script.byte() % 4 {
        asked.extend(host.ask(&repository));
    }
    host.drive(credentials);
    assert!(host.session.is_idle());
    assert_eq!(host.done, host.started, "each operation ends, once");
    for asked in asked {
        host.verify(asked);
    }
}

impl Host<'_> {
    fn ask(&mut self, repository: &Repository) -> Option<Asked> {
        let digest = Digest::of(CONTENT);
        let tag: Tag = "el9".parse().expect("legal");
        let selector = Selector::from(tag);
        let size = match self.script.byte() % 3 {
            0 => None,
            1 => Some(CONTENT.len() as u64),
            _ => Some(7),
        };
        let content = Content { digest, size };
        let artifact = || ImageManifest::artifact("a/b").to_manifest();
        let session = &mut self.session;
        let (id, asked) = match self.script.byte() % 13 {
            0 => {
                let op = session.pull_blob_bytes(repository, content, 100);
                (op.id(), Some(Asked::Bytes(op)))
            }
            1 | 2 => {
                let op = session.pull_blob(repository, content, Resume::Fresh);
                (op.id(), Some(Asked::Stream(op)))
            }
            3 => {
                let op = session.pull_manifest(repository, artifact().digest());
                (op.id(), Some(Asked::Manifest(op)))
            }
            4 => {
                let op = session.pull_manifest(repository, selector);
                (op.id(), Some(Asked::Manifest(op)))
            }
            5 => (session.resolve(repository, selector).id(), None),
            6 => (session.tags(repository).id(), None),
            7 => (
                session.referrers(repository, digest, Some("a/b")).id(),
                None,
            ),
            8 => (
                session.pull_blob_range(repository, digest, 5..20).id(),
                None,
            ),
            9 => {
                let chunk = (size == Some(7)).then_some(7);
                let source = match size {
                    None => BlobSource::new(CONTENT.len() as u64),
                    Some(_) => BlobSource::with_digest(CONTENT.len() as u64, digest),
                };
                let upload = Upload {
                    check: size.is_some(),
                    single_request: size.is_some(),
                    chunk,
                    ..Upload::default()
                };
                (session.push_blob(repository, source, upload).id(), None)
            }
            10 => (
                session.push_manifest(repository, selector, artifact()).id(),
                None,
            ),
            11 => (session.delete_blob(repository, digest).id(), None),
            _ => (session.repositories(&repository.registry).id(), None),
        };
        self.started.insert(id);
        asked
    }

    fn drive(&mut self, credentials: Option<Credentials>) {
        for _ in 0..MOST_STEPS {
            match self.session.poll(self.now) {
                Output::Request(request) => {
                    inspect(&request);
                    self.pending.push(*request);
                }
                Output::Abort(exchange) => self.pending.retain(|one| one.exchange != exchange),
                Output::Credentials { registry } => {
                    let credentials = credentials.clone();
                    let input = Input::Credentials {
                        registry,
                        credentials,
                    };
                    self.session.handle(self.now, input);
                }
                Output::Event(_) => {}
                Output::Done(id) => assert!(self.done.insert(id), "done twice"),
                Output::Wait { until } if self.pending.is_empty() => {
                    let Some(until) = until else {
                        return;
                    };
                    self.now.monotonic_ms = self.now.monotonic_ms.max(until);
                    self.session.handle(self.now, Input::Timeout);
                }
                Output::Wait { .. } => self.perform(),
            }
        }
        panic!("the session does not come to an end");
    }

    fn perform(&mut self) {
        let at = usize::from(self.script.byte()) % self.pending.len();
        let mut request = self.pending.swap_remove(at);
        let exchange = request.exchange;
        self.now.monotonic_ms += u64::from(self.script.byte());
        if self.script.0.is_empty() || self.script.byte().is_multiple_of(16) {
            let cause = match self.script.0.is_empty() {
                true => Cause::Local,
                false => self.script.pick(&CAUSES),
            };
            return self.lose(exchange, cause, request.source);
        }
        if let (Body::Source(range), Some(source)) = (&request.body, &mut request.source) {
            let start = usize::try_from(range.start).expect("a small source");
            let end = usize::try_from(range.end).expect("a small source");
            let sent = source.chunk(range.start, &CONTENT[start..end]);
            sent.expect("the source did not change");
        }
        if let Some(source) = request.source.take() {
            self.session
                .handle(self.now, Input::Sent { exchange, source });
        }
        let head = self.head();
        let body = match self.script.byte() % 16 {
            15 => vec![b'['; 2000],
            choice => BODIES[usize::from(choice) % BODIES.len()].to_vec(),
        };
        let piece = 1 + usize::from(self.script.byte());
        match self.session.head(self.now, exchange, head) {
            Destination::Discard => {}
            Destination::Collect => {
                for bytes in body.chunks(piece) {
                    let input = Input::Data { exchange, bytes };
                    self.session.handle(self.now, input);
                }
                match self.script.byte() % 4 {
                    0 => self.lose(exchange, Cause::Reset, None),
                    _ => {
                        let input = Input::End {
                            exchange,
                            sink: None,
                        };
                        self.session.handle(self.now, input);
                    }
                }
            }
            Destination::Stream(mut sink) => {
                let id = request.operation.expect("a blob is for somebody");
                let file = self.written.entry(id).or_default();
                let mut whole = !self.script.byte().is_multiple_of(4);
                for bytes in body.chunks(piece) {
                    let Ok(keep) = sink.chunk(bytes) else {
                        whole = false;
                        break;
                    };
                    let offset = usize::try_from(keep.offset).expect("a small blob");
                    assert!(offset <= file.len(), "no holes");
                    file.truncate(offset);
                    file.extend_from_slice(keep.bytes);
                }
                let sink = Some(sink);
                let input = match whole {
                    true => Input::End { exchange, sink },
                    false => Input::Lost {
                        exchange,
                        cause: Cause::Reset,
                        sink,
                        source: None,
                    },
                };
                self.session.handle(self.now, input);
            }
        }
    }

    fn lose(&mut self, exchange: ExchangeId, cause: Cause, source: Option<BlobSource>) {
        let input = Input::Lost {
            exchange,
            cause,
            sink: None,
            source,
        };
        self.session.handle(self.now, input);
    }

    fn head(&mut self) -> Head {
        let mut head = Head {
            status: StatusCode::from_u16(self.script.pick(&STATUSES)).expect("legal"),
            ..Head::default()
        };
        for _ in 0..self.script.byte() % 4 {
            let (name, value) = self.script.pick(&FIELDS);
            head.headers.append(name, HeaderValue::from_static(value));
        }
        head
    }

    fn verify(&mut self, asked: Asked) {
        match asked {
            Asked::Bytes(op) => {
                if let Some(Ok(bytes)) = self.session.take(op) {
                    assert_eq!(bytes, CONTENT);
                }
            }
            Asked::Stream(op) => {
                let written = self.written.remove(&op.id()).unwrap_or_default();
                if let Some(Ok(blob)) = self.session.take(op) {
                    assert_eq!(written, CONTENT);
                    assert_eq!(blob.digest, Digest::of(CONTENT));
                }
            }
            Asked::Manifest(op) => {
                if let Some(Ok(manifest)) = self.session.take(op) {
                    assert_eq!(manifest.digest(), Digest::of(manifest.raw()));
                }
            }
        }
    }
}

/// What must hold for every request: no downgrade, and secrets only for the registry
/// and for token servers on its site.
fn inspect(request: &Request) {
    let url = &request.url;
    assert_eq!(url.scheme(), "https", "{url}");
    let host = url.host_str().unwrap_or_default();
    let is_registry = host == "registry.example" && url.port().is_none();
    let is_on_site = host == "registry.example" || host.ends_with(".registry.example");
    if let Some(authorization) = request.headers.get("authorization") {
        assert!(authorization.is_sensitive());
        let is_basic = authorization.as_bytes().starts_with(b"Basic ");
        assert!(is_registry || is_basic && is_on_site, "{url}");
    }
    if let Body::Bytes(bytes) = &request.body
        && bytes
            .windows(PASSWORD.len())
            .any(|window| window == PASSWORD.as_bytes())
    {
        assert!(is_on_site, "{url}");
    }
}
