//! The registry in memory: whatever it is asked, its content is what its digests say, and a model
//! of maps predicts what it has.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::RANGE;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use ocirepo::Digest;
use ocirepo_registry::{Auth, Config, Registry};

const CONTENTS: [&[u8]; 4] = [
    b"",
    b"content",
    b"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}",
    b"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"artifactType\":\"a/b\",\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},\"layers\":[]}",
];

const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// Each line is a request: a byte for the method, one for the body, one that says what stands
/// before the rest, which is a target and, after blanks, header fields as `name:value`. In all of
/// them `$0` to `$3` stand for the digests of four blobs that are there, `$u` for the last upload.
pub fn check(data: &[u8]) {
    let Some((choice, script)) = data.split_first() else {
        return;
    };
    let closed = choice % 4 == 0;
    let config = Config {
        auth: closed.then(|| Auth::bearer("lab", "hunter2")),
        page_limit: (choice & 8 != 0).then_some(1),
        sparse: choice & 16 == 0,
        chunk_min: (choice & 32 != 0).then_some(3),
        ..Config::default()
    };
    let mut run = Run {
        registry: Registry::new(config),
        model: BTreeMap::new(),
        upload: "/v2/r/blobs/uploads/none".to_owned(),
    };
    for (now, line) in script.split(|byte| *byte == b'\n').take(40).enumerate() {
        if let Some(request) = run.request(line) {
            run.perform(now as u64, request, closed);
        }
    }
    run.compare();
}

struct Run {
    registry: Registry,
    /// What a manifest's tag must lead to: by target, the content that was put there last.
    model: BTreeMap<String, Bytes>,
    upload: String,
}

impl Run {
    fn request(&self, line: &[u8]) -> Option<Request<Bytes>> {
        let [method, body, start, rest @ ..] = line else {
            return None;
        };
        let starts = [
            "",
            "/v2/r/manifests/",
            "/v2/r/blobs/",
            "/v2/r/blobs/uploads/",
            "/v2/r/tags/list",
            "/v2/r/referrers/",
            "$u",
            "/token?",
        ];
        let mut text = starts[usize::from(start % 8)].to_owned();
        text.push_str(std::str::from_utf8(rest).ok()?);
        for (at, content) in CONTENTS.iter().enumerate() {
            text = text.replace(&format!("${at}"), &Digest::of(content).to_string());
        }
        text = text.replace("$u", &self.upload);
        let mut words = text.split(' ');
        let target: Uri = words.next()?.parse().ok()?;
        let content = match usize::from(*body) {
            at if at % 8 < 4 => Bytes::from_static(CONTENTS[at % 8]),
            _ => Bytes::copy_from_slice(rest),
        };
        let mut request = Request::builder()
            .method(METHODS[usize::from(method % 7)].clone())
            .uri(target);
        for field in words {
            let (name, value) = field.split_once(':')?;
            request = request.header(name, HeaderValue::from_str(value).ok()?);
        }
        request.body(content).ok()
    }

    fn perform(&mut self, now: u64, request: Request<Bytes>, closed: bool) {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (headers, body) = (request.headers().clone(), request.body().clone());
        let target = request.uri().clone();
        let response = self.registry.handle(now, request);
        let status = response.status();
        if closed {
            // Nobody has logged in, and passwords are not guessed.
            let open = path == "/token" || method == Method::OPTIONS;
            assert!(open || !status.is_success(), "{method} {path}: {status}");
        }
        if method == Method::HEAD {
            assert!(response.body().is_empty());
            // Token servers and uploads know no `HEAD`, and nobody asks them.
            if path == "/token" || status == StatusCode::METHOD_NOT_ALLOWED {
                return;
            }
            let mut get = Request::get(target).body(Bytes::new()).unwrap();
            *get.headers_mut() = headers;
            // RFC 9110, section 14.2: ranges are of GET alone.
            get.headers_mut().remove(RANGE);
            let got = self.registry.handle(now, get);
            assert_eq!(got.status(), status, "HEAD is GET without a body: {path}");
            return;
        }
        if let Some(location) = response.headers().get("location")
            && status == StatusCode::ACCEPTED
        {
            self.upload = location.to_str().expect("ASCII").to_owned();
        }
        if method == Method::GET && status == StatusCode::OK {
            whole(&path, &response);
        }
        // What is put at a tag is what is there, until it is put or deleted anew.
        let tag = path
            .strip_prefix("/v2/r/manifests/")
            .filter(|tag| !tag.contains(':'));
        if tag.is_some() && status.is_success() {
            match method {
                Method::PUT => drop(self.model.insert(path, body)),
                Method::DELETE => drop(self.model.remove(&path)),
                _ => {}
            }
        } else if method == Method::DELETE && status.is_success() {
            // A manifest that goes takes its tags along.
            let digest: Option<Digest> = path.rsplit('/').next().and_then(|text| text.parse().ok());
            if path.starts_with("/v2/r/manifests/") {
                (self.model).retain(|_, body| {
                    digest.is_none_or(|digest| Digest::with(digest.algorithm(), body) != digest)
                });
            }
        } else if method == Method::PUT
            && target.query().is_some_and(|query| query.contains("tag="))
        {
            // Tags may come along with a manifest; the model does not follow them.
            self.model.clear();
        }
    }

    fn compare(&mut self) {
        for (path, content) in &self.model {
            let raw = path.strip_prefix("/v2/r/manifests/").unwrap();
            let found = self.registry.manifest("r", raw);
            let found = found.map(|(_, _, content)| content);
            assert_eq!(found.as_ref(), Some(content), "{path}");
        }
        let list = Request::get("/v2/r/tags/list").body(Bytes::new()).unwrap();
        let list = self.registry.handle(0, list);
        if list.status() == StatusCode::OK {
            let list: serde_json::Value = serde_json::from_slice(list.body()).expect("JSON");
            let tags: Vec<&str> = (list["tags"].as_array().into_iter().flatten())
                .map(|tag| tag.as_str().expect("a name"))
                .collect();
            assert!(tags.is_sorted(), "{tags:?}");
        }
    }
}

/// What is had by its digest is what it says.
fn whole(path: &str, response: &Response<Bytes>) {
    let headers = response.headers();
    if let Some(digest) = headers.get("docker-content-digest") {
        let digest: Digest = digest.to_str().unwrap().parse().expect("a digest");
        assert_eq!(
            Digest::with(digest.algorithm(), response.body()),
            digest,
            "{path}"
        );
    }
    let asked = path
        .rsplit('/')
        .next()
        .and_then(|text| text.parse::<Digest>().ok());
    if let Some(asked) = asked
        && !path.contains("/referrers/")
    {
        assert_eq!(
            Digest::with(asked.algorithm(), response.body()),
            asked,
            "{path}"
        );
    }
}
