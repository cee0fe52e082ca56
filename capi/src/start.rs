//! Everything a session can be asked for.
//!
//! Each function begins an operation and gives its id; `OCIREPO_OUTPUT_KIND_DONE` tells when it
//! ended, and `ocirepo_session_take` what came of it. Where a selector is asked for, it is a tag
//! or a digest, and without one it is what the reference says.

use std::mem::MaybeUninit;

use ocirepo::manifest::Manifest;
use ocirepo::operation::{
    Blob, BlobCopy, Condition, Operation, OperationId, PushedBlob, Resume, Unverified, Upload,
};
use ocirepo::reference::{Repository, Tag};
use ocirepo::session::Session;
use ocirepo::sink::Content;
use ocirepo::{Descriptor, Error};

use crate::digest::digest;
use crate::reference::{ocirepo_reference, registry, selector};
use crate::result::Value;
use crate::session::ocirepo_session;
use crate::sink::{content, ocirepo_sink};
use crate::source::ocirepo_source;
use crate::status::{Misuse, enter, ocirepo_status, required};
use crate::text::{list, ocirepo_bytes, ocirepo_str};
use crate::versioned::{self, Versioned, zeroed};

/// The keys to the results of all operations.
macro_rules! asked {
    ($($variant:ident($type:ty) => $value:expr),* $(,)?) => {
        #[derive(Clone, Copy)]
        pub(crate) enum Asked { $($variant(Operation<$type>)),* }

        impl Asked {
            pub(crate) fn id(&self) -> OperationId {
                match self { $(Self::$variant(operation) => operation.id()),* }
            }

            pub(crate) fn take(&self, session: &mut Session) -> Option<Result<Value, Error>> {
                match self {
                    $(Self::$variant(operation) => {
                        Some(session.take(*operation)?.map($value))
                    })*
                }
            }
        }

        $(impl From<Operation<$type>> for Asked {
            fn from(operation: Operation<$type>) -> Self {
                Self::$variant(operation)
            }
        })*
    };
}

asked! {
    Nothing(()) => |()| Value::Nothing,
    Descriptor(Descriptor) => Value::Descriptor,
    Manifest(Manifest) => |manifest| Value::Manifest(Box::new(manifest)),
    Blob(Blob) => Value::Blob,
    Bytes(Vec<u8>) => Value::Bytes,
    Range(Unverified) => Value::Range,
    Exists(Option<Content>) => Value::Exists,
    Pushed(PushedBlob) => Value::Pushed,
    Tags(Vec<Tag>) => Value::Tags,
    Repositories(Vec<Repository>) => Value::Repositories,
    Descriptors(Vec<Descriptor>) => Value::Descriptors,
    Copy(BlobCopy) => Value::Copy,
}

/// Where the id of an operation goes.
type Place<'a> = Option<&'a mut MaybeUninit<u64>>;

/// Begins an operation at a reference.
fn begin<T>(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    operation: Place<'_>,
    ask: impl FnOnce(&mut Session, &ocirepo_reference) -> Result<Operation<T>, Misuse>,
) -> ocirepo_status
where
    Asked: From<Operation<T>>,
{
    enter(session, |session| {
        let reference = required(reference, "reference")?;
        let place = required(operation, "operation")?;
        place.write(crate::OCIREPO_NOTHING);
        let operation = ask(&mut session.session, reference)?;
        place.write(session.begin(operation.into()));
        Ok(ocirepo_status::Ok)
    })
}

/// Asks the registry of a reference whether it speaks the protocol, with the credentials there
/// are. Yields `OCIREPO_RESULT_KIND_NOTHING`.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_session_ping(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        Ok(session.ping(at.reference.registry()))
    })
}

/// Finds out media type, digest and size of a manifest. Yields `OCIREPO_RESULT_KIND_DESCRIPTOR`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_resolve(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    selector: ocirepo_str,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        // SAFETY: the caller's promise for text.
        let selector = unsafe { self::selector(at, selector) }?;
        Ok(session.resolve(at.reference.repository(), selector))
    })
}

/// Pulls a manifest. Yields `OCIREPO_RESULT_KIND_MANIFEST`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_pull_manifest(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    selector: ocirepo_str,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        // SAFETY: the caller's promise for text.
        let selector = unsafe { self::selector(at, selector) }?;
        Ok(session.pull_manifest(at.reference.repository(), selector))
    })
}

/// Pulls a blob of any size through a sink, which comes with the head of the response. `size`
/// is `OCIREPO_NOTHING` when it is not known. Yields `OCIREPO_RESULT_KIND_BLOB`: only then the
/// bytes that were written count.
///
/// With `resume`, the pull goes on where that sink stands; it is given up whatever the status
/// is. It must be for the same digest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_pull_blob(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    digest: ocirepo_str,
    size: u64,
    resume: Option<Box<ocirepo_sink>>,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        // SAFETY: the caller's promise for text.
        let content = unsafe { content(digest, size) }?;
        let resume = match resume {
            None => Resume::Fresh,
            Some(sink) if sink.sink.content().digest != content.digest => {
                return Err(Misuse::invalid(
                    "the sink to resume with is for another blob",
                ));
            }
            Some(sink) => Resume::From(sink.sink),
        };
        Ok(session.pull_blob(at.reference.repository(), content, resume))
    })
}

/// Pulls a blob of at most `limit` bytes into memory. Yields `OCIREPO_RESULT_KIND_BYTES`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_pull_bytes(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    digest: ocirepo_str,
    size: u64,
    limit: u64,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        // SAFETY: the caller's promise for text.
        let content = unsafe { content(digest, size) }?;
        Ok(session.pull_blob_bytes(at.reference.repository(), content, limit))
    })
}

/// Pulls `len` bytes of a blob from `offset` on into memory; no digest covers them. Yields
/// `OCIREPO_RESULT_KIND_RANGE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_pull_range(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    digest: ocirepo_str,
    offset: u64,
    len: u64,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        // SAFETY: the caller's promise for text.
        let digest = unsafe { self::digest(digest) }?;
        let range = offset..offset.saturating_add(len);
        Ok(session.pull_blob_range(at.reference.repository(), digest, range))
    })
}

/// Asks whether a repository has a blob. Yields `OCIREPO_RESULT_KIND_EXISTS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_blob_exists(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    digest: ocirepo_str,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        // SAFETY: the caller's promise for text.
        let digest = unsafe { self::digest(digest) }?;
        Ok(session.blob_exists(at.reference.repository(), digest))
    })
}

/// Asks whether a repository has a manifest. Yields `OCIREPO_RESULT_KIND_EXISTS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_manifest_exists(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    selector: ocirepo_str,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        // SAFETY: the caller's promise for text.
        let selector = unsafe { self::selector(at, selector) }?;
        Ok(session.manifest_exists(at.reference.repository(), selector))
    })
}

/// Ask first whether the registry has the blob. Needs a source whose digest is known.
pub const OCIREPO_UPLOAD_CHECK: u32 = 1;
/// Send it with one POST, as few registries support. Needs a source whose digest is known.
pub const OCIREPO_UPLOAD_SINGLE: u32 = 2;

/// How to push a blob. All zero but the size is the usual way.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_upload {
    /// `sizeof(ocirepo_upload)`.
    pub size: usize,
    /// `OCIREPO_UPLOAD_CHECK` and its like, or'ed.
    pub flags: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
    /// Send it in chunks of so many bytes; 0 for all at once where the registry lets us.
    pub chunk: u64,
    /// A repository of the same registry that has the blob, to take it from there, or NULL.
    /// Needs a source whose digest is known.
    pub mount_from: *const ocirepo_reference,
}

// SAFETY: numbers and pointers, its size first.
unsafe impl Versioned for ocirepo_upload {}

/// Pushes a blob from a source that the host reads. The source is given up whatever the status
/// is; with NULL for `upload`, the usual way is taken. Yields `OCIREPO_RESULT_KIND_PUSHED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_push_blob(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    source: Option<Box<ocirepo_source>>,
    upload: *const ocirepo_upload,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        let source = required(source, "source")?.source;
        let mut how = Upload::default();
        if !upload.is_null() {
            // SAFETY: the caller's promise for a struct with a size.
            let upload: ocirepo_upload = unsafe { versioned::read(upload, zeroed()) }?;
            if upload.flags & !(OCIREPO_UPLOAD_CHECK | OCIREPO_UPLOAD_SINGLE) != 0 {
                return Err(Misuse::invalid("there is no such flag of an upload"));
            }
            // SAFETY: it is NULL or a reference, by the caller's promise for handles.
            let mount = unsafe { upload.mount_from.as_ref() };
            how = Upload {
                check: upload.flags & OCIREPO_UPLOAD_CHECK != 0,
                single_request: upload.flags & OCIREPO_UPLOAD_SINGLE != 0,
                chunk: Some(upload.chunk).filter(|chunk| *chunk > 0),
                mount_from: mount.map(|from| from.reference.repository().clone()),
            };
        }
        Ok(session.push_blob(at.reference.repository(), source, how))
    })
}

/// What a manifest's bytes say.
///
/// # Safety
/// The caller's promise for text and bytes.
pub(crate) unsafe fn manifest(
    media_type: ocirepo_str,
    raw: ocirepo_bytes,
) -> Result<Manifest, Misuse> {
    // SAFETY: the caller's promise is the one that is asked for.
    let media_type = unsafe { media_type.optional() }?;
    // SAFETY: as above.
    let raw = unsafe { list(raw.data, raw.len) }?;
    Manifest::parse(media_type, raw.to_vec()).map_err(Misuse::malformed)
}

/// Pushes a manifest, byte for byte. The media type may be left out where the document has it.
/// Yields `OCIREPO_RESULT_KIND_DESCRIPTOR`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_push_manifest(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    selector: ocirepo_str,
    media_type: ocirepo_str,
    raw: ocirepo_bytes,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        // SAFETY: the caller's promise for text.
        let selector = unsafe { self::selector(at, selector) }?;
        // SAFETY: the caller's promise for text and bytes.
        let manifest = unsafe { manifest(media_type, raw) }?;
        Ok(session.push_manifest(at.reference.repository(), selector, manifest))
    })
}

/// Pushes a manifest where the one at the tag has the digest `expected` now, or where there is
/// none when that is empty. Most registries do not look at it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_push_manifest_if(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    selector: ocirepo_str,
    media_type: ocirepo_str,
    raw: ocirepo_bytes,
    expected: ocirepo_str,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        // SAFETY: the caller's promise for text.
        let selector = unsafe { self::selector(at, selector) }?;
        // SAFETY: the caller's promise for text and bytes.
        let manifest = unsafe { manifest(media_type, raw) }?;
        // SAFETY: as above.
        let condition = match unsafe { expected.optional() }? {
            None => Condition::Absent,
            Some(digest) => Condition::Digest(digest.parse().map_err(Misuse::malformed)?),
        };
        let repository = at.reference.repository();
        Ok(session.push_manifest_if(repository, selector, manifest, condition))
    })
}

/// Lists the tags of a repository. Yields `OCIREPO_RESULT_KIND_NAMES`.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_session_tags(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        Ok(session.tags(at.reference.repository()))
    })
}

/// Lists the repositories of a registry (`host[:port]`), where it offers that. The scheme may be
/// left out for the usual one. Yields `OCIREPO_RESULT_KIND_NAMES`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_repositories(
    session: Option<&mut ocirepo_session>,
    scheme: ocirepo_str,
    registry: ocirepo_str,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    enter(session, |session| {
        let place = required(operation, "operation")?;
        place.write(crate::OCIREPO_NOTHING);
        // SAFETY: the caller's promise for text.
        let registry = unsafe { self::registry(scheme, registry) }?;
        let operation = session.session.repositories(&registry);
        place.write(session.begin(operation.into()));
        Ok(ocirepo_status::Ok)
    })
}

/// Lists the manifests whose subject is the digest, all or those of one artifact type. Yields
/// `OCIREPO_RESULT_KIND_DESCRIPTORS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_referrers(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    subject: ocirepo_str,
    artifact_type: ocirepo_str,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        // SAFETY: the caller's promise for text.
        let subject = unsafe { digest(subject) }?;
        // SAFETY: as above.
        let artifact_type = unsafe { artifact_type.optional() }?;
        Ok(session.referrers(at.reference.repository(), subject, artifact_type))
    })
}

/// Deletes a tag, or a manifest with all its tags when it is named by digest. Yields
/// `OCIREPO_RESULT_KIND_NOTHING`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_delete_manifest(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    selector: ocirepo_str,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        // SAFETY: the caller's promise for text.
        let selector = unsafe { self::selector(at, selector) }?;
        Ok(session.delete_manifest(at.reference.repository(), selector))
    })
}

/// Deletes a blob. Yields `OCIREPO_RESULT_KIND_NOTHING`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_delete_blob(
    session: Option<&mut ocirepo_session>,
    reference: Option<&ocirepo_reference>,
    digest: ocirepo_str,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, reference, operation, |session, at| {
        // SAFETY: the caller's promise for text.
        let digest = unsafe { self::digest(digest) }?;
        Ok(session.delete_blob(at.reference.repository(), digest))
    })
}

/// Copies a manifest, byte for byte, to the repository of `to` under the same tag or digest.
/// What it refers to must be there already. Yields `OCIREPO_RESULT_KIND_DESCRIPTOR`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_copy_manifest(
    session: Option<&mut ocirepo_session>,
    from: Option<&ocirepo_reference>,
    to: Option<&ocirepo_reference>,
    selector: ocirepo_str,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, from, operation, |session, from| {
        let to = required(to, "to")?.reference.repository();
        // SAFETY: the caller's promise for text.
        let selector = unsafe { self::selector(from, selector) }?;
        Ok(session.copy_manifest(from.reference.repository(), to, selector))
    })
}

/// Copies a blob to the repository of `to` as far as that goes without moving its bytes. Yields
/// `OCIREPO_RESULT_KIND_COPY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_copy_blob(
    session: Option<&mut ocirepo_session>,
    from: Option<&ocirepo_reference>,
    to: Option<&ocirepo_reference>,
    digest: ocirepo_str,
    operation: Option<&mut MaybeUninit<u64>>,
) -> ocirepo_status {
    begin(session, from, operation, |session, from| {
        let to = required(to, "to")?.reference.repository();
        // SAFETY: the caller's promise for text.
        let digest = unsafe { self::digest(digest) }?;
        Ok(session.copy_blob(from.reference.repository(), to, digest))
    })
}
