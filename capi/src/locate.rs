//! Where the files of a repository are.

use ocirepo::reference::{Location, Reference, Selector};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::snapshot::{Blob, List, Snapshot, Target};

use crate::repository::{Packages, ocirepo_repository};
use crate::status::{Misuse, enter, ocirepo_status};
use crate::text::{Store, ocirepo_bytes, ocirepo_str};
use crate::versioned::{self, Versioned, zeroed};

/// Where the file of a path is.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ocirepo_location_kind {
    /// There is no such file.
    Missing = 0,
    /// Here it is, verified: `held`.
    Held = 1,
    /// It is a blob: `place` with `digest` and `blob_size`.
    Blob = 2,
    /// It is made from the catalogue of a `native` repository; only its packages are read here.
    Made = 3,
    /// A manifest tells: pull `list` and give it to `ocirepo_repository_listed`. If there is no
    /// such manifest, there is no such file.
    Listed = 4,
    /// It may be a package: read the list of packages and ask again.
    Packages = 5,
}

/// Where the file of a path is, and how to get it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_location {
    /// `sizeof(ocirepo_location)`.
    pub size: usize,
    /// An `ocirepo_location_kind`.
    pub kind: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
    /// The file itself.
    pub held: ocirepo_bytes,
    /// The place of the blob, `oci://HOST/NAME@DIGEST`.
    pub place: ocirepo_str,
    /// Its digest.
    pub digest: ocirepo_str,
    /// Its size in bytes.
    pub blob_size: u64,
    /// The kind of the checksum that the content must have besides, as the metadata names it;
    /// empty where the digest is that checksum.
    pub checksum_type: ocirepo_str,
    /// That checksum in hex.
    pub checksum: ocirepo_str,
    /// A manifest, `oci://HOST/NAME:TAG` or `@DIGEST`. For a blob: if that is not there, pull
    /// the manifest and then the blob once more; some caches serve only what they have seen a
    /// manifest of.
    pub list: ocirepo_str,
}

// SAFETY: numbers and pointers, its size first.
unsafe impl Versioned for ocirepo_location {}

fn listed_at(list: &List) -> String {
    let reference = Reference::new(list.repository.clone());
    Location::from(match list.selector.clone() {
        Selector::Tag(tag) => reference.with_tag(tag),
        Selector::Digest(digest) => reference.with_digest(digest),
    })
    .to_string()
}

fn blob_at(blob: &Blob, store: &mut Store) -> ocirepo_location {
    let digest = blob.descriptor.digest;
    let place = Reference::new(blob.repository.clone()).with_digest(digest);
    let checksum = blob.checksum.as_ref();
    ocirepo_location {
        kind: ocirepo_location_kind::Blob as u32,
        place: store.text(Location::from(place).to_string()),
        digest: store.text(digest.to_string()),
        blob_size: blob.descriptor.size,
        checksum_type: store.optional(checksum.map(|checksum| checksum.kind().as_str())),
        checksum: store.optional(checksum.map(|checksum| checksum.hex())),
        list: store.optional(blob.list.as_ref().map(listed_at)),
        ..nowhere()
    }
}

fn nowhere() -> ocirepo_location {
    ocirepo_location {
        held: ocirepo_bytes::EMPTY,
        place: ocirepo_str::EMPTY,
        digest: ocirepo_str::EMPTY,
        checksum_type: ocirepo_str::EMPTY,
        checksum: ocirepo_str::EMPTY,
        list: ocirepo_str::EMPTY,
        ..zeroed()
    }
}

impl ocirepo_repository {
    /// The snapshot, unless its packages are being learnt: then no answer would be final.
    fn settled(&self) -> Result<&Snapshot, Misuse> {
        match self.packages {
            Packages::Reading(_) => Err(Misuse::order("the packages were not read to their end")),
            _ => self.snapshot(),
        }
    }
}

/// # Safety
/// The caller's promise for text.
unsafe fn href(path: ocirepo_str) -> Result<Href, Misuse> {
    // SAFETY: the caller's promise is the one that is asked for.
    let path = unsafe { path.text() }?;
    Href::from_path(path).map_err(Misuse::malformed)
}

/// Tells where the file of a path is: of metadata at once, of packages when their list was read.
/// A path that cannot be one is `OCIREPO_STATUS_INVALID`; with `OCIREPO_STATUS_FAILED` the
/// repository is at fault, and the message tells why.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_repository_locate(
    repository: Option<&mut ocirepo_repository>,
    path: ocirepo_str,
    location: *mut ocirepo_location,
) -> ocirepo_status {
    enter(repository, |repository| {
        // SAFETY: the caller's promise for text.
        let path = unsafe { href(path) }?;
        let mut store = Store::default();
        let snapshot = repository.settled()?;
        let target = snapshot
            .resolve(&path)
            .map_err(|error| Misuse::new(ocirepo_status::Failed, error.to_string()))?;
        let of_kind = |kind: ocirepo_location_kind| ocirepo_location {
            kind: kind as u32,
            ..nowhere()
        };
        let shown = match target {
            Target::Held(bytes) => ocirepo_location {
                held: store.bytes(bytes.to_vec()),
                ..of_kind(ocirepo_location_kind::Held)
            },
            Target::Blob(blob) => blob_at(&blob, &mut store),
            Target::Made(_) => of_kind(ocirepo_location_kind::Made),
            Target::Listed(list) => ocirepo_location {
                list: store.text(listed_at(&list)),
                ..of_kind(ocirepo_location_kind::Listed)
            },
            Target::Packages => of_kind(ocirepo_location_kind::Packages),
            Target::Missing => of_kind(ocirepo_location_kind::Missing),
        };
        repository.common.store = store;
        // SAFETY: the caller's promise for a struct with a size.
        unsafe { versioned::write(location, shown) }?;
        Ok(ocirepo_status::Ok)
    })
}

/// Tells where the file of a path is by the manifest that `list` of its location named.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_repository_listed(
    repository: Option<&mut ocirepo_repository>,
    path: ocirepo_str,
    media_type: ocirepo_str,
    manifest: ocirepo_bytes,
    location: *mut ocirepo_location,
) -> ocirepo_status {
    enter(repository, |repository| {
        // SAFETY: the caller's promise for text.
        let path = unsafe { href(path) }?;
        // SAFETY: the caller's promise for text and bytes.
        let manifest = unsafe { crate::start::manifest(media_type, manifest) }?;
        let mut store = Store::default();
        let listed = repository
            .settled()?
            .listed(&path, &manifest)
            .map_err(|error| Misuse::new(ocirepo_status::Failed, error.to_string()))?;
        let shown = listed.map_or_else(nowhere, |blob| blob_at(&blob, &mut store));
        repository.common.store = store;
        // SAFETY: the caller's promise for a struct with a size.
        unsafe { versioned::write(location, shown) }?;
        Ok(ocirepo_status::Ok)
    })
}
