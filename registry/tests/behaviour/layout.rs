//! Keeping the content as an OCI image layout.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use ocirepo::digest::Digest;
use ocirepo_registry::{Changes, Config, Registry};
use serde_json::{Value, json};

use crate::scene::{INDEX, MANIFEST, Scene};

/// A directory, in memory.
#[derive(Default)]
struct Directory {
    blobs: BTreeMap<Digest, Bytes>,
    index: Vec<u8>,
}

impl Directory {
    fn apply(&mut self, changes: Changes) {
        self.blobs.extend(changes.put);
        if let Some(index) = changes.index {
            self.index = index;
        }
        for digest in changes.delete {
            self.blobs.remove(&digest);
        }
    }

    fn load(&self) -> Registry {
        let mut registry = Registry::new(Config::default());
        let read = |digest: &Digest| self.blobs.get(digest).cloned();
        registry.load(&self.index, None, read).unwrap();
        registry
    }
}

fn keeping() -> Scene {
    Scene::new(Config {
        journal: true,
        ..Config::default()
    })
}

/// Pushes an image with one layer; gives its digest and its layer's.
fn push_image(scene: &mut Scene, repository: &str, tag: Option<&str>, seed: &str) -> [Digest; 2] {
    let config = scene.registry.put_blob(repository, "{}");
    let layer = scene.registry.put_blob(repository, seed.to_owned());
    let manifest = json!({
        "schemaVersion": 2,
        "config": { "mediaType": "application/x-config", "digest": config, "size": 2 },
        "layers": [{ "mediaType": "application/x-layer", "digest": layer, "size": seed.len() }],
    });
    let digest = scene
        .registry
        .put_manifest(repository, tag, Some(MANIFEST), manifest.to_string())
        .unwrap();
    [digest, layer]
}

#[test]
fn what_is_written_down_comes_back() {
    let mut scene = keeping();
    let mut directory = Directory::default();
    let [image, layer] = push_image(&mut scene, "a/b", Some("t"), "one");
    directory.apply(scene.registry.take_changes());
    let [other, _] = push_image(&mut scene, "c", None, "two");
    let child = json!({ "mediaType": MANIFEST, "digest": other, "size": 1 });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [child] });
    let index = scene
        .registry
        .put_manifest("c", Some("all"), None, index.to_string())
        .unwrap();
    directory.apply(scene.registry.take_changes());

    let mut registry = directory.load();
    assert_eq!(registry.manifest("a/b", "t").unwrap().0, image);
    assert_eq!(registry.manifest("a/b", "t").unwrap().1, MANIFEST);
    assert_eq!(registry.blob("a/b", &layer).unwrap(), "one");
    assert!(registry.blob("c", &layer).is_none());
    assert_eq!(registry.manifest("c", "all").unwrap().0, index);
    assert!(registry.manifest("c", &other.to_string()).is_some());
    // And what was loaded is what was written: nothing is left to do.
    assert_eq!(registry.layout_index(), directory.index);
    let changes = registry.take_changes();
    assert!(changes.put.is_empty() && changes.index.is_none() && changes.delete.is_empty());
}

#[test]
fn the_index_is_one_other_tools_read() {
    let mut scene = keeping();
    let [image, _] = push_image(&mut scene, "a/b", Some("t"), "one");
    let [other, _] = push_image(&mut scene, "a/b", None, "two");
    let index: Value = serde_json::from_slice(&scene.registry.layout_index()).unwrap();
    assert_eq!(index["schemaVersion"], 2);
    let mut names: Vec<_> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["annotations"]["org.opencontainers.image.ref.name"])
        .collect();
    names.sort_by_key(|name| name.to_string());
    assert_eq!(names, ["a/b:t", &format!("a/b@{other}")]);
    let size = scene.registry.manifest("a/b", "t").unwrap().2.len();
    let entries = index["manifests"].as_array().unwrap();
    let entry = entries
        .iter()
        .find(|e| e["digest"] == json!(image))
        .unwrap();
    assert_eq!(entry["size"], size);
}

#[test]
fn content_that_nobody_holds_is_removed() {
    let mut scene = keeping();
    let mut directory = Directory::default();
    let [image, layer] = push_image(&mut scene, "a", Some("t"), "one");
    directory.apply(scene.registry.take_changes());
    assert!(directory.blobs.contains_key(&layer));
    for target in [
        format!("/v2/a/manifests/{image}"),
        format!("/v2/a/blobs/{layer}"),
    ] {
        let response = scene.send(Method::DELETE, &target, &[], "");
        assert_eq!(response.status(), 202);
    }
    directory.apply(scene.registry.take_changes());
    assert_eq!(directory.blobs.len(), 1, "the config is left");
    assert!(directory.load().manifest("a", "t").is_none());
}

#[test]
fn layouts_of_other_tools_load_into_a_repository() {
    let manifest = json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": [],
    })
    .to_string();
    let digest = Digest::of(manifest.as_bytes());
    let index = json!({
        "schemaVersion": 2,
        "manifests": [
            { "mediaType": INDEX, "digest": digest, "size": 1,
              "annotations": { "org.opencontainers.image.ref.name": "latest" } },
        ],
    })
    .to_string();
    let mut registry = Registry::new(Config::default());
    let read = |_: &Digest| Some(Bytes::from(manifest.clone()));
    registry
        .load(index.as_bytes(), Some("imported"), read)
        .unwrap();
    assert_eq!(registry.manifest("imported", "latest").unwrap().0, digest);
    let mut registry = Registry::new(Config::default());
    let error = registry.load(index.as_bytes(), None, read).unwrap_err();
    assert!(
        error.to_string().contains("no place in a repository"),
        "{error}"
    );
}

#[test]
fn content_that_is_not_what_its_name_says_is_an_error() {
    let mut scene = keeping();
    push_image(&mut scene, "a", Some("t"), "one");
    let index = scene.registry.layout_index();
    let mut registry = Registry::new(Config::default());
    let error = registry
        .load(&index, None, |_| Some(Bytes::from_static(b"tampered")))
        .unwrap_err();
    assert!(error.to_string().contains("the content is"), "{error}");
    let error = registry.load(&index, None, |_| None).unwrap_err();
    assert!(error.to_string().contains("not there"), "{error}");
    let error = registry.load(b"[]", None, |_| None).unwrap_err();
    assert!(error.to_string().contains("index.json"), "{error}");
}

#[test]
fn nothing_is_noted_unless_asked() {
    let mut scene = Scene::open();
    push_image(&mut scene, "a", Some("t"), "one");
    let changes = scene.registry.take_changes();
    assert!(changes.put.is_empty() && changes.index.is_none());
}
