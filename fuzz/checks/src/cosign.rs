//! Signatures as cosign makes them: whatever registries answer, only what the given key made over
//! the given root counts, after a bounded number of questions.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ocirepo::manifest::ImageManifest;
use ocirepo::reference::{Reference, Repository};
use ocirepo::{Descriptor, Manifest};
use ocirepo_rpm::cosign::{PrivateKey, PublicKey, Verification, format};
use ocirepo_rpm::snapshot::{Answer, Ask};

/// A P-256 key that signs nothing but tests.
const KEY: &str = include_str!("../../../rpm/tests/cosign/data/plain.key");

struct Fixed {
    repository: Repository,
    root: Manifest,
    key: PublicKey,
    /// The payload that was signed, and its signature in base64.
    payload: Vec<u8>,
    signature: String,
}

static FIXED: LazyLock<Fixed> = LazyLock::new(|| {
    let reference: Reference = "registry.example/me/repo".parse().unwrap();
    let repository = reference.into_repository();
    let root = ImageManifest::artifact("application/x").to_manifest();
    let key = PrivateKey::parse(KEY.as_bytes(), None).unwrap();
    let stage = ocirepo_rpm::cosign::sign(&key, &repository, &root, None).unwrap();
    let manifest = &stage.manifests[0].manifest;
    let layer = &manifest.layers()[0];
    let payload = (stage.blobs.iter())
        .find(|blob| blob.descriptor.digest == layer.digest)
        .map(|blob| match &blob.source {
            ocirepo_rpm::publish::Source::Bytes(bytes) => bytes.clone(),
            source => panic!("{source:?}"),
        });
    Fixed {
        key: key.public_key().unwrap(),
        payload: payload.unwrap(),
        signature: layer.annotation(format::SIGNATURE).unwrap().to_owned(),
        repository,
        root,
    }
});

/// Lines: the first is a payload, the second a signature, the rest a bundle. A line that is `$` is
/// the genuine one.
pub fn check(data: &[u8]) {
    let fixed = &*FIXED;
    if let Ok(key) = PublicKey::parse(data) {
        assert_eq!(PublicKey::parse(key.to_pem().as_bytes()).as_ref(), Ok(&key));
    }
    // Without a password none is tried, so that nothing costly can happen.
    if let Ok(key) = PrivateKey::parse(data, None) {
        assert!(!format!("{key:?}").contains(&BASE64.encode(data)));
    }
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (payload, signature, bundle) = (next(), next(), next());
    let genuine = (payload == b"$", signature == b"$");
    let payload = if genuine.0 { &fixed.payload } else { payload };
    let signature = match genuine.1 {
        true => fixed.signature.clone(),
        false => String::from_utf8_lossy(signature).into_owned(),
    };
    let layer = Descriptor::of(format::SIMPLE_SIGNING, payload);
    let layer = layer.annotate(format::SIGNATURE, signature.as_str());
    let signatures = ImageManifest::new(Descriptor::empty())
        .layer(layer)
        .to_manifest();
    let bundled = ImageManifest::artifact(format::BUNDLE)
        .layer(Descriptor::of(format::BUNDLE, bundle))
        .about(fixed.root.descriptor())
        .to_manifest();
    let keys = vec![fixed.key.clone()];
    let mut check = Verification::new(fixed.repository.clone(), fixed.root.clone(), keys, true);
    let mut asked = 0;
    while let Some(ask) = check.ask() {
        asked += 1;
        assert!(asked < 10, "few things are there to be asked for");
        let answer = match ask {
            Ask::Manifest { selector, .. } => {
                let known = selector.to_string() == bundled.digest().to_string();
                Answer::Manifest(Some(if known { &bundled } else { &signatures }.clone()))
            }
            Ask::Referrers { .. } => Answer::Referrers(vec![bundled.referrer()]),
            Ask::Blob {
                descriptor, limit, ..
            } => {
                assert!(descriptor.size <= *limit);
                let of = |content: &&[u8]| Descriptor::of("", content).digest == descriptor.digest;
                let found = [payload, bundle].into_iter().find(of);
                Answer::Blob(found.map(<[u8]>::to_vec))
            }
        };
        check.answer(answer);
    }
    let verdict = check.into_verdict();
    for checked in verdict.signatures() {
        if let Ok(good) = &checked.outcome {
            assert_eq!(good.key, fixed.key.fingerprint());
            // There is one signature by this key, and it is over this payload. Its base64 may be
            // written in another way.
            assert_eq!(payload, &fixed.payload[..], "forged");
        }
    }
    assert!(genuine != (true, true) || verdict.good().is_some());
}
