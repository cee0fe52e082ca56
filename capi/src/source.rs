//! Where the bytes of a pushed blob come from.

use std::mem::MaybeUninit;

use ocirepo::source::BlobSource;

use crate::OCIREPO_NOTHING;
use crate::sink::Origin;
use crate::status::{Common, Handle, Misuse, enter, free, ocirepo_status, outside, required};
use crate::text::{list, ocirepo_bytes, ocirepo_str};

/// Hashes an upload while it is sent, whatever is sent twice. Like a sink it may be used on
/// another thread than its session.
pub struct ocirepo_source {
    common: Common,
    pub(crate) source: BlobSource,
    pub(crate) origin: Option<Origin>,
}

impl Handle for ocirepo_source {
    fn common(&mut self) -> &mut Common {
        &mut self.common
    }
}

impl ocirepo_source {
    pub(crate) fn new(source: BlobSource, origin: Option<Origin>) -> Box<Self> {
        Box::new(Self {
            common: Common::default(),
            source,
            origin,
        })
    }
}

/// A source of `size` bytes, to push a blob from. Without a digest, its SHA-256 digest is found
/// out while it is sent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_source_new(
    size: u64,
    digest: ocirepo_str,
    source: Option<&mut MaybeUninit<*mut ocirepo_source>>,
) -> ocirepo_status {
    let work = || {
        let place = required(source, "source")?;
        place.write(std::ptr::null_mut());
        // SAFETY: the caller's promise for text.
        let digest = unsafe { digest.optional() }?;
        let source = match digest {
            None => BlobSource::new(size),
            Some(text) => BlobSource::with_digest(size, text.parse().map_err(Misuse::malformed)?),
        };
        place.write(Box::into_raw(ocirepo_source::new(source, None)));
        Ok(ocirepo_status::Ok)
    };
    outside(work).0
}

/// Takes a chunk that was read at `offset`, before it is sent. `OCIREPO_STATUS_CHANGED` says that it
/// does not belong there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_source_chunk(
    source: Option<&mut ocirepo_source>,
    offset: u64,
    chunk: ocirepo_bytes,
) -> ocirepo_status {
    enter(source, |source| {
        // SAFETY: the caller's promise for bytes.
        let chunk = unsafe { list(chunk.data, chunk.len) }?;
        match source.source.chunk(offset, chunk) {
            Ok(()) => Ok(ocirepo_status::Ok),
            Err(error) => Err(Misuse::new(ocirepo_status::Changed, error.to_string())),
        }
    })
}

/// The number of bytes of the whole source; `OCIREPO_NOTHING` for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_source_size(source: Option<&ocirepo_source>) -> u64 {
    source.map_or(OCIREPO_NOTHING, |source| source.source.size())
}

/// Frees a source that was not given back.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_source_free(source: Option<Box<ocirepo_source>>) {
    free(source);
}
