//! Which signatures of a root count.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ocirepo::descriptor::Descriptor;
use ocirepo::manifest::ImageManifest;
use ocirepo::reference::Selector;
use ocirepo::{Digest, Manifest};
use ocirepo_rpm::cosign::format::{
    BUNDLE, BUNDLE_PREDICATE, SIGN_PREDICATE, SIGNATURE, SIMPLE_SIGNING,
};
use ocirepo_rpm::cosign::{
    self, Found, PrivateKey, PublicKey, Refusal, Verdict, Verification, signature_tag,
};
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::publish::{Source, Stage};
use ocirepo_rpm::snapshot::{Answer, Ask, Options, SnapshotErrorKind};
use p256::ecdsa::Signature;

use super::registry::{Directory, Registry, repository, tag};
use super::{data, private, public};

/// A root that is nobody's repository.
fn root() -> Manifest {
    Manifest::parse(None, data("root.json")).unwrap()
}

/// The selector of its signatures.
fn at(root: &Manifest) -> Selector {
    signature_tag(&root.digest()).unwrap().into()
}

fn push(registry: &mut Registry, stage: &Stage) {
    for blob in &stage.blobs {
        let Source::Bytes(content) = &blob.source else {
            panic!("{blob:?}");
        };
        registry.put_blob(&repository(), content);
    }
    for push in &stage.manifests {
        registry.put_manifest(&repository(), &push.selector, &push.manifest);
    }
}

fn sign(registry: &mut Registry, key: &PrivateKey, root: &Manifest) -> Stage {
    let there = registry.manifest(&repository(), &at(root));
    let stage = cosign::sign(key, &repository(), root, there.as_ref()).unwrap();
    push(registry, &stage);
    stage
}

/// A payload with its signature in base64.
fn put_layers(registry: &mut Registry, root: &Manifest, layers: &[(&[u8], &str)]) {
    let config = Descriptor::empty();
    let mut manifest = ImageManifest::new(config);
    for (payload, signature) in layers {
        registry.put_blob(&repository(), payload);
        let layer = Descriptor::of(SIMPLE_SIGNING, payload).annotate(SIGNATURE, *signature);
        manifest = manifest.layer(layer);
    }
    registry.put_manifest(&repository(), &at(root), &manifest.to_manifest());
}

fn put_bundle(registry: &mut Registry, root: &Manifest, bundle: &[u8]) -> Digest {
    registry.put_blob(&repository(), bundle);
    let manifest = ImageManifest::artifact(BUNDLE)
        .layer(Descriptor::of(BUNDLE, bundle))
        .about(root.descriptor())
        .to_manifest();
    let digest = manifest.digest();
    registry.put_manifest(&repository(), &digest.into(), &manifest);
    digest
}

fn verify(registry: &Registry, root: &Manifest, keys: &[PublicKey], all: bool) -> Verdict {
    let mut check = Verification::new(repository(), root.clone(), keys.to_vec(), all);
    let mut asked = 0;
    while let Some(ask) = check.ask() {
        asked += 1;
        assert!(asked < 1000);
        let answer = match ask {
            Ask::Manifest {
                repository,
                selector,
            } => Answer::Manifest(registry.manifest(repository, selector)),
            Ask::Referrers {
                repository,
                subject,
                artifact_type,
            } => Answer::Referrers(registry.referrers(repository, *subject, artifact_type)),
            Ask::Blob {
                repository,
                descriptor,
                limit,
            } => {
                assert!(descriptor.size <= *limit);
                Answer::Blob(registry.blob(repository, descriptor))
            }
        };
        check.answer(answer);
    }
    check.into_verdict()
}

fn refusals(verdict: &Verdict) -> Vec<Refusal> {
    let outcomes = verdict.signatures().iter();
    outcomes
        .filter_map(|checked| checked.outcome.clone().err())
        .collect()
}

fn text(name: &str) -> String {
    String::from_utf8(data(name)).unwrap()
}

#[test]
fn what_is_signed_is_found_in_two_requests_and_by_either_way() {
    let mut registry = Registry::default();
    let stage = sign(&mut registry, &private("plain.key"), &root());
    let keys = [public("cosign.pub")];
    registry.log();
    let verdict = verify(&registry, &root(), &keys, false);
    assert_eq!(registry.log().len(), 2);
    let good = verdict.good().unwrap();
    assert_eq!(good.key, keys[0].fingerprint());
    assert_eq!(good.identity.as_deref(), Some("localhost:5000/me/repo"));
    assert_eq!(
        verify(&registry, &root(), &keys, true).signatures().len(),
        2
    );

    // Without the tag, the bundle is enough.
    let mut bundle_only = Registry::default();
    let mut stage = stage;
    stage.manifests.retain(|push| push.selector != at(&root()));
    push(&mut bundle_only, &stage);
    let verdict = verify(&bundle_only, &root(), &keys, false);
    assert!(matches!(
        verdict.signatures()[0].found,
        Found::Bundle(digest) if stage.manifests[0].selector == Selector::Digest(digest)
    ));
    assert!(verdict.good().is_some());
    assert_eq!(
        verify(&Registry::default(), &root(), &keys, true),
        Verdict::default()
    );
}

#[test]
fn the_same_key_signs_the_same_root_with_the_same_bytes() {
    let mut registry = Registry::default();
    let key = private("plain.key");
    let first = sign(&mut registry, &key, &root());
    let again = sign(&mut registry, &key, &root());
    assert_eq!(again.manifests.len(), 1);
    assert_eq!(again.manifests[0], first.manifests[1]);
}

#[test]
fn signatures_of_others_are_kept_and_each_counts() {
    let mut registry = Registry::default();
    sign(&mut registry, &private("other.key"), &root());
    sign(&mut registry, &private("plain.key"), &root());
    let manifest = registry.manifest(&repository(), &at(&root())).unwrap();
    assert_eq!(manifest.layers().len(), 2);
    let other = private("other.key").public_key().unwrap();
    for key in [public("cosign.pub"), other] {
        assert!(verify(&registry, &root(), &[key], false).good().is_some());
    }
    let verdict = verify(&registry, &root(), &[public("rsa.pub")], true);
    assert_eq!(refusals(&verdict), vec![Refusal::NotByKey; 4]);
    assert!(verify(&registry, &root(), &[], true).good().is_none());
}

#[test]
fn signatures_that_others_made_are_read() {
    let payload = data("payload.json");
    for (key, signature) in [
        ("cosign.pub", "ecdsa.sig"),
        ("rsa.pub", "rsa.sig"),
        ("ed25519.pub", "ed25519.sig"),
    ] {
        let mut registry = Registry::default();
        put_layers(&mut registry, &root(), &[(&payload, &text(signature))]);
        let verdict = verify(&registry, &root(), &[public(key)], false);
        let good = verdict
            .good()
            .unwrap_or_else(|| panic!("{key}: {verdict:?}"));
        // The name it was signed for is told, and not compared: copies are as good.
        assert_eq!(good.identity.as_deref(), Some("elsewhere.example/me/repo"));
    }
}

#[test]
fn a_high_s_is_as_good_as_a_low_one() {
    let payload = data("payload.json");
    let signature = BASE64.decode(text("ecdsa.sig")).unwrap();
    let signature = Signature::from_der(&signature).unwrap();
    let (r, s) = signature.split_scalars();
    let other = Signature::from_scalars(r, -s).unwrap();
    for signature in [signature, other] {
        let mut registry = Registry::default();
        let text = BASE64.encode(signature.to_der().as_bytes());
        put_layers(&mut registry, &root(), &[(&payload, &text)]);
        let verdict = verify(&registry, &root(), &[public("cosign.pub")], false);
        assert!(verdict.good().is_some());
    }
}

#[test]
fn what_is_forged_or_malformed_does_not_count_and_spoils_nothing() {
    let payload = data("payload.json");
    let good = text("ecdsa.sig");
    let der = BASE64.decode(&good).unwrap();
    let mut flipped = der.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut longer = der.clone();
    longer.push(0);
    let bad = [
        (BASE64.encode(flipped), Refusal::NotByKey),
        (BASE64.encode(longer), Refusal::NotByKey),
        (BASE64.encode(&der[..der.len() - 1]), Refusal::NotByKey),
        (BASE64.encode([0x30, 0x00]), Refusal::NotByKey),
        // r and s are zero.
        (
            BASE64.encode([0x30, 6, 2, 1, 0, 2, 1, 0]),
            Refusal::NotByKey,
        ),
        (String::new(), Refusal::NotByKey),
        ("*".to_owned(), Refusal::Malformed("base64")),
        (format!("{good}\n"), Refusal::Malformed("base64")),
    ];
    for (signature, expected) in &bad {
        let mut registry = Registry::default();
        put_layers(&mut registry, &root(), &[(&payload, signature)]);
        let verdict = verify(&registry, &root(), &[public("cosign.pub")], false);
        assert_eq!(refusals(&verdict), vec![expected.clone()], "{signature}");
        assert!(verdict.good().is_none());
        put_layers(
            &mut registry,
            &root(),
            &[(&payload, signature), (&payload, &good)],
        );
        let verdict = verify(&registry, &root(), &[public("cosign.pub")], false);
        assert!(verdict.good().is_some(), "{signature}");
    }
}

#[test]
fn a_good_signature_of_something_else_does_not_count() {
    let mut registry = Registry::default();
    let key = private("plain.key");
    let other = ImageManifest::artifact("application/vnd.other").to_manifest();
    // Whoever can push copies the signatures of another root of the same publisher.
    let stage = sign(&mut registry, &key, &other);
    let signatures = registry.manifest(&repository(), &at(&other)).unwrap();
    registry.put_manifest(&repository(), &at(&root()), &signatures);
    for blob in &stage.blobs {
        if blob.descriptor.media_type == BUNDLE
            && let Source::Bytes(bundle) = &blob.source
        {
            put_bundle(&mut registry, &root(), bundle);
        }
    }
    let verdict = verify(&registry, &root(), &[public("cosign.pub")], true);
    assert_eq!(refusals(&verdict), vec![Refusal::OtherDigest; 2]);
}

#[test]
fn a_payload_that_is_too_large_is_not_even_asked_for() {
    let mut registry = Registry::default();
    let payload = vec![b' '; 64 * 1024 + 1];
    put_layers(&mut registry, &root(), &[(&payload, &text("ecdsa.sig"))]);
    let bundle = vec![b' '; (1 << 20) + 1];
    put_bundle(&mut registry, &root(), &bundle);
    registry.log();
    let verdict = verify(&registry, &root(), &[public("cosign.pub")], true);
    assert!(!registry.log().iter().any(|line| line.contains("blob")));
    let (size, limit) = (payload.len() as u64, 64 * 1024);
    let first = Refusal::TooLarge { size, limit };
    let (size, limit) = (bundle.len() as u64, 1 << 20);
    assert_eq!(
        refusals(&verdict),
        [first, Refusal::TooLarge { size, limit }]
    );
}

#[test]
fn no_more_than_sixty_four_signatures_are_looked_at() {
    let payload = data("payload.json");
    let (forged, good) = (BASE64.encode("forged"), text("ecdsa.sig"));
    let mut layers = vec![(&payload[..], &forged[..]); 63];
    layers.push((&payload, &good));
    let mut registry = Registry::default();
    put_layers(&mut registry, &root(), &layers);
    registry.log();
    let verdict = verify(&registry, &root(), &[public("cosign.pub")], false);
    assert!(verdict.good().is_some());
    // All are over the same payload.
    assert_eq!(registry.log().len(), 2);
    let key = private("plain.key");
    let there = registry.manifest(&repository(), &at(&root()));
    let error = cosign::sign(&key, &repository(), &root(), there.as_ref()).unwrap_err();
    assert!(error.to_string().contains("64 signatures"), "{error}");
    layers.insert(0, (&payload, &forged));
    put_layers(&mut registry, &root(), &layers);
    let verdict = verify(&registry, &root(), &[public("cosign.pub")], false);
    assert!(verdict.good().is_none());
}

/// An envelope around a statement, signed with the key.
fn envelope(predicate: &str, digest: &Digest) -> String {
    use p256::ecdsa::signature::Signer as _;
    use p256::pkcs8::DecodePrivateKey as _;
    let key = p256::ecdsa::SigningKey::from_pkcs8_pem(&text("plain.key")).unwrap();
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"x","digest":{{"sha512":"00"}}}},{{"digest":{{"sha256":"{}"}}}}],"predicateType":"{predicate}","predicate":{{"a":1}}}}"#,
        digest.hex()
    );
    let kind = "application/vnd.in-toto+json";
    let message = format!(
        "DSSEv1 {} {kind} {} {statement}",
        kind.len(),
        statement.len()
    );
    let signature: Signature = key.sign(message.as_bytes());
    format!(
        r#"{{"mediaType":"{BUNDLE}","verificationMaterial":{{"publicKey":{{"hint":""}},"tlogEntries":[]}},"dsseEnvelope":{{"payload":"{}","payloadType":"{kind}","signatures":[{{"sig":"AAAA"}},{{"sig":"*"}},{{"sig":"{}","keyid":""}}]}}}}"#,
        BASE64.encode(&statement),
        BASE64.encode(signature.to_der().as_bytes())
    )
}

#[test]
fn a_bundle_counts_when_it_is_a_signature_of_this_root() {
    use p256::ecdsa::signature::Signer as _;
    use p256::pkcs8::DecodePrivateKey as _;
    let key = p256::ecdsa::SigningKey::from_pkcs8_pem(&text("plain.key")).unwrap();
    let message: Signature = key.sign(root().raw());
    let message = format!(
        r#"{{"mediaType":"{BUNDLE}","verificationMaterial":{{}},"messageSignature":{{"signature":"{}"}}}}"#,
        BASE64.encode(message.to_der().as_bytes())
    );
    let digest = root().digest();
    let good = envelope(SIGN_PREDICATE, &digest);
    let other = envelope(SIGN_PREDICATE, &Digest::of(b"other"));
    let attestation = envelope("https://cyclonedx.org/bom", &digest);
    let malformed = Refusal::Malformed("bundle");
    for (bundle, expected) in [
        (good.clone(), None),
        (message.clone(), None),
        (other, Some(Refusal::OtherDigest)),
        // It says what the root is made of, not that it may be used.
        (attestation, Some(Refusal::OtherKind)),
        (
            good.replace("bundle.v0.3", "bundle.v9"),
            Some(Refusal::OtherKind),
        ),
        (
            good.replace("vnd.in-toto", "vnd.other"),
            Some(Refusal::OtherKind),
        ),
        (good.replace("\"dsse", "\"else"), Some(malformed.clone())),
        (String::from("[]"), Some(malformed)),
    ] {
        let mut registry = Registry::default();
        put_bundle(&mut registry, &root(), bundle.as_bytes());
        let verdict = verify(&registry, &root(), &[public("cosign.pub")], false);
        let found = refusals(&verdict).first().cloned();
        assert_eq!(found, expected, "{bundle}");
        assert_eq!(verdict.good().is_some(), expected.is_none());
    }
    // Over another root, the same message signature is worth nothing.
    let mut registry = Registry::default();
    let other = ImageManifest::artifact("application/vnd.other").to_manifest();
    put_bundle(&mut registry, &other, message.as_bytes());
    let verdict = verify(&registry, &other, &[public("cosign.pub")], false);
    assert_eq!(refusals(&verdict), [Refusal::NotByKey]);
}

#[test]
fn attestations_are_not_even_pulled() {
    let mut registry = Registry::default();
    let bundle = envelope("https://cyclonedx.org/bom", &root().digest());
    registry.put_blob(&repository(), bundle.as_bytes());
    let manifest = ImageManifest::artifact(BUNDLE)
        .layer(Descriptor::of(BUNDLE, bundle.as_bytes()))
        .about(root().descriptor())
        .annotate(BUNDLE_PREDICATE, "https://cyclonedx.org/bom")
        .to_manifest();
    registry.put_manifest(&repository(), &manifest.digest().into(), &manifest);
    registry.log();
    let verdict = verify(&registry, &root(), &[public("cosign.pub")], false);
    assert!(verdict.signatures().is_empty());
    assert_eq!(registry.log().len(), 2);
}

#[test]
fn a_tag_that_holds_something_else_is_not_written_over() {
    let other = ImageManifest::artifact("application/vnd.other").layer(Descriptor::empty());
    let other = other.to_manifest();
    let key = private("plain.key");
    let error = cosign::sign(&key, &repository(), &root(), Some(&other)).unwrap_err();
    assert!(
        error.to_string().contains("no list of signatures"),
        "{error}"
    );
}

fn published(registry: &mut Registry, layout: Layout) {
    let directory = Directory::new(1_700_000_000, &[("hello", "hello")], &[]);
    let plan = directory.plan(Some(layout), None).unwrap();
    assert!(registry.perform(&plan, &directory, usize::MAX));
}

fn demanding(key: &str) -> Options {
    Options {
        cosign: Some(vec![public(key)]),
        ..Options::default()
    }
}

#[test]
fn a_repository_is_opened_when_its_root_is_signed_and_nothing_is_read_otherwise() {
    for layout in [Layout::Files, Layout::Index] {
        let mut registry = Registry::default();
        published(&mut registry, layout);
        registry.log();
        let error = registry
            .open(tag(layout), demanding("cosign.pub"))
            .unwrap_err();
        assert_eq!(error.kind(), SnapshotErrorKind::Unsigned);
        let requests = registry.log();
        assert!(!requests.iter().any(|r| r.contains("blob")), "{requests:?}");

        let snapshot = registry.open(tag(layout), Options::default()).unwrap();
        let root = snapshot.root().unwrap().clone();
        sign(&mut registry, &private("plain.key"), &root);
        let snapshot = registry.open(tag(layout), demanding("cosign.pub")).unwrap();
        assert_eq!(snapshot.digest(), root.digest());
        let signature = snapshot.root_signature().unwrap();
        assert_eq!(signature.key, public("cosign.pub").fingerprint());

        let error = registry
            .open(tag(layout), demanding("rsa.pub"))
            .unwrap_err();
        assert_eq!(error.kind(), SnapshotErrorKind::BadSignature);
        let says = error.to_string();
        assert!(
            says.contains("layer 0 of the .sig tag: not made by a given key"),
            "{says}"
        );
        let nobody = Options {
            cosign: Some(Vec::new()),
            ..Options::default()
        };
        assert!(registry.open(tag(layout), nobody).is_err());
    }
}

#[test]
fn a_tree_has_no_root_to_be_signed() {
    let mut registry = Registry::default();
    published(&mut registry, Layout::Tree);
    for layout in [None, Some(Layout::Tree)] {
        let options = Options {
            layout,
            ..demanding("cosign.pub")
        };
        let error = registry.open("latest", options).unwrap_err();
        assert!(
            error.to_string().contains("tree layout has no root"),
            "{error}"
        );
    }
}

#[test]
fn a_snapshot_that_is_too_old_is_refused_with_its_age() {
    let mut registry = Registry::default();
    published(&mut registry, Layout::Files);
    let at = |days: u64, max_days: u64| Options {
        now: 1_700_000_000 + days * 86_400,
        max_age: Some(max_days * 86_400),
        ..Options::default()
    };
    assert!(registry.open("el9", at(7, 7)).is_ok());
    let error = registry.open("el9", at(8, 7)).unwrap_err();
    assert_eq!(error.kind(), SnapshotErrorKind::Stale);
    let says = error.to_string();
    assert!(
        says.contains("8 days ago (2023-11-14T22:13:20Z), and at most 7 days"),
        "{says}"
    );
}
