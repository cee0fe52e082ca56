//! Repositories to publish, and publishers of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ocirepo::reference::{Reference, Repository, Tag};
use ocirepo::{Descriptor, Digest, Manifest};
use ocirepo_native::publish::{self, Local, Options, Prepared, Published, Sources};
use ocirepo_native::{Client, Error, repository};
use ocirepo_registry::Registry;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::publish::{self as plan, Destination, File, Input, Package, Parent};
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::snapshot::{self, PackageEntry, Snapshot};

use crate::common::noise;

/// A directory with packages and `repodata`. A package has its path as content. The
/// revision names the packages, so that a snapshot tells what is in it.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    packages: Vec<Package>,
    repomd: Repomd,
}

fn path(name: &str) -> String {
    format!("Packages/{name}-1.0-1.noarch.rpm")
}

impl Directory {
    pub(crate) fn of(names: &BTreeSet<String>) -> Self {
        let mut files = BTreeMap::new();
        let packages: Vec<Package> = names
            .iter()
            .map(|name| {
                let path = path(name);
                files.insert(path.clone(), path.clone().into_bytes());
                Package {
                    checksum: Digest::of(path.as_bytes()).into(),
                    path: Href::from_path(&path).unwrap(),
                    name: name.clone(),
                    source: name.clone(),
                }
            })
            .collect();
        let primary = format!("{names:?}\n");
        let digest = Digest::of(primary.as_bytes());
        let hex = digest.hex();
        let path = format!("repodata/{hex}-primary.xml");
        let revision: Vec<&str> = names.iter().map(String::as_str).collect();
        let repomd = format!(
            "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>{}</revision>\
             <data type=\"primary\"><checksum type=\"sha256\">{hex}</checksum>\
             <location href=\"{path}\"/><size>{}</size></data></repomd>",
            revision.join(" "),
            primary.len()
        );
        files.insert(path, primary.into_bytes());
        let parsed = Repomd::parse(repomd.as_bytes()).unwrap();
        files.insert("repodata/repomd.xml".to_owned(), repomd.into_bytes());
        Self {
            files,
            packages,
            repomd: parsed,
        }
    }

    /// What to push for it.
    pub(crate) fn prepare(&self, snapshot: Option<&Snapshot>, to: &Destination) -> Prepared {
        let parent = snapshot.map(|snapshot| {
            let mut learnt = snapshot.clone();
            for name in names_in(snapshot) {
                let path = path(&name);
                learnt.learn_packages([PackageEntry {
                    path: &Href::from_path(&path).unwrap(),
                    checksum: Digest::of(path.as_bytes()).into(),
                    size: Some(path.len() as u64),
                    name: &name,
                    source: &name,
                }]);
            }
            Parent::of(&learnt)
        });
        let files = self.files.iter().map(|(path, content)| File {
            path: Href::from_path(path).unwrap(),
            digest: Digest::of(content),
            size: content.len() as u64,
        });
        let input = Input {
            files: files.collect(),
            repomd: &self.repomd,
            packages: self.packages.clone(),
            date: None,
            catalogue: None,
        };
        let mut sources = Sources::new();
        for (path, content) in &self.files {
            sources.insert(path.clone(), Local::Bytes(content.clone().into()));
        }
        Prepared {
            plan: plan::plan(&input, to, parent.as_ref()).unwrap(),
            sources,
        }
    }
}

pub(crate) fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The packages of a snapshot.
pub(crate) fn names_in(snapshot: &Snapshot) -> BTreeSet<String> {
    let revision = snapshot.repomd().revision.as_deref().unwrap_or_default();
    revision.split(' ').map(str::to_owned).collect()
}

pub(crate) fn destination(repository: Repository, layout: Layout) -> Destination {
    Destination {
        repository,
        tag: match layout {
            Layout::Tree => Tag::latest(),
            _ => "el9".parse().unwrap(),
        },
        layout: Some(layout),
        merges: Vec::new(),
    }
}

/// Adds packages to what is there.
pub(crate) async fn add(
    client: &Client,
    to: &Destination,
    options: Options,
    added: &[&str],
) -> Result<Published, Error> {
    publish::publish(client, to, options, async |snapshot, to| {
        let mut all = snapshot.map(names_in).unwrap_or_default();
        all.extend(names(added));
        Ok(Directory::of(&all).prepare(snapshot, to))
    })
    .await
}

/// What is at the tag now, with every file of it pulled and compared.
pub(crate) async fn read(client: &Client, to: &Destination) -> BTreeSet<String> {
    let reference = Reference::new(to.repository.clone()).with_tag(to.tag.clone());
    let options = snapshot::Options::default();
    let snapshot = repository::open(client, &reference, options, None)
        .await
        .unwrap();
    let names = names_in(&snapshot);
    let directory = Directory::of(&names);
    assert_eq!(
        snapshot.raw_repomd(),
        directory.files["repodata/repomd.xml"]
    );
    for (path, content) in &directory.files {
        let repository = match snapshot.layout() {
            Layout::Tree => {
                let name = ocirepo_rpm::name::encode_path(to.repository.name(), path).unwrap();
                Repository::new(to.repository.registry.clone(), &name).unwrap()
            }
            _ => to.repository.clone(),
        };
        let pulled = client
            .pull_bytes(&repository, Digest::of(content), 1 << 20)
            .await;
        assert_eq!(pulled.unwrap(), *content, "{path}");
    }
    names
}

/// The same by a look into the registry, which must have every file, and every manifest and
/// blob that is named below the tag.
pub(crate) fn held(registry: &Registry, to: &Destination) -> BTreeSet<String> {
    let name = to.repository.name();
    let (repomd, tree) = match to.layout {
        Some(Layout::Tree) => {
            let name = ocirepo_rpm::name::encode_path(name, "repodata/repomd.xml").unwrap();
            (whole(registry, &name, "latest"), true)
        }
        _ => (whole(registry, name, to.tag.as_str()), false),
    };
    let revision = Repomd::parse(&repomd).unwrap().revision.unwrap();
    let names: BTreeSet<String> = revision.split(' ').map(str::to_owned).collect();
    for (path, content) in Directory::of(&names).files {
        if tree {
            let name = ocirepo_rpm::name::encode_path(name, &path).unwrap();
            assert_eq!(whole(registry, &name, "latest"), content, "{path}");
        } else {
            let blob = registry.blob(name, &Digest::of(&content));
            assert_eq!(blob.unwrap(), content, "{path}");
        }
    }
    names
}

/// Looks at all that a manifest names, and returns the content of its first file.
fn whole(registry: &Registry, name: &str, reference: &str) -> Vec<u8> {
    let (_, kind, raw) = registry.manifest(name, reference).unwrap();
    let manifest = Manifest::parse(Some(kind), raw.to_vec()).unwrap();
    let blob = |digest: &Digest| registry.blob(name, digest).unwrap().to_vec();
    for descriptor in manifest.blobs() {
        assert_eq!(Digest::of(&blob(&descriptor.digest)), descriptor.digest);
    }
    let child = |child: &Descriptor| whole(registry, name, &child.digest.to_string());
    let children: Vec<Vec<u8>> = manifest.children().iter().map(child).collect();
    let layer = manifest.layers().first().map(|layer| blob(&layer.digest));
    layer.unwrap_or_else(|| children.into_iter().next().unwrap())
}

/// A file of noise in a directory, and what is in it.
pub(crate) fn noise_file(directory: &Path, size: usize) -> (PathBuf, Vec<u8>) {
    let (path, content) = (directory.join("noise"), noise(size));
    std::fs::write(&path, &content).unwrap();
    (path, content)
}
