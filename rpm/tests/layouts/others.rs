//! The files that no metadata names are found for the next publisher.

use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::manifest::ImageManifest;
use ocirepo::media_type::OCTET_STREAM;
use ocirepo_rpm::layout::{Layout, format};
use ocirepo_rpm::snapshot::{Options, Snapshot};

use super::registry::{Directory, Registry};

fn found(registry: &Registry, snapshot: &Snapshot) -> Vec<String> {
    let lists = snapshot.other_lists();
    let lists: Vec<Manifest> = lists
        .iter()
        .map(|list| registry.manifest(&list.repository, &list.selector).unwrap())
        .collect();
    let files = snapshot.other_files(&lists);
    files.iter().map(|(path, _)| path.to_string()).collect()
}

fn published(directory: &Directory, layout: Layout) -> (Registry, Snapshot) {
    let mut registry = Registry::default();
    let plan = directory.plan(Some(layout), None).unwrap();
    assert!(registry.perform(&plan, directory, usize::MAX));
    let tag = super::registry::tag(layout);
    let mut snapshot = registry.open(tag, Options::default()).unwrap();
    directory.teach(&mut snapshot);
    (registry, snapshot)
}

#[test]
fn files_beside_packages_and_metadata_are_found() {
    let others = [("KEY", "key"), ("images/boot.iso", "boot")];
    let directory = Directory::new(1, &[("a", "a"), ("a", "b")], &others);
    for layout in [Layout::Files, Layout::Index] {
        let (registry, snapshot) = published(&directory, layout);
        assert!(snapshot.other_lists().is_empty());
        assert_eq!(found(&registry, &snapshot), ["KEY", "images/boot.iso"]);
    }
    let (registry, snapshot) = published(&directory, Layout::Tree);
    assert!(found(&registry, &snapshot).is_empty());
}

#[test]
fn many_files_are_found_in_their_shards() {
    let names: Vec<String> = (0..500).map(|n| format!("images/{n:03}")).collect();
    let others: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &**name)).collect();
    let directory = Directory::new(1, &[("a", "a")], &others);
    let (registry, snapshot) = published(&directory, Layout::Index);
    assert!(snapshot.other_lists().len() > 1);
    assert_eq!(found(&registry, &snapshot), names);
}

#[test]
fn base_names_of_packages_and_metadata_are_not_others() {
    let directory = Directory::new(1, &[("a", "a")], &[("KEY", "key")]);
    let mut registry = Registry::default();
    let mut image = ImageManifest::artifact("application/x-any");
    for (path, content) in &directory.files {
        let name = path.rsplit('/').next().unwrap();
        let layer = Descriptor::of(OCTET_STREAM, content).annotate(format::TITLE, name);
        image = image.layer(layer);
    }
    let contents: Vec<&[u8]> = directory.files.values().map(Vec::as_slice).collect();
    registry.put_files("el9", image.to_manifest(), &contents);
    let mut snapshot = registry.open("el9", Options::default()).unwrap();
    directory.teach(&mut snapshot);
    assert_eq!(found(&registry, &snapshot), ["KEY"]);
}
