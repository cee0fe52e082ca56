//! What to push so that a manifest is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;
use ocirepo::manifest::ImageManifest;
use ocirepo::reference::Repository;
use serde::Serialize;

use super::error::{SignError, Unsignable};
use super::format::{
    BUNDLE, BUNDLE_CONTENT, BUNDLE_PREDICATE, CONFIG, SIGN_PREDICATE, SIGNATURE, SIMPLE_SIGNING,
    signature_tag,
};
use super::key::PrivateKey;
use super::verify::MAX_LAYERS;
use super::{bundle, payload};
use crate::publish::{BlobPush, ManifestPush, Source, Stage};

/// The date that stands where there is none.
const NO_DATE: &str = "0001-01-01T00:00:00Z";

/// What to push so that `root` is signed: a layer more in the manifest at its `.sig` tag,
/// and a bundle that refers to it. `there` is the manifest at the
/// [tag](super::signature_tag) now, whose signatures are kept.
///
/// The same key signs the same root in the same repository with the same bytes; when the
/// tag has that signature already, only the bundle is pushed, which it may lack.
pub fn sign(
    key: &PrivateKey,
    repository: &Repository,
    root: &Manifest,
    there: Option<&Manifest>,
) -> Result<Stage, SignError> {
    let digest = root.digest();
    let tag = signature_tag(&digest).ok_or(SignError(Unsignable::Digest(digest)))?;
    let public = key
        .public_key()
        .map_err(|error| SignError(Unsignable::Key(error)))?;
    let mut stage = Stage::default();
    let mut blob = |descriptor: &Descriptor, content: Vec<u8>| {
        stage.blobs.push(BlobPush {
            repository: repository.clone(),
            descriptor: descriptor.clone(),
            source: Source::Bytes(content),
            known: false,
        });
    };
    let mut manifests = Vec::new();
    let mut manifest = |selector, manifest: Manifest| {
        manifests.push(ManifestPush {
            repository: repository.clone(),
            selector,
            manifest,
            known: false,
        });
    };

    let payload = payload::write(repository, &digest);
    let layer = Descriptor::of(SIMPLE_SIGNING, &payload)
        .annotate(SIGNATURE, BASE64.encode(key.sign(&payload)));
    let mut layers = match there {
        None => Vec::new(),
        Some(there) if is_signatures(there) => there.layers().to_vec(),
        Some(_) => return Err(SignError(Unsignable::Occupied(tag.to_string()))),
    };
    let same = |other: &Descriptor| {
        other.digest == layer.digest && other.annotation(SIGNATURE) == layer.annotation(SIGNATURE)
    };
    if !layers.iter().any(same) {
        if layers.len() >= MAX_LAYERS {
            return Err(SignError(Unsignable::Full(MAX_LAYERS)));
        }
        blob(&layer, payload);
        layers.push(layer);
        let config = config(&layers);
        let described = Descriptor::of(CONFIG, &config);
        blob(&described, config);
        let signatures = ImageManifest {
            layers,
            ..ImageManifest::new(described)
        };
        manifest(tag.into(), signatures.to_manifest());
    }

    let content = bundle::write(key, &public, &digest);
    let layer = Descriptor::of(BUNDLE, &content);
    blob(&layer, content);
    let empty = Descriptor {
        data: None,
        ..Descriptor::empty()
    };
    blob(&empty, b"{}".to_vec());
    let subject = Descriptor::new(root.media_type(), digest, root.raw().len() as u64);
    let bundle = ImageManifest {
        config: empty,
        ..ImageManifest::artifact(BUNDLE)
    };
    let bundle = bundle
        .layer(layer)
        .about(subject)
        .annotate(BUNDLE_CONTENT, "dsse-envelope")
        .annotate(BUNDLE_PREDICATE, SIGN_PREDICATE)
        .to_manifest();
    manifest(bundle.digest().into(), bundle);

    stage.manifests = manifests;
    Ok(stage)
}

/// Whether a manifest holds signatures and nothing else.
fn is_signatures(manifest: &Manifest) -> bool {
    let signature = |layer: &Descriptor| layer.annotation(SIGNATURE).is_some();
    manifest.as_image().is_some() && manifest.layers().iter().all(signature)
}

/// The config of a `.sig` manifest, which is that of an image: this is how cosign and
/// skopeo write it, and what they expect when they add signatures of their own.
fn config(layers: &[Descriptor]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Config {
        architecture: &'static str,
        created: &'static str,
        history: Vec<History>,
        os: &'static str,
        rootfs: Rootfs,
        config: Empty,
    }
    #[derive(Serialize)]
    struct History {
        created: &'static str,
    }
    #[derive(Serialize)]
    struct Rootfs {
        r#type: &'static str,
        diff_ids: Vec<Digest>,
    }
    #[derive(Serialize)]
    struct Empty {}
    let config = Config {
        architecture: "",
        created: NO_DATE,
        history: layers
            .iter()
            .map(|_| History { created: NO_DATE })
            .collect(),
        os: "",
        rootfs: Rootfs {
            r#type: "layers",
            // Payloads are not compressed.
            diff_ids: layers.iter().map(|layer| layer.digest).collect(),
        },
        config: Empty {},
    };
    // Writing to memory what has string keys only cannot fail.
    serde_json::to_vec(&config).unwrap_or_default()
}
