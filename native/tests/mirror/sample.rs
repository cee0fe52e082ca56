//! Repositories as `push` leaves them, put straight into a registry.

use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;
use ocirepo::manifest::{ImageIndex, ImageManifest, Manifest};
use ocirepo::reference::Tag;
use ocirepo_registry::Registry;
use ocirepo_rpm::layout::{format, tags};

pub(crate) fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn layer(registry: &mut Registry, name: &str, content: &str) -> Descriptor {
    registry.put_blob(name, content.as_bytes().to_vec());
    Descriptor::of("application/octet-stream", content.as_bytes()).annotate(format::TITLE, content)
}

pub(crate) fn put(registry: &mut Registry, name: &str, tag: Option<&str>, manifest: &Manifest) {
    let kind = Some(manifest.media_type());
    let raw = manifest.raw().to_vec();
    registry.put_manifest(name, tag, kind, raw).unwrap();
}

/// An artifact with a layer for each content.
pub(crate) fn artifact(
    registry: &mut Registry,
    name: &str,
    kind: &str,
    contents: &[&str],
) -> Manifest {
    registry.put_blob(name, b"{}".to_vec());
    let artifact = ImageManifest {
        config: Descriptor {
            data: None,
            ..Descriptor::empty()
        },
        ..ImageManifest::artifact(kind)
    };
    let layers = contents.iter();
    let layers: Vec<Descriptor> = layers.map(|text| layer(registry, name, text)).collect();
    layers
        .into_iter()
        .fold(artifact, ImageManifest::layer)
        .to_manifest()
}

/// Publishes a snapshot in `index` at the moving tag `el9`: metadata, and a shard for each
/// list of contents.
pub(crate) fn publish(
    registry: &mut Registry,
    name: &str,
    sequence: u64,
    shards: &[&[&str]],
) -> Manifest {
    let metadata = format!("repomd {sequence}");
    let metadata = artifact(registry, name, format::METADATA, &[&metadata]);
    let mut children = vec![(metadata, format::ROLE_METADATA)];
    for shard in shards {
        let shard = artifact(registry, name, format::PACKAGES, shard);
        children.push((shard, format::ROLE_PACKAGES));
    }
    let mut index = ImageIndex::new()
        .annotate(format::LAYOUT, "index")
        .annotate(format::SEQUENCE, sequence.to_string());
    index.artifact_type = Some(format::REPOSITORY.to_owned());
    for (child, role) in children {
        let at = tags::child(&child.digest()).unwrap();
        put(registry, name, Some(at.as_str()), &child);
        index = index.manifest(child.descriptor().annotate(format::ROLE, role));
    }
    let root = index.to_manifest();
    let own = tags::snapshot(&tag("el9"), sequence, &root.digest()).unwrap();
    for at in [own.as_str(), "el9"] {
        put(registry, name, Some(at), &root);
    }
    root
}

/// A signature as cosign makes it, at its tag.
pub(crate) fn sign(registry: &mut Registry, name: &str, digest: &Digest) -> Manifest {
    let payload = format!("signature of {digest}");
    let manifest = artifact(registry, name, "application/sig", &[&payload]);
    let at = format!("sha256-{}.sig", digest.hex());
    put(registry, name, Some(&at), &manifest);
    manifest
}

/// A manifest whose subject is another one.
pub(crate) fn about(
    registry: &mut Registry,
    name: &str,
    subject: &Manifest,
    text: &str,
) -> Manifest {
    let artifact = artifact(registry, name, "application/note", &[text]);
    let image = artifact.as_image().unwrap().clone();
    let manifest = image.about(subject.descriptor()).to_manifest();
    put(registry, name, None, &manifest);
    manifest
}
