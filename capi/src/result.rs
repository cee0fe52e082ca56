//! What comes of operations, as a tagged union.

use ocirepo::annotations::Annotations;
use ocirepo::digest::Digest;
use ocirepo::error::RegistryError;
use ocirepo::operation::{Blob, BlobCopy, PushedBlob, Unverified};
use ocirepo::reference::{Repository, Tag};
use ocirepo::sink::Content;
use ocirepo::{Descriptor, Error, ErrorKind, Manifest};

use crate::OCIREPO_NOTHING;
use crate::output::digest_text;
use crate::text::{Store, ocirepo_bytes, ocirepo_pair, ocirepo_str};
use crate::versioned::{Versioned, zeroed};

/// What a result holds.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ocirepo_result_kind {
    /// Nothing: a ping, a deletion.
    Nothing = 0,
    /// Why it failed: `u.error`.
    Error = 1,
    /// `u.descriptor`.
    Descriptor = 2,
    /// `u.manifest`.
    Manifest = 3,
    /// The bytes are written and are the right ones: `u.blob`.
    Blob = 4,
    /// Verified bytes: `u.bytes`.
    Bytes = 5,
    /// Bytes of a range, which no digest covers: `u.range`.
    Range = 6,
    /// Whether it is there: `u.exists`.
    Exists = 7,
    /// `u.pushed`.
    Pushed = 8,
    /// Tags, or names of repositories: `u.names`.
    Names = 9,
    /// `u.descriptors`.
    Descriptors = 10,
    /// An `ocirepo_blob_copy`: `u.copy`.
    Copy = 11,
}

/// What went wrong, for a program to look at. Those from 100 on are of RPM repositories.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ocirepo_error_kind {
    /// One of a newer core that this library has no name for.
    Other = 0,
    /// The registry does not have it.
    NotFound = 1,
    /// Credentials are missing, wrong or expired.
    Unauthorized = 2,
    /// The credentials do not allow it.
    Denied = 3,
    /// The registry sends credentials to a token server that nobody trusted.
    UntrustedRealm = 4,
    /// Too many requests, even after waiting.
    RateLimited = 5,
    /// The registry failed, even after retries.
    Unavailable = 6,
    /// No connection, or the connection broke, even after retries.
    Network = 7,
    /// The certificate of the registry was not accepted, or TLS failed otherwise.
    Tls = 8,
    /// Content does not hash to its digest or has another size than declared.
    Corrupt = 9,
    /// A document or body is larger than its cap.
    TooLarge = 10,
    /// The response breaks the specification.
    InvalidResponse = 11,
    /// The host cannot see or do what the response needs.
    Capability = 12,
    /// A redirect leads back from https to http, or there are too many.
    Redirect = 13,
    /// What was to be replaced is not what the caller expected.
    Conflict = 14,
    /// The registry refuses the request as it stands.
    Refused = 15,
    /// The registry does not offer this.
    Unsupported = 16,
    /// The source of an upload is not what it was when it was first read.
    SourceChanged = 17,
    /// A local failure the host reported.
    Local = 18,
    /// The caller cancelled the operation.
    Cancelled = 19,
    /// There is something that is no RPM repository.
    NotARepository = 100,
    /// What makes the repository contradicts itself or cannot be read.
    Malformed = 101,
    /// A manifest names content that the registry does not have.
    Incomplete = 102,
    /// Keys were given and the repository is not signed.
    Unsigned = 103,
    /// Keys were given and no signature is good.
    BadSignature = 104,
    /// It is older than what the reader has seen.
    Rollback = 105,
    /// It is older than the reader wants, or does not say how old it is.
    Stale = 106,
    /// It changed again and again while it was read.
    Moving = 107,
}

pub(crate) fn kind(kind: ErrorKind) -> ocirepo_error_kind {
    use ocirepo_error_kind as c;
    match kind {
        ErrorKind::NotFound => c::NotFound,
        ErrorKind::Unauthorized => c::Unauthorized,
        ErrorKind::Denied => c::Denied,
        ErrorKind::UntrustedRealm => c::UntrustedRealm,
        ErrorKind::RateLimited => c::RateLimited,
        ErrorKind::Unavailable => c::Unavailable,
        ErrorKind::Network => c::Network,
        ErrorKind::Tls => c::Tls,
        ErrorKind::Corrupt => c::Corrupt,
        ErrorKind::TooLarge => c::TooLarge,
        ErrorKind::InvalidResponse => c::InvalidResponse,
        ErrorKind::Capability => c::Capability,
        ErrorKind::Redirect => c::Redirect,
        ErrorKind::Conflict => c::Conflict,
        ErrorKind::Refused => c::Refused,
        ErrorKind::Unsupported => c::Unsupported,
        ErrorKind::SourceChanged => c::SourceChanged,
        ErrorKind::Local => c::Local,
        ErrorKind::Cancelled => c::Cancelled,
        _ => c::Other,
    }
}

/// The name of an `ocirepo_error_kind`, such as `not-found`; `other` if it has none. It ends with
/// a NUL and lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_error_kind_name(kind: u32) -> *const std::ffi::c_char {
    match kind {
        1 => c"not-found",
        2 => c"unauthorized",
        3 => c"denied",
        4 => c"untrusted-realm",
        5 => c"rate-limited",
        6 => c"unavailable",
        7 => c"network",
        8 => c"tls",
        9 => c"corrupt",
        10 => c"too-large",
        11 => c"invalid-response",
        12 => c"capability",
        13 => c"redirect",
        14 => c"conflict",
        15 => c"refused",
        16 => c"unsupported",
        17 => c"source-changed",
        18 => c"local",
        19 => c"cancelled",
        100 => c"not-a-repository",
        101 => c"malformed",
        102 => c"incomplete",
        103 => c"unsigned",
        104 => c"bad-signature",
        105 => c"rollback",
        106 => c"stale",
        107 => c"moving",
        _ => c"other",
    }
    .as_ptr()
}

/// Why something failed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_error {
    /// An `ocirepo_error_kind`.
    pub kind: u32,
    /// The status of the last response; 0 if none came.
    pub http_status: u32,
    /// One line for people: what was being done, what came back, what to do next.
    pub message: ocirepo_str,
    /// Where the last request went, without query and user; empty if none was made.
    pub url: ocirepo_str,
    /// The errors the registry listed: a code, such as `MANIFEST_UNKNOWN`, and its own words.
    pub registry_errors: *const ocirepo_pair,
    /// How many they are.
    pub registry_errors_len: usize,
}

/// What is where, how big it is and what it hashes to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_descriptor {
    /// Media type of the content.
    pub media_type: ocirepo_str,
    /// Digest of the content.
    pub digest: ocirepo_str,
    /// Size of the content in bytes.
    pub size: u64,
    /// Type of the artifact, for descriptors of manifests; else empty.
    pub artifact_type: ocirepo_str,
    /// Annotations, by key.
    pub annotations: *const ocirepo_pair,
    /// How many they are.
    pub annotations_len: usize,
}

/// A manifest, as it is and as it reads.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_manifest {
    /// Its bytes, as they came.
    pub raw: ocirepo_bytes,
    /// Its media type.
    pub media_type: ocirepo_str,
    /// Its digest.
    pub digest: ocirepo_str,
    /// The type of its artifact, or empty.
    pub artifact_type: ocirepo_str,
    /// Its config; NULL where it has none.
    pub config: *const ocirepo_descriptor,
    /// The manifest it refers to; NULL where it has none.
    pub subject: *const ocirepo_descriptor,
    /// The layers of an image or artifact.
    pub layers: *const ocirepo_descriptor,
    /// How many they are.
    pub layers_len: usize,
    /// The manifests of an index.
    pub children: *const ocirepo_descriptor,
    /// How many they are.
    pub children_len: usize,
    /// Its annotations.
    pub annotations: *const ocirepo_pair,
    /// How many they are.
    pub annotations_len: usize,
}

/// A verified blob.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_blob {
    /// What its bytes hash to.
    pub digest: ocirepo_str,
    /// How many they are.
    pub size: u64,
}

/// A part of a blob, unverified.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_range {
    /// The bytes.
    pub bytes: ocirepo_bytes,
    /// Where they stand in the blob.
    pub offset: u64,
}

/// Whether something is there.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_exists {
    /// 1 if it is, 0 if not.
    pub found: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
    /// Its digest.
    pub digest: ocirepo_str,
    /// The size the registry says it has; `OCIREPO_NOTHING` if it does not say.
    pub size: u64,
}

/// A blob that the registry has now.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_pushed {
    /// Its digest.
    pub digest: ocirepo_str,
    /// Its size in bytes.
    pub size: u64,
    /// 1 if bytes were sent; 0 if it was there or was mounted.
    pub uploaded: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
}

/// A list of names.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_names {
    /// The names, in the registry's order.
    pub names: *const ocirepo_str,
    /// How many they are.
    pub len: usize,
}

/// A list of descriptors.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_descriptors {
    /// The descriptors, in the registry's order.
    pub descriptors: *const ocirepo_descriptor,
    /// How many they are.
    pub len: usize,
}

/// How far a blob could be copied without moving its bytes.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ocirepo_blob_copy {
    /// It has to be pulled and pushed.
    ToBeSent = 0,
    /// The destination had it.
    Present = 1,
    /// The registry made it available in the destination.
    Mounted = 2,
}

/// The present one of these.
#[repr(C)]
#[derive(Clone, Copy)]
pub union ocirepo_result_data {
    /// Why it failed.
    pub error: ocirepo_error,
    /// A descriptor.
    pub descriptor: ocirepo_descriptor,
    /// A manifest.
    pub manifest: ocirepo_manifest,
    /// A verified blob.
    pub blob: ocirepo_blob,
    /// Verified bytes.
    pub bytes: ocirepo_bytes,
    /// Unverified bytes.
    pub range: ocirepo_range,
    /// Whether it is there.
    pub exists: ocirepo_exists,
    /// A blob that was pushed.
    pub pushed: ocirepo_pushed,
    /// Tags or names of repositories.
    pub names: ocirepo_names,
    /// Descriptors.
    pub descriptors: ocirepo_descriptors,
    /// An `ocirepo_blob_copy`.
    pub copy: u32,
}

/// What came of an operation.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_result {
    /// `sizeof(ocirepo_result)`.
    pub size: usize,
    /// An `ocirepo_result_kind`.
    pub kind: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
    /// What belongs to the kind.
    pub u: ocirepo_result_data,
}

// SAFETY: numbers and pointers, its size first.
unsafe impl Versioned for ocirepo_result {}

/// The results of all operations.
pub(crate) enum Value {
    Nothing,
    Descriptor(Descriptor),
    Manifest(Box<Manifest>),
    Blob(Blob),
    Bytes(Vec<u8>),
    Range(Unverified),
    Exists(Option<Content>),
    Pushed(PushedBlob),
    Tags(Vec<Tag>),
    Repositories(Vec<Repository>),
    Descriptors(Vec<Descriptor>),
    Copy(BlobCopy),
}

/// Shows a result; `store` keeps what it points to.
pub(crate) fn result(taken: Result<Value, Error>, store: &mut Store) -> ocirepo_result {
    use ocirepo_result_kind as kind;
    type Data = ocirepo_result_data;
    let (kind, u) = match taken {
        Err(failed) => {
            let error = error(&failed, store);
            (kind::Error, Data { error })
        }
        Ok(Value::Nothing) => (kind::Nothing, zeroed::<ocirepo_result>().u),
        Ok(Value::Descriptor(from)) => {
            let descriptor = descriptor(&from, store);
            (kind::Descriptor, Data { descriptor })
        }
        Ok(Value::Manifest(from)) => {
            let manifest = manifest(*from, store);
            (kind::Manifest, Data { manifest })
        }
        Ok(Value::Blob(from)) => {
            let blob = blob(from.digest, from.size, store);
            (kind::Blob, Data { blob })
        }
        Ok(Value::Bytes(from)) => {
            let bytes = store.bytes(from);
            (kind::Bytes, Data { bytes })
        }
        Ok(Value::Range(from)) => {
            let range = ocirepo_range {
                offset: from.range.start,
                bytes: store.bytes(from.bytes),
            };
            (kind::Range, Data { range })
        }
        Ok(Value::Exists(from)) => {
            let size = from.and_then(|content| content.size);
            let exists = ocirepo_exists {
                found: u32::from(from.is_some()),
                reserved: 0,
                digest: store.optional(from.map(|content| content.digest.to_string())),
                size: size.unwrap_or(OCIREPO_NOTHING),
            };
            (kind::Exists, Data { exists })
        }
        Ok(Value::Pushed(from)) => {
            let pushed = ocirepo_pushed {
                digest: digest_text(from.digest, store),
                size: from.size,
                uploaded: u32::from(from.uploaded),
                reserved: 0,
            };
            (kind::Pushed, Data { pushed })
        }
        Ok(Value::Tags(from)) => {
            let names = names(from.iter().map(Tag::as_str), store);
            (kind::Names, Data { names })
        }
        Ok(Value::Repositories(from)) => {
            let names = names(from.iter().map(Repository::name), store);
            (kind::Names, Data { names })
        }
        Ok(Value::Descriptors(from)) => {
            let list = from.iter().map(|from| descriptor(from, store)).collect();
            let descriptors = ocirepo_descriptors {
                len: from.len(),
                descriptors: store.descriptors(list),
            };
            (kind::Descriptors, Data { descriptors })
        }
        Ok(Value::Copy(from)) => {
            let copy = match from {
                BlobCopy::Present => ocirepo_blob_copy::Present,
                BlobCopy::Mounted => ocirepo_blob_copy::Mounted,
                _ => ocirepo_blob_copy::ToBeSent,
            };
            (kind::Copy, Data { copy: copy as u32 })
        }
    };
    ocirepo_result {
        kind: kind as u32,
        u,
        ..zeroed()
    }
}

/// Shows an error.
pub(crate) fn error(from: &Error, store: &mut Store) -> ocirepo_error {
    let listed: Vec<ocirepo_pair> = from
        .registry_errors()
        .iter()
        .map(|RegistryError { code, message }| ocirepo_pair {
            name: store.text(code),
            value: store.text(message),
        })
        .collect();
    ocirepo_error {
        kind: kind(from.kind()) as u32,
        http_status: from
            .http_status()
            .map_or(0, |status| status.as_u16().into()),
        message: store.text(from.to_string()),
        url: store.optional(from.url()),
        registry_errors_len: listed.len(),
        registry_errors: store.pairs(listed),
    }
}

fn blob(of: Digest, size: u64, store: &mut Store) -> ocirepo_blob {
    ocirepo_blob {
        digest: digest_text(of, store),
        size,
    }
}

fn names<'a>(from: impl Iterator<Item = &'a str>, store: &mut Store) -> ocirepo_names {
    let list: Vec<ocirepo_str> = from.map(|name| store.text(name)).collect();
    ocirepo_names {
        len: list.len(),
        names: store.texts(list),
    }
}

/// Shows a descriptor.
pub(crate) fn descriptor(from: &Descriptor, store: &mut Store) -> ocirepo_descriptor {
    let (annotations, annotations_len) = annotations(&from.annotations, store);
    ocirepo_descriptor {
        media_type: store.text(&from.media_type),
        digest: digest_text(from.digest, store),
        size: from.size,
        artifact_type: store.optional(from.artifact_type.as_ref()),
        annotations,
        annotations_len,
    }
}

fn annotations(from: &Annotations, store: &mut Store) -> (*const ocirepo_pair, usize) {
    let list: Vec<ocirepo_pair> = from
        .iter()
        .map(|(key, value)| ocirepo_pair {
            name: store.text(key),
            value: store.text(value),
        })
        .collect();
    let len = list.len();
    (store.pairs(list), len)
}

fn manifest(from: Manifest, store: &mut Store) -> ocirepo_manifest {
    let mut list = |from: &[Descriptor]| {
        let list: Vec<ocirepo_descriptor> =
            from.iter().map(|from| descriptor(from, store)).collect();
        store.descriptors(list)
    };
    let layers = list(from.layers());
    let children = list(from.children());
    let config = list(from.config().map_or(&[], std::slice::from_ref));
    let subject = list(from.subject().map_or(&[], std::slice::from_ref));
    let (annotations, annotations_len) = annotations(from.annotations(), store);
    ocirepo_manifest {
        media_type: store.text(from.media_type()),
        digest: digest_text(from.digest(), store),
        artifact_type: store.optional(from.artifact_type()),
        config,
        subject,
        layers,
        layers_len: from.layers().len(),
        children,
        children_len: from.children().len(),
        annotations,
        annotations_len,
        raw: store.bytes(from.into_raw()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_names_of_the_core() {
        for of in [
            ErrorKind::NotFound,
            ErrorKind::Unauthorized,
            ErrorKind::Denied,
            ErrorKind::UntrustedRealm,
            ErrorKind::RateLimited,
            ErrorKind::Unavailable,
            ErrorKind::Network,
            ErrorKind::Tls,
            ErrorKind::Corrupt,
            ErrorKind::TooLarge,
            ErrorKind::InvalidResponse,
            ErrorKind::Capability,
            ErrorKind::Redirect,
            ErrorKind::Conflict,
            ErrorKind::Refused,
            ErrorKind::Unsupported,
            ErrorKind::SourceChanged,
            ErrorKind::Local,
            ErrorKind::Cancelled,
        ] {
            let name = ocirepo_error_kind_name(kind(of) as u32);
            // SAFETY: it ends with a NUL and lives for ever.
            let name = unsafe { std::ffi::CStr::from_ptr(name) };
            assert_eq!(name.to_str(), Ok(of.name()));
        }
    }
}
