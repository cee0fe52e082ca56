//! What holds whatever is asked.

use bytes::Bytes;
use http::{Method, Request};
use ocirepo::digest::Digest;
use ocirepo_registry::{Auth, Config, Registry};
use proptest::prelude::*;

use crate::scene::{INDEX, MANIFEST, image};

/// Paths near what the registry knows.
fn path() -> impl Strategy<Value = String> {
    let content = Digest::of(b"content");
    let manifest = Digest::of(image(0).as_bytes());
    let piece = prop_oneof![
        Just("v2".to_owned()),
        Just("r".to_owned()),
        Just("s".to_owned()),
        Just("manifests".to_owned()),
        Just("blobs".to_owned()),
        Just("uploads".to_owned()),
        Just("tags".to_owned()),
        Just("list".to_owned()),
        Just("referrers".to_owned()),
        Just("storage".to_owned()),
        Just("token".to_owned()),
        Just("_catalog".to_owned()),
        Just(content.to_string()),
        Just(manifest.to_string()),
        Just(String::new()),
        "[a-z%0-9:.]{0,8}",
    ];
    let random = proptest::collection::vec(piece, 0..7).prop_map(|p| format!("/{}", p.join("/")));
    prop_oneof![
        random,
        Just(format!("/v2/r/manifests/{manifest}")),
        Just("/v2/r/manifests/t".to_owned()),
        Just(format!("/v2/r/blobs/{content}")),
        Just("/v2/r/blobs/uploads/".to_owned()),
        Just("/v2/s/blobs/uploads/".to_owned()),
    ]
}

fn query() -> impl Strategy<Value = String> {
    let content = Digest::of(b"content");
    prop_oneof![
        Just(String::new()),
        Just(format!("?digest={content}")),
        Just(format!("?mount={content}&from=r")),
        Just(format!("?mount={content}")),
        Just("?n=1&last=a".to_owned()),
        Just("?tag=t&tag=u".to_owned()),
        "\\?[a-z=&%0-9]{0,20}",
    ]
}

fn request() -> impl Strategy<Value = Request<Bytes>> {
    let method = prop_oneof![
        Just(Method::GET),
        Just(Method::HEAD),
        Just(Method::POST),
        Just(Method::PUT),
        Just(Method::PATCH),
        Just(Method::DELETE),
        Just(Method::OPTIONS),
    ];
    let body = prop_oneof![
        Just(Bytes::new()),
        Just(Bytes::from_static(b"content")),
        Just(Bytes::from(image(0))),
        Just(Bytes::from(image(1))),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from),
    ];
    let header = prop_oneof![
        Just(MANIFEST.to_owned()).prop_map(|value| ("content-type", value)),
        Just(INDEX.to_owned()).prop_map(|value| ("content-type", value)),
        "bytes=[0-9]{0,20}-[0-9]{0,20}".prop_map(|value| ("range", value)),
        "[0-9]{0,20}-[0-9]{0,20}".prop_map(|value| ("content-range", value)),
        "(Basic|Bearer) [a-zA-Z0-9=]{0,12}".prop_map(|value| ("authorization", value)),
        "[a-z.:\"]{0,8}".prop_map(|value| ("host", value)),
    ];
    let headers = proptest::collection::vec(header, 0..3);
    (method, path(), query(), headers, body).prop_filter_map(
        "no URI",
        |(method, path, query, headers, body)| {
            let mut request = Request::builder()
                .method(method)
                .uri(format!("{path}{query}"));
            for (name, value) in headers {
                request = request.header(name, value);
            }
            request.body(body).ok()
        },
    )
}

/// Every tag leads to a manifest, and everything that can be had is what its digest says.
fn check(registry: &mut Registry) {
    let get = |registry: &mut Registry, target: &str| {
        let request = Request::get(target).body(Bytes::new()).unwrap();
        registry.handle(0, request)
    };
    let catalog = get(registry, "/v2/_catalog");
    let catalog: serde_json::Value = serde_json::from_slice(catalog.body()).unwrap();
    for name in catalog["repositories"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        let tags = get(registry, &format!("/v2/{name}/tags/list"));
        let tags: serde_json::Value = serde_json::from_slice(tags.body()).unwrap();
        for tag in tags["tags"].as_array().unwrap() {
            let tag = tag.as_str().unwrap();
            let response = get(registry, &format!("/v2/{name}/manifests/{tag}"));
            assert_eq!(response.status(), 200);
            let digest = response.headers()["docker-content-digest"]
                .to_str()
                .unwrap();
            let digest: Digest = digest.parse().unwrap();
            assert_eq!(Digest::with(digest.algorithm(), response.body()), digest);
        }
        let content = Digest::of(b"content");
        if let Some(blob) = registry.blob(name, &content) {
            assert_eq!(blob, "content");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_requests_leave_a_registry_that_is_whole(
        requests in proptest::collection::vec(request(), 1..30),
        finish in any::<bool>(),
    ) {
        let mut registry = Registry::new(Config { journal: true, ..Config::default() });
        let mut disk = std::collections::BTreeMap::new();
        let mut index = registry.layout_index();
        for (now, request) in requests.into_iter().enumerate() {
            let is_head = request.method() == Method::HEAD;
            let starts = finish && request.method() == Method::POST;
            let response = registry.handle(now as u64, request);
            prop_assert!(!is_head || response.body().is_empty());
            if starts && response.status() == 202 {
                // Carry the upload through, so that content gets in this way too.
                let location = response.headers()["location"].to_str().unwrap();
                let target = format!("{location}?digest={}", Digest::of(b"content"));
                let request = Request::put(target).body(Bytes::from_static(b"content")).unwrap();
                prop_assert_eq!(registry.handle(now as u64, request).status(), 201);
            }
            let changes = registry.take_changes();
            disk.extend(changes.put);
            index = changes.index.unwrap_or(index);
            for digest in changes.delete {
                disk.remove(&digest);
            }
        }
        check(&mut registry);
        // What was kept on the way loads into the same registry.
        let mut loaded = Registry::new(Config::default());
        loaded.load(&index, None, |digest| disk.get(digest).cloned()).unwrap();
        prop_assert_eq!(loaded.layout_index(), registry.layout_index());
    }

    #[test]
    fn strangers_change_nothing(
        requests in proptest::collection::vec(request(), 1..30),
    ) {
        let auth = Some(Auth::bearer("me", "secret"));
        let mut registry = Registry::new(Config { auth, journal: true, ..Config::default() });
        for request in requests {
            registry.handle(0, request);
        }
        let changes = registry.take_changes();
        prop_assert!(changes.put.is_empty() && changes.index.is_none());
    }
}
