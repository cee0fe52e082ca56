//! OCI image layouts: content in a directory, as `oci-layout`, `index.json` and
//! `blobs/<algorithm>/<hex>` (image-spec, `image-layout.md`).
//!
//! Tags are the entries of `index.json` with the annotation
//! `org.opencontainers.image.ref.name`; manifests whose subject is another one, and that
//! have no tag, are entries without it. Everything that is read is verified. Content is
//! written beside its name and then renamed, `index.json` last, under a lock on
//! `oci-layout`: whoever is interrupted leaves a layout that is whole.

mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ocirepo::manifest::ImageIndex;
use ocirepo::reference::{Selector, Tag};
use ocirepo::{Descriptor, Digest, Manifest, media_type};
use ocirepo_rpm::mirror::names::Role;

use crate::error::{Error, Result};

/// The annotation that holds a tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

const MARKER: &str = "oci-layout";
const INDEX: &str = "index.json";
const LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// The largest `index.json` that is read, in bytes: a hundred thousand tags have 30 MB.
const MAX_INDEX: u64 = 256 << 20;
/// The largest manifest that is read, in bytes, as from registries.
const MAX_MANIFEST: u64 = 4 << 20;

/// An OCI image layout in a directory. Its methods block.
#[derive(Clone, Debug)]
pub struct OciDirectory {
    root: PathBuf,
}

impl OciDirectory {
    /// Opens a layout that is there.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the directory is no layout; [`Error::Directory`] for a
    /// version of the format that is not 1.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        let marker = root.join(MARKER);
        let raw = file::read(&marker, 4096)?.ok_or_else(|| {
            Error::NotFound(format!(
                "{} is no OCI image layout: it has no file {MARKER}",
                root.display()
            ))
        })?;
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Marker {
            image_layout_version: String,
        }
        match serde_json::from_slice::<Marker>(&raw) {
            Ok(marker) if marker.image_layout_version.starts_with("1.") => Ok(Self { root }),
            Ok(other) => Err(damaged(
                &marker,
                format!(
                    "says version {} of the image layout, which is not known here",
                    other.image_layout_version
                ),
            )),
            Err(error) => Err(damaged(&marker, error)),
        }
    }

    /// Opens a layout, or makes an empty one in a directory that is empty or not there.
    ///
    /// # Errors
    /// [`Error::Directory`] when something else is in the directory; whatever the disk
    /// fails with.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        if root.join(MARKER).exists() {
            return Self::open(root);
        }
        fs::create_dir_all(&root).map_err(|error| Error::io("make", &root, error))?;
        let mut entries = fs::read_dir(&root).map_err(|error| Error::io("list", &root, error))?;
        if entries.any(|entry| {
            // What an interrupted start leaves.
            entry.is_ok_and(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name != "blobs" && name != INDEX && !name.starts_with(file::UNFINISHED)
            })
        }) {
            return Err(damaged(
                &root,
                "is neither empty nor an OCI image layout; name another directory",
            ));
        }
        let directory = Self { root };
        fs::create_dir_all(directory.root.join("blobs/sha256"))
            .map_err(|error| Error::io("make", &directory.root, error))?;
        if !directory.root.join(INDEX).exists() {
            let empty = ImageIndex::new().to_manifest();
            file::replace(&directory.root.join(INDEX), empty.raw())?;
        }
        // Last: it is what makes the directory a layout.
        file::replace(&directory.root.join(MARKER), LAYOUT.as_bytes())?;
        Ok(directory)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The tags, sorted. Names that registries would not take as a tag are left out.
    ///
    /// # Errors
    /// When `index.json` cannot be read.
    pub fn tags(&self) -> Result<Vec<Tag>> {
        let index = self.index()?;
        let names = index
            .manifests
            .iter()
            .filter_map(|m| m.annotation(REF_NAME));
        let tags: BTreeSet<Tag> = names.filter_map(|name| name.parse().ok()).collect();
        Ok(tags.into_iter().collect())
    }

    /// The digest at a tag.
    ///
    /// # Errors
    /// When `index.json` cannot be read.
    pub fn tagged(&self, tag: &Tag) -> Result<Option<Descriptor>> {
        let index = self.index()?;
        let mut entries = index.manifests.into_iter();
        Ok(entries.find(|entry| entry.annotation(REF_NAME) == Some(tag.as_str())))
    }

    /// A manifest.
    ///
    /// # Errors
    /// [`Error::Directory`] when its content is not what its digest says, or no manifest.
    pub fn manifest(&self, selector: &Selector) -> Result<Option<Manifest>> {
        let (digest, kind) = match selector {
            Selector::Digest(digest) => (*digest, None),
            Selector::Tag(tag) => match self.tagged(tag)? {
                Some(entry) => (entry.digest, Some(entry.media_type)),
                None => return Ok(None),
            },
        };
        let path = self.blob(&digest);
        let Some(raw) = file::read(&path, MAX_MANIFEST)? else {
            return Ok(None);
        };
        if Digest::with(digest.algorithm(), &raw) != digest {
            return Err(damaged(&path, "does not have the digest it is named by"));
        }
        let manifest =
            Manifest::parse(kind.as_deref(), raw).map_err(|error| damaged(&path, error))?;
        Ok(Some(manifest.hashed_with(digest.algorithm())))
    }

    /// The manifests that `index.json` lists and that have a subject, by subject. That
    /// includes those in lists of referrers under a tag made of the subject's digest.
    ///
    /// # Errors
    /// As for [`OciDirectory::manifest`].
    pub fn referrers(&self) -> Result<BTreeMap<Digest, Vec<Descriptor>>> {
        let mut found: BTreeMap<Digest, Vec<Descriptor>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut list: Vec<Digest> = Vec::new();
        for entry in self.index()?.manifests {
            list.push(entry.digest);
            let is_list = entry
                .annotation(REF_NAME)
                .and_then(|name| name.parse::<Tag>().ok())
                .is_some_and(|tag| matches!(Role::of(&tag), Role::Referrers(_)));
            if is_list && let Some(manifest) = self.manifest(&entry.digest.into())? {
                list.extend(manifest.children().iter().map(|child| child.digest));
            }
        }
        for digest in list {
            if seen.insert(digest)
                && let Some(manifest) = self.manifest(&digest.into())?
                && let Some(subject) = manifest.subject()
            {
                let referrers = found.entry(subject.digest).or_default();
                referrers.push(manifest.referrer());
            }
        }
        Ok(found)
    }

    /// The file that has, or will have, a blob.
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        let algorithm = digest.algorithm().as_str();
        self.root.join("blobs").join(algorithm).join(digest.hex())
    }

    /// The size of a blob in bytes, if it is there. Its content is not looked at.
    ///
    /// # Errors
    /// Whatever the disk fails with.
    pub fn blob_size(&self, digest: &Digest) -> Result<Option<u64>> {
        let path = self.blob(digest);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Err(damaged(&path, "is not a file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path, error)),
        }
    }

    /// Makes the directory that a blob belongs into, and returns [`OciDirectory::blob`].
    ///
    /// # Errors
    /// Whatever the disk fails with.
    pub fn place(&self, digest: &Digest) -> Result<PathBuf> {
        let path = self.blob(digest);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| Error::io("make", parent, error))?;
        }
        Ok(path)
    }

    /// Writes a blob, or a manifest, that is at hand. No tag leads to it yet.
    ///
    /// # Errors
    /// Whatever the disk fails with.
    pub fn put(&self, digest: &Digest, content: &[u8]) -> Result<()> {
        file::replace(&self.place(digest)?, content)
    }

    /// Copies a blob from a file, verifying it on the way.
    ///
    /// # Errors
    /// [`Error::Directory`] when the file is not what the digest says; whatever the disk
    /// fails with.
    pub fn put_file(&self, digest: &Digest, from: &Path) -> Result<()> {
        file::copy(from, &self.place(digest)?, digest)
    }

    /// Copies a blob into a file, verifying it on the way.
    ///
    /// # Errors
    /// [`Error::Directory`] when the blob is not what the digest says; whatever the disk
    /// fails with.
    pub fn get_file(&self, digest: &Digest, to: &Path) -> Result<()> {
        file::copy(&self.blob(digest), to, digest)
    }

    /// Makes tags point at manifests, and lists manifests that have no tag but a subject,
    /// all in one step. What the directory has of them stays where it is in the list.
    ///
    /// # Errors
    /// Whatever the disk fails with.
    pub fn list(&self, tags: &[(Tag, Descriptor)], untagged: &[Descriptor]) -> Result<()> {
        let marker = self.root.join(MARKER);
        let lock = File::open(&marker).map_err(|error| Error::io("open", &marker, error))?;
        // Some file systems know no locks; then nobody is kept out.
        if let Err(error) = lock.lock()
            && error.kind() != io::ErrorKind::Unsupported
        {
            return Err(Error::io("lock", &marker, error));
        }
        let mut index = self.index()?;
        let before = index.manifests.len();
        let mut wanted: BTreeMap<&str, &Descriptor> = BTreeMap::new();
        wanted.extend(tags.iter().map(|(tag, to)| (tag.as_str(), to)));
        let mut changed = false;
        for entry in &mut index.manifests {
            let name = entry.annotation(REF_NAME).map(str::to_owned);
            let Some(name) = name else { continue };
            if let Some(to) = wanted.remove(name.as_str())
                && to.digest != entry.digest
            {
                *entry = to.clone().annotate(REF_NAME, name);
                changed = true;
            }
        }
        let new = wanted.into_iter();
        index
            .manifests
            .extend(new.map(|(tag, to)| to.clone().annotate(REF_NAME, tag)));
        let mut there: BTreeSet<Digest> = index.manifests.iter().map(|m| m.digest).collect();
        for manifest in untagged {
            if there.insert(manifest.digest) {
                index.manifests.push(manifest.clone());
            }
        }
        if !changed && index.manifests.len() == before {
            return Ok(());
        }
        file::replace(&self.root.join(INDEX), index.to_manifest().raw())
    }

    fn index(&self) -> Result<ImageIndex> {
        let path = self.root.join(INDEX);
        let raw = file::read(&path, MAX_INDEX)?
            .ok_or_else(|| damaged(&path, "is not there, as an OCI image layout needs it"))?;
        let index = Manifest::parse(Some(media_type::OCI_INDEX), raw)
            .map_err(|error| damaged(&path, error))?;
        match index.as_index() {
            Some(index) => Ok(index.clone()),
            None => Err(damaged(&path, "is no image index")),
        }
    }
}

fn damaged(path: &Path, message: impl std::fmt::Display) -> Error {
    Error::Directory {
        path: path.to_owned(),
        message: message.to_string(),
    }
}

#[cfg(test)]
mod tests;
