//! A registry in a map, and directories to publish.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use ocirepo::descriptor::Descriptor;
use ocirepo::reference::{Reference, Repository, Selector, Tag};
use ocirepo::{Digest, Manifest};
use ocirepo_rpm::checksum::Checksum;
use ocirepo_rpm::header::{self, Facts, HeaderOptions};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::native::{Artifact, Catalogue, CatalogueWriter, Part, is_kept};
use ocirepo_rpm::publish::{
    self, BlobPush, Destination, File, Input, ManifestPush, Package, PackagePush, PackagePushes,
    Parent, Plan, PublishError, Source,
};
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::snapshot::{
    Answer, Ask, List, Opening, Options, PackageEntry, Snapshot, SnapshotError, Target,
};

/// The layouts that have rpm-md as it is.
pub(crate) const WITH_REPODATA: [Layout; 3] = [Layout::Tree, Layout::Files, Layout::Index];

pub(crate) fn repository() -> Repository {
    let reference: Reference = "localhost:5000/me/repo".parse().unwrap();
    reference.into_repository()
}

pub(crate) fn href(path: &str) -> Href {
    Href::from_path(path).unwrap()
}

/// What a registry holds, and what it was asked.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    blobs: BTreeMap<(String, Digest), Vec<u8>>,
    manifests: BTreeMap<(String, Digest), Manifest>,
    tags: BTreeMap<(String, String), Digest>,
    log: RefCell<Vec<String>>,
}

impl Registry {
    pub(crate) fn tags(&self) -> BTreeSet<String> {
        self.tags.keys().map(|(_, tag)| tag.clone()).collect()
    }

    pub(crate) fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.values()
    }

    pub(crate) fn blob_count(&self) -> usize {
        self.blobs.len()
    }

    /// What was asked since the last time.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.take()
    }

    pub(crate) fn put_blob(&mut self, repository: &Repository, content: &[u8]) {
        let key = (repository.name().to_owned(), Digest::of(content));
        self.blobs.insert(key, content.to_vec());
    }

    pub(crate) fn drop_blob(&mut self, repository: &Repository, digest: Digest) {
        self.blobs.remove(&(repository.name().to_owned(), digest));
    }

    /// Puts an artifact with its files, as any client would.
    pub(crate) fn put_files(&mut self, tag: &str, manifest: Manifest, files: &[&[u8]]) {
        for content in files {
            self.put_blob(&repository(), content);
        }
        self.put_manifest(
            &repository(),
            &Selector::Tag(tag.parse().unwrap()),
            &manifest,
        );
    }

    /// Registries refuse manifests whose content they do not have.
    pub(crate) fn put_manifest(
        &mut self,
        repository: &Repository,
        selector: &Selector,
        manifest: &Manifest,
    ) {
        let name = repository.name().to_owned();
        for blob in manifest.blobs().filter(|blob| blob.size != 2) {
            assert!(
                self.blobs.contains_key(&(name.clone(), blob.digest)),
                "{blob:?}"
            );
        }
        for child in manifest.children() {
            assert!(self.manifests.contains_key(&(name.clone(), child.digest)));
        }
        let digest = manifest.digest();
        self.manifests
            .insert((name.clone(), digest), manifest.clone());
        if let Selector::Tag(tag) = selector {
            self.tags.insert((name, tag.to_string()), digest);
        }
    }

    pub(crate) fn manifest(
        &self,
        repository: &Repository,
        selector: &Selector,
    ) -> Option<Manifest> {
        let name = repository.name().to_owned();
        self.log.borrow_mut().push(format!("{name} {selector}"));
        let digest = match selector {
            Selector::Digest(digest) => *digest,
            Selector::Tag(tag) => *self.tags.get(&(name.clone(), tag.to_string()))?,
        };
        self.manifests.get(&(name, digest)).cloned()
    }

    pub(crate) fn blob(&self, repository: &Repository, wanted: &Descriptor) -> Option<Vec<u8>> {
        let name = repository.name().to_owned();
        let digest = wanted.digest;
        self.log.borrow_mut().push(format!("{name} blob {digest}"));
        let content = self.blobs.get(&(name, digest)).cloned()?;
        assert_eq!(
            content.len() as u64,
            wanted.size,
            "the size that was asked for"
        );
        Some(content)
    }

    pub(crate) fn referrers(
        &self,
        repository: &Repository,
        subject: Digest,
        artifact_type: &str,
    ) -> Vec<Descriptor> {
        let name = repository.name().to_owned();
        let log = format!("{name} referrers {subject}");
        self.log.borrow_mut().push(log);
        let here = self.manifests.iter().filter(|((of, _), _)| *of == name);
        here.map(|(_, manifest)| manifest)
            .filter(|manifest| manifest.subject().is_some_and(|to| to.digest == subject))
            .map(Manifest::referrer)
            .filter(|referrer| referrer.artifact_type.as_deref() == Some(artifact_type))
            .collect()
    }

    /// Pushes what a plan says, at most so many things; returns whether it came to the end.
    pub(crate) fn perform(&mut self, plan: &Plan, directory: &Directory, mut left: usize) -> bool {
        plan.stages.iter().all(|stage| {
            let packages = stage.packages.iter().filter(|push| !push.known);
            let packages = packages.map(|push| directory.expand(push));
            self.push(&stage.blobs, &[], directory, &mut left)
                && packages.into_iter().all(|pushes| {
                    let manifest = std::slice::from_ref(&pushes.manifest);
                    self.push(&pushes.blobs, manifest, directory, &mut left)
                })
                && self.push(&[], &stage.manifests, directory, &mut left)
        })
    }

    fn push(
        &mut self,
        blobs: &[BlobPush],
        manifests: &[ManifestPush],
        directory: &Directory,
        left: &mut usize,
    ) -> bool {
        for push in blobs.iter().filter(|push| !push.known) {
            if *left == 0 {
                return false;
            }
            *left -= 1;
            let content = directory.content(&push.source);
            assert_eq!(Digest::of(&content), push.descriptor.digest);
            self.put_blob(&push.repository, &content);
        }
        for push in manifests.iter().filter(|push| !push.known) {
            if *left == 0 {
                return false;
            }
            *left -= 1;
            self.put_manifest(&push.repository, &push.selector, &push.manifest);
        }
        true
    }

    pub(crate) fn open(&self, tag: &str, options: Options) -> Result<Snapshot, SnapshotError> {
        let tag: Tag = tag.parse().unwrap();
        self.open_at(&Reference::new(repository()).with_tag(tag), options)
    }

    pub(crate) fn open_at(
        &self,
        reference: &Reference,
        options: Options,
    ) -> Result<Snapshot, SnapshotError> {
        let mut opening = Opening::new(reference, options);
        loop {
            let answer = match opening.ask() {
                Ask::Manifest {
                    repository,
                    selector,
                } => Answer::Manifest(self.manifest(repository, selector)),
                Ask::Referrers {
                    repository,
                    subject,
                    artifact_type,
                } => Answer::Referrers(self.referrers(repository, *subject, artifact_type)),
                Ask::Blob {
                    repository,
                    descriptor,
                    limit,
                } => {
                    assert!(descriptor.size <= *limit);
                    Answer::Blob(self.blob(repository, descriptor))
                }
            };
            if let Some(snapshot) = opening.answer(answer)? {
                return Ok(snapshot);
            }
        }
    }

    /// Gets a file as a host does.
    pub(crate) fn fetch(&self, snapshot: &Snapshot, path: &str) -> Option<Vec<u8>> {
        let path = href(path);
        let blob = match snapshot.resolve(&path).unwrap() {
            Target::Held(content) => return Some(content.to_vec()),
            Target::Blob(blob) => blob,
            Target::Listed(List {
                repository,
                selector,
            }) => {
                let manifest = self.manifest(&repository, &selector)?;
                snapshot.listed(&path, &manifest).unwrap()?
            }
            Target::Made(made) => {
                let from = &made.from;
                let part = self.blob(&from.repository, &from.descriptor)?;
                let mut content = Vec::new();
                made.make(&part[..])
                    .unwrap()
                    .read_to_end(&mut content)
                    .unwrap();
                assert_eq!(Digest::of(&content), made.digest);
                return Some(content);
            }
            Target::Packages => panic!("the packages are to be learnt"),
            Target::Missing => return None,
        };
        self.blob(&blob.repository, &blob.descriptor)
    }
}

/// A directory with `repodata`.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub files: BTreeMap<String, Vec<u8>>,
    pub packages: Vec<Package>,
    pub repomd: Repomd,
    /// In `native`, with its three parts.
    pub catalogue: Option<(Catalogue, [Vec<u8>; 3])>,
}

impl Directory {
    /// Packages of `source` and `name`, other files, and metadata that lists them. A
    /// package has its path as content.
    pub(crate) fn new(revision: u64, packages: &[(&str, &str)], other: &[(&str, &str)]) -> Self {
        let mut files: BTreeMap<String, Vec<u8>> = other
            .iter()
            .map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec()))
            .collect();
        let packages: Vec<Package> = packages
            .iter()
            .map(|(source, name)| {
                let path = format!("Packages/{name}-1.0-1.noarch.rpm");
                let checksum = Digest::of(path.as_bytes()).into();
                files.insert(path.clone(), path.clone().into_bytes());
                Package {
                    path: href(&path),
                    checksum,
                    name: (*name).to_owned(),
                    source: (*source).to_owned(),
                }
            })
            .collect();
        let primary: String = packages.iter().map(|p| format!("{:?}\n", p.path)).collect();
        let digest = Digest::of(primary.as_bytes());
        let hex = digest.hex();
        let path = format!("repodata/{hex}-primary.xml");
        let repomd = format!(
            "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\
             <revision>{revision}</revision><data type=\"primary\">\
             <checksum type=\"sha256\">{hex}</checksum><location href=\"{path}\"/>\
             <size>{}</size></data></repomd>",
            primary.len()
        );
        files.insert(path, primary.into_bytes());
        let parsed = Repomd::parse(repomd.as_bytes()).unwrap();
        files.insert("repodata/repomd.xml".to_owned(), repomd.into_bytes());
        Self {
            files,
            packages,
            repomd: parsed,
            catalogue: None,
        }
    }

    /// Packages of these names that are packages, with a catalogue of them.
    pub(crate) fn native(revision: u64, names: &[&str], other: &[(&str, &str)]) -> Self {
        let mut directory = Self::new(revision, &[], other);
        let mut facts = Vec::new();
        for name in names {
            let content = rpm(name);
            let path = href(&format!("Packages/{name}-1.0-1.noarch.rpm"));
            let options = HeaderOptions::default();
            let name = path.path();
            facts.push(
                header::scan(
                    &content[..],
                    name,
                    path.clone(),
                    Some(1_700_000_000),
                    &options,
                )
                .unwrap(),
            );
            directory.files.insert(path.path().to_owned(), content);
        }
        directory.packages = facts.iter().map(|facts| (&facts.package).into()).collect();
        let to = [Vec::new(), Vec::new(), Vec::new()];
        let mut writer = CatalogueWriter::new(names.len() as u64, to).unwrap();
        for Facts {
            package,
            files,
            changes,
        } in &facts
        {
            writer.package(package).unwrap();
            writer.files(files).unwrap();
            writer.changes(changes).unwrap();
        }
        let (written, parts) = writer.finish(Some(revision)).unwrap();
        directory
            .files
            .retain(|path, _| is_kept(&directory.repomd, path));
        let catalogue = Catalogue::new(written, &directory.repomd);
        directory.catalogue = Some((catalogue, parts));
        directory
    }

    pub(crate) fn content(&self, source: &Source) -> Vec<u8> {
        match source {
            Source::File(path) => self.files[path.path()].clone(),
            Source::Bytes(content) => content.clone(),
            Source::Part(part) => {
                let (_, parts) = self.catalogue.as_ref().unwrap();
                let at = Part::ALL.iter().position(|other| other == part).unwrap();
                parts[at].clone()
            }
        }
    }

    pub(crate) fn expand(&self, push: &PackagePush) -> PackagePushes {
        let content = &self.files[push.path.path()];
        let artifact = Artifact::read(&content[..], &push.path, push.digest, push.size);
        push.expand(artifact.unwrap()).unwrap()
    }

    pub(crate) fn input(&self) -> Input<'_> {
        Input {
            files: self
                .files
                .iter()
                .map(|(path, content)| File {
                    path: href(path),
                    digest: Digest::of(content),
                    size: content.len() as u64,
                })
                .collect(),
            repomd: &self.repomd,
            packages: self.packages.clone(),
            date: None,
            catalogue: self.catalogue.as_ref().map(|(catalogue, _)| catalogue),
        }
    }

    pub(crate) fn plan(
        &self,
        layout: Option<Layout>,
        parent: Option<&Parent>,
    ) -> Result<Plan, PublishError> {
        publish::plan(&self.input(), &destination(layout), parent)
    }

    /// Teaches a snapshot what `primary` says.
    pub(crate) fn teach(&self, snapshot: &mut Snapshot) {
        snapshot.learn_packages(self.packages.iter().map(|package| PackageEntry {
            path: &package.path,
            checksum: package.checksum,
            size: Some(self.files[package.path.path()].len() as u64),
            name: &package.name,
            source: &package.source,
        }));
    }

    pub(crate) fn checksum(&self, path: &str) -> Checksum {
        Digest::of(&self.files[path]).into()
    }
}

pub(crate) fn destination(layout: Option<Layout>) -> Destination {
    // In a tree there is no other tag.
    let tag = if layout == Some(Layout::Tree) {
        "latest"
    } else {
        "el9"
    };
    Destination {
        repository: repository(),
        tag: tag.parse().unwrap(),
        layout,
        merges: Vec::new(),
    }
}

pub(crate) fn tag(layout: Layout) -> &'static str {
    if layout == Layout::Tree {
        "latest"
    } else {
        "el9"
    }
}

/// The smallest package there is: a lead, an empty signature, a header, no payload.
pub(crate) fn rpm(name: &str) -> Vec<u8> {
    const STRING: u32 = 6;
    let texts = [
        (1000, name),
        (1001, "1.0"),
        (1002, "1"),
        (1004, "A package of a test"),
        (1014, "MIT"),
        (1022, "noarch"),
        (1044, "source-1.0-1.src.rpm"),
    ];
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, text) in texts {
        for number in [tag, STRING, data.len() as u32, 1] {
            index.extend(number.to_be_bytes());
        }
        data.extend(text.bytes().chain([0]));
    }
    let mut rpm = vec![0xed, 0xab, 0xee, 0xdb, 3, 0];
    rpm.resize(78, 0);
    rpm.extend([0, 5]);
    rpm.resize(96, 0);
    for (entries, bytes) in [(0, 0), (texts.len() as u32, data.len() as u32)] {
        rpm.extend([0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0]);
        rpm.extend(u32::to_be_bytes(entries));
        rpm.extend(u32::to_be_bytes(bytes));
    }
    rpm.extend(index);
    rpm.extend(data);
    rpm
}
