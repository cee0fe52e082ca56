//! What is in a repository: its packages.

use ocirepo_rpm::package::Package;
use ocirepo_rpm::snapshot::PackageEntry;

use crate::OCIREPO_NOTHING;
use crate::repository::{Failure, Packages, State, ocirepo_repository};
use crate::status::{Misuse, enter, ocirepo_status};
use crate::text::{ocirepo_bytes, ocirepo_str};
use crate::versioned::{self, Versioned, zeroed};

impl ocirepo_repository {
    /// The next package, learnt.
    fn next_package(&mut self) -> Result<Option<Package>, Failure> {
        let State::Open(snapshot) = &mut self.state else {
            return Err(Misuse::order("the repository is not open").into());
        };
        match &mut self.packages {
            Packages::Read => Ok(None),
            Packages::Reading(packages) => match packages.next() {
                None => {
                    snapshot.learn_packages([]);
                    self.packages = Packages::Read;
                    Ok(None)
                }
                Some(Ok(package)) => {
                    snapshot.learn_packages([PackageEntry::from(&package)]);
                    Ok(Some(package))
                }
                Some(Err(error)) => {
                    self.packages = Packages::Unasked;
                    Err(error.into())
                }
            },
            Packages::Unasked | Packages::Wanted { .. } => {
                Err(Misuse::order("the list of packages is not there").into())
            }
        }
    }
}

/// What is known of a repository that is open.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_repository_info {
    /// `sizeof(ocirepo_repository_info)`.
    pub size: usize,
    /// `tree`, `files`, `index` or `native`.
    pub layout: ocirepo_str,
    /// What tells this snapshot from others; remember it with the next two.
    pub digest: ocirepo_str,
    /// Its number in the line of snapshots; `OCIREPO_NOTHING` if the publisher does not count.
    pub sequence: u64,
    /// The revision in `repomd.xml`; `OCIREPO_NOTHING` if that is no number.
    pub revision: u64,
    /// The bytes of `repomd.xml`.
    pub repomd: ocirepo_bytes,
}

// SAFETY: numbers and pointers, its size first.
unsafe impl Versioned for ocirepo_repository_info {}

/// Tells what is known of a repository that is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_repository_get(
    repository: Option<&mut ocirepo_repository>,
    info: *mut ocirepo_repository_info,
) -> ocirepo_status {
    enter(repository, |repository| {
        let State::Open(snapshot) = &repository.state else {
            return Err(Misuse::order("the repository is not open"));
        };
        let mark = snapshot.mark();
        let store = &mut repository.common.store;
        let shown = ocirepo_repository_info {
            layout: store.text(snapshot.layout().as_str()),
            digest: store.text(mark.digest.to_string()),
            sequence: mark.sequence.unwrap_or(OCIREPO_NOTHING),
            revision: mark.revision.unwrap_or(OCIREPO_NOTHING),
            repomd: store.bytes(snapshot.raw_repomd().to_vec()),
            ..zeroed()
        };
        // SAFETY: the caller's promise for a struct with a size.
        unsafe { versioned::write(info, shown) }?;
        Ok(ocirepo_status::Ok)
    })
}

/// Asks for the list of packages: step until that is `OCIREPO_STATUS_OK`, then read them with
/// `ocirepo_repository_next_package`. Once they were read, it begins at the first again.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_repository_read_packages(
    repository: Option<&mut ocirepo_repository>,
) -> ocirepo_status {
    enter(repository, |repository| {
        repository.snapshot()?;
        if repository.waiting.is_some() {
            return Err(Misuse::order("it is asked for already"));
        }
        repository.packages = Packages::Wanted { listed: false };
        Ok(ocirepo_status::Ok)
    })
}

/// A package of a repository.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_package {
    /// `sizeof(ocirepo_package)`.
    pub size: usize,
    /// Its name.
    pub name: ocirepo_str,
    /// Its version.
    pub version: ocirepo_str,
    /// Its release.
    pub release: ocirepo_str,
    /// Its architecture.
    pub arch: ocirepo_str,
    /// All of these and the epoch, unless that is 0, as people write it.
    pub nevra: ocirepo_str,
    /// The path of its file in the repository, for `ocirepo_repository_locate`.
    pub path: ocirepo_str,
    /// The kind of its checksum: `sha256`.
    pub checksum_type: ocirepo_str,
    /// The checksum of its file in hex.
    pub checksum: ocirepo_str,
    /// One line that says what it is.
    pub summary: ocirepo_str,
    /// Its epoch.
    pub epoch: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
    /// The size of its file in bytes.
    pub package_size: u64,
    /// The size of its files once installed, in bytes.
    pub installed_size: u64,
    /// When it was built, in seconds since 1970.
    pub build_time: u64,
}

// SAFETY: numbers and pointers, its size first.
unsafe impl Versioned for ocirepo_package {}

/// Reads the next package. `OCIREPO_STATUS_NONE` says that there is none left and that the whole
/// list is the one `repomd.xml` vouches for: what came before counts only then. With
/// `OCIREPO_STATUS_FAILED` the message tells why.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_repository_next_package(
    repository: Option<&mut ocirepo_repository>,
    package: *mut ocirepo_package,
) -> ocirepo_status {
    enter(repository, |repository| {
        // SAFETY: the caller's promise for a struct with a size.
        unsafe { versioned::write(package, zeroed()) }?;
        let next = match repository.next_package() {
            Ok(None) => return Ok(ocirepo_status::None),
            Ok(Some(next)) => next,
            Err(Failure::Misuse(misuse)) => return Err(misuse),
            Err(Failure::Metadata(error)) => {
                return Err(Misuse::new(ocirepo_status::Failed, error.to_string()));
            }
            Err(_) => return Ok(ocirepo_status::Failed),
        };
        let store = &mut repository.common.store;
        let shown = ocirepo_package {
            name: store.text(&*next.nevra.name),
            version: store.text(&*next.nevra.evr.version),
            release: store.text(&*next.nevra.evr.release),
            arch: store.text(&*next.nevra.arch),
            nevra: store.text(next.nevra.to_string()),
            path: store.text(next.location.path()),
            checksum_type: store.text(next.checksum.kind().as_str()),
            checksum: store.text(next.checksum.hex()),
            summary: store.text(&*next.details.summary),
            epoch: next.nevra.evr.epoch,
            package_size: next.size.package,
            installed_size: next.size.installed,
            build_time: next.build_time,
            ..zeroed()
        };
        // SAFETY: as above.
        unsafe { versioned::write(package, shown) }?;
        Ok(ocirepo_status::Ok)
    })
}
