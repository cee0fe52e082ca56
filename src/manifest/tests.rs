use super::*;
use crate::media_type::{DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST};
use crate::platform::Platform;

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn descriptor(media_type: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{DIGEST}","size":2}}"#)
}

fn parse(content_type: Option<&str>, text: &str) -> Result<Manifest, ManifestError> {
    let text = text.replace("DESC", &descriptor("a/b"));
    let view = ManifestRef::parse(content_type, text.as_bytes());
    let owned = Manifest::parse(content_type, text.clone().into_bytes());
    // What a view passes over may occur twice, and be of any depth.
    let passed_over = |owned| {
        let problem = problem(owned);
        problem.contains("a field occurs twice") || problem.contains("recursion limit")
    };
    match (&owned, view) {
        (Ok(owned), Ok(view)) => assert_same(&view, owned),
        (Err(owned), _) if passed_over(owned) => {}
        (Err(owned), Err(view)) => assert_eq!(problem(owned), problem(&view)),
        (owned, view) => panic!("{owned:?} but {view:?}"),
    }
    owned
}

/// What is wrong, without where.
fn problem(error: &ManifestError) -> String {
    let text = error.to_string();
    text.split(" at line").next().unwrap_or_default().to_owned()
}

fn assert_same(view: &ManifestRef<'_>, owned: &Manifest) {
    assert_eq!(view.media_type(), owned.media_type());
    let viewed = view.config().into_iter().chain(view.layers());
    let viewed = viewed.chain(view.children()).chain(view.subject());
    let owned = owned.blobs().chain(owned.children()).chain(owned.subject());
    let facts = |of: &Descriptor| {
        (
            of.media_type.clone(),
            of.digest,
            of.size,
            of.annotations.clone(),
        )
    };
    let owned: Vec<_> = owned.map(facts).collect();
    let viewed: Vec<_> = viewed
        .map(|of| {
            let annotations = of.annotations().unwrap();
            (
                of.media_type().to_owned(),
                of.digest(),
                of.size(),
                annotations,
            )
        })
        .collect();
    assert_eq!(viewed, owned);
}

#[test]
fn a_view_reads_escapes_and_refuses_bad_digests_and_annotations() {
    let text = r#"{"schemaVersion":2,"config":{"mediaType":"a\/\u0062","digest":"DIGEST","size":2,
        "annotations":{"a":"1","\u0061":"\"2"}},"layers":[]}"#;
    let text = text.replace("DIGEST", DIGEST);
    let view = ManifestRef::parse(None, text.as_bytes()).unwrap();
    assert_same(
        &view,
        &Manifest::parse(None, text.clone().into_bytes()).unwrap(),
    );
    let config = view.config().unwrap();
    assert_eq!(config.media_type(), "a/b");
    assert_eq!(config.annotations().unwrap().get("a"), Some("\"2"));
    let wrong = text.replace(r#"{"a":"1","#, r#"{"a":1,"#);
    let view = ManifestRef::parse(None, wrong.as_bytes()).unwrap();
    assert!(view.config().unwrap().annotations().is_err());
    for (digest, said) in [
        (DIGEST.to_uppercase().replace("SHA", "sha"), "hex digits"),
        (DIGEST.replace("sha256", "sha512"), "128 hex digits"),
        (DIGEST.replace("sha256", "md5"), "unknown algorithm"),
        (DIGEST.replace(':', ""), "no `:`"),
    ] {
        let wrong = text.replace(DIGEST, &digest);
        let error = ManifestRef::parse(None, wrong.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        let owned = Manifest::parse(None, wrong.into_bytes()).unwrap_err();
        assert_eq!(problem(&error), problem(&owned));
    }
}

#[test]
fn each_kind_is_read_and_kept_to_the_byte() {
    let image = r#" { "schemaVersion":2, "config":DESC, "layers":[DESC , DESC], "x":{"y":1.50} } "#;
    let index = r#"{"manifests":[DESC],"schemaVersion":2,"annotations":{"b":"1","a":"2"}}"#;
    for (content_type, text, media_type) in [
        (None, image, OCI_MANIFEST),
        (Some(OCI_MANIFEST), image, OCI_MANIFEST),
        (Some(DOCKER_MANIFEST), image, DOCKER_MANIFEST),
        (None, index, OCI_INDEX),
        (Some(DOCKER_MANIFEST_LIST), index, DOCKER_MANIFEST_LIST),
        (Some(" "), index, OCI_INDEX),
        (
            Some("application/vnd.oci.image.index.v1+json; charset=utf-8"),
            index,
            OCI_INDEX,
        ),
    ] {
        let manifest = parse(content_type, text).unwrap();
        let raw = text.replace("DESC", &descriptor("a/b"));
        assert_eq!(manifest.raw(), raw.as_bytes());
        assert_eq!(manifest.digest(), Digest::of(raw.as_bytes()));
        assert_eq!(manifest.media_type(), media_type);
        assert_eq!(manifest.as_index().is_some(), text == index);
        assert_eq!(manifest.as_image().is_some(), text == image);
        assert_eq!(manifest.blobs().count(), if text == image { 3 } else { 0 });
        assert_eq!(manifest.children().len(), usize::from(text == index));
    }
    assert_eq!(
        parse(None, image).unwrap().as_image().unwrap().unknown["x"]["y"],
        1.5
    );
}

#[test]
fn null_and_absent_are_the_same() {
    let image = r#"{"schemaVersion":2,"config":DESC,"layers":null,"manifests":null,"subject":null,"annotations":null,"mediaType":null,"artifactType":null}"#;
    let image = parse(None, image).unwrap();
    assert!(image.layers().is_empty() && image.subject().is_none());
    let index = parse(Some(OCI_INDEX), r#"{"schemaVersion":2,"manifests":null}"#).unwrap();
    assert!(index.children().is_empty());
}

#[test]
fn what_is_no_manifest_or_two_at_once_is_refused() {
    let oci = format!(r#""mediaType":"{OCI_MANIFEST}""#);
    let cases: &[(Option<&str>, &str, &str)] = &[
        (None, "", "EOF while parsing"),
        (None, "[]", "a manifest, which is an object"),
        (None, "<html>", "expected value at line 1 column 1"),
        (None, r#"{"schemaVersion":2} x"#, "trailing characters"),
        (None, r#"{"config":DESC}"#, "no `schemaVersion`"),
        (
            None,
            r#"{"schemaVersion":1,"fsLayers":[]}"#,
            "Docker's schema 1",
        ),
        (None, r#"{"schemaVersion":3}"#, "`schemaVersion` is 3"),
        (None, r#"{"schemaVersion":"2"}"#, "invalid type: string"),
        (None, r#"{"schemaVersion":2}"#, "nothing tells what it is"),
        (
            None,
            r#"{"schemaVersion":2,"layers":[]}"#,
            "needs a `config`",
        ),
        (
            None,
            r#"{"schemaVersion":2,"config":DESC,"layers":[],"manifests":[]}"#,
            "both `manifests` and `layers`",
        ),
        (
            Some(OCI_INDEX),
            r#"{"schemaVersion":2,"layers":[DESC],"manifests":[DESC]}"#,
            "both `manifests` and `layers`",
        ),
        (
            None,
            r#"{"schemaVersion":2,"config":DESC,"manifests":[DESC]}"#,
            "both `manifests` and `config`",
        ),
        (
            None,
            r#"{"schemaVersion":2,"config":DESC,"layers":[],"Manifests":[DESC]}"#,
            "field `Manifests` differs from `manifests` only in case",
        ),
        (
            None,
            r#"{"schemaVersion":2,"manifests":[],"layer\u017f":[DESC]}"#,
            "field `layerſ` differs from `layers` only in case",
        ),
        (
            None,
            r#"{"schemaVersion":2,"config":DESC,"layers":[],"layers":[DESC]}"#,
            "duplicate field `layers`",
        ),
        (
            Some(OCI_MANIFEST),
            r#"{"schemaVersion":2,"manifests":[]}"#,
            "which has no `manifests`",
        ),
        (
            Some(DOCKER_MANIFEST_LIST),
            r#"{"schemaVersion":2,"config":DESC,"layers":[]}"#,
            "which has no `layers`",
        ),
        (
            Some(OCI_INDEX),
            r#"{"schemaVersion":2,"config":DESC}"#,
            "which has no `config`",
        ),
        (
            Some("text/html; charset=utf-8"),
            r#"{"schemaVersion":2,"config":DESC,"layers":[]}"#,
            "its type is `text/html`, known are",
        ),
        (
            None,
            r#"{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"md5:0","size":1}}"#,
            "unknown algorithm; known are sha256",
        ),
    ];
    for (content_type, text, message) in cases {
        let error = parse(*content_type, text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
        assert!(error.starts_with("cannot read manifest: "), "{error}");
    }
    let image = format!(r#"{{"schemaVersion":2,{oci},"config":DESC,"layers":[]}}"#);
    assert!(parse(Some(&OCI_MANIFEST.to_uppercase()), &image).is_ok());
    for wrong in [OCI_INDEX, DOCKER_MANIFEST, "application/json"] {
        let error = parse(Some(wrong), &image).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "cannot read manifest: the registry sent it as `{wrong}`, but it says it is `{OCI_MANIFEST}`"
            )
        );
    }
}

#[test]
fn what_is_not_text_is_refused_with_the_place() {
    let error = Manifest::parse(None, b"{\"x\":\"\xff\"}".to_vec()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read manifest: it is not text in UTF-8, at byte 6"
    );
}

#[test]
fn deep_documents_are_refused_without_recursion() {
    let text = format!(r#"{{"schemaVersion":2,"x":{}"#, "[".repeat(1 << 20));
    let error = parse(None, &text).unwrap_err().to_string();
    assert!(error.contains("recursion limit"), "{error}");
}

#[test]
fn messages_quote_strangers_briefly() {
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"\n{}"}}"#,
        "é".repeat(500)
    );
    let error = parse(None, &text).unwrap_err().to_string();
    assert!(error.contains(r"`\né") && error.contains("…`"), "{error}");
    assert!(error.len() < 500, "{error}");
}

#[test]
fn artifact_type_falls_back_to_the_config() {
    let image = ImageManifest::new(Descriptor::of("x/config", b"{}"));
    assert_eq!(
        image.clone().to_manifest().artifact_type(),
        Some("x/config")
    );
    let empty = ImageManifest {
        artifact_type: Some(String::new()),
        ..image
    };
    assert_eq!(empty.to_manifest().artifact_type(), Some("x/config"));
    let artifact = ImageManifest::artifact("x/y").to_manifest();
    assert_eq!(artifact.artifact_type(), Some("x/y"));
    assert_eq!(ImageIndex::new().to_manifest().artifact_type(), None);
}

#[test]
fn building_is_deterministic_and_in_the_order_of_the_specification() {
    let subject = ImageIndex::new().to_manifest().descriptor();
    let built = ImageManifest::artifact("x/y")
        .layer(
            Descriptor::of("text/plain", b"")
                .annotate("z", "1")
                .annotate("a", "2"),
        )
        .about(subject)
        .annotate("later", "1")
        .annotate("first", "2")
        .to_manifest();
    let text = String::from_utf8(built.raw().to_vec()).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","#,
            r#""artifactType":"x/y","config":{"mediaType":"application/vnd.oci.empty.v1+json","#,
            r#""digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","#,
            r#""size":2,"data":"e30="},"layers":[{"mediaType":"text/plain","#,
            r#""digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","#,
            r#""size":0,"annotations":{"a":"2","z":"1"}}],"subject":{"mediaType":"#,
            r#""application/vnd.oci.image.index.v1+json","#,
            r#""digest":"sha256:dff9de10919148711140d349bf03f1a99eb06f94b03e51715ccebfa7cdc518e2","#,
            r#""size":88},"annotations":{"first":"2","later":"1"}}"#,
        )
    );
    let read = Manifest::parse(None, built.raw().to_vec()).unwrap();
    assert_eq!(read.body(), built.body());
    assert_eq!(read, built);
    assert_eq!(read.referrer().artifact_type.as_deref(), Some("x/y"));
    assert_eq!(read.referrer().annotations.len(), 2);
}

#[test]
fn a_digest_of_another_algorithm_can_be_asked_for() {
    let manifest = ImageIndex::new().to_manifest();
    let sha256 = manifest.digest();
    let manifest = manifest.hashed_with(Algorithm::Sha512);
    assert_eq!(
        manifest.digest(),
        Digest::with(Algorithm::Sha512, manifest.raw())
    );
    assert_eq!(manifest.hashed_with(Algorithm::Sha256).digest(), sha256);
}

#[test]
fn the_nearest_platform_is_selected() {
    let entry = |platform: Option<&str>, size| Descriptor {
        platform: platform.map(|text| Box::new(text.parse().unwrap())),
        ..Descriptor::new(OCI_MANIFEST, Digest::of(b""), size)
    };
    let index = ImageIndex::new()
        .manifest(entry(None, 0))
        .manifest(entry(Some("unknown/unknown"), 1))
        .manifest(entry(Some("linux/arm/v5"), 2))
        .manifest(entry(Some("linux/arm/v6"), 3))
        .manifest(entry(Some("linux/amd64"), 4))
        .manifest(entry(Some("linux/amd64"), 5))
        .manifest(entry(Some("linux/arm64/v8"), 6));
    for (wanted, size) in [
        ("linux/arm/v7", Some(3)),
        ("linux/arm/v5", Some(2)),
        ("linux/amd64", Some(4)),
        ("linux/arm64", Some(6)),
        ("linux/riscv64", None),
        ("windows/amd64", None),
    ] {
        let wanted: Platform = wanted.parse().unwrap();
        assert_eq!(
            index.select(&wanted).map(|found| found.size),
            size,
            "{wanted}"
        );
    }
}
