//! Where the bytes of a pulled blob go.

use std::mem::MaybeUninit;
use std::sync::Arc;

use ocirepo::sink::{BlobSink, Content};

use crate::OCIREPO_NOTHING;
use crate::digest;
use crate::status::{Common, Handle, Misuse, enter, free, ocirepo_status, outside, required};
use crate::text::{list, ocirepo_bytes, ocirepo_str};

/// Takes the bytes of one blob in order and tells which of them to write where. It shares
/// nothing with its session: it may be used on another thread while that goes on.
pub struct ocirepo_sink {
    common: Common,
    pub(crate) sink: BlobSink,
    /// The session and exchange it came from.
    pub(crate) origin: Option<Origin>,
}

/// What a sink or source was handed out for.
#[derive(Clone)]
pub(crate) struct Origin {
    /// Tells sessions apart.
    pub(crate) session: Arc<()>,
    pub(crate) exchange: u64,
}

impl Origin {
    pub(crate) fn is(&self, session: &Arc<()>, exchange: u64) -> bool {
        Arc::ptr_eq(&self.session, session) && self.exchange == exchange
    }
}

/// The part of a chunk that is new, and where it belongs in the blob.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_keep {
    /// The bytes to write, a part of the chunk.
    pub data: *const u8,
    /// How many they are; 0 when all of the chunk was seen before.
    pub len: usize,
    /// Their offset from the start of the blob.
    pub offset: u64,
}

impl Handle for ocirepo_sink {
    fn common(&mut self) -> &mut Common {
        &mut self.common
    }
}

impl ocirepo_sink {
    pub(crate) fn new(sink: BlobSink, origin: Option<Origin>) -> Box<Self> {
        Box::new(Self {
            common: Common::default(),
            sink,
            origin,
        })
    }
}

/// What a blob must turn out to be.
///
/// # Safety
/// The caller's promise for text.
pub(crate) unsafe fn content(text: ocirepo_str, size: u64) -> Result<Content, Misuse> {
    // SAFETY: the caller's promise is the one that is asked for.
    let digest = unsafe { digest::digest(text) }?;
    let size = Some(size).filter(|size| *size != OCIREPO_NOTHING);
    Ok(Content { digest, size })
}

/// A sink for a pull that goes on with what is on disk: feed it that first, with
/// `ocirepo_sink_chunk`, then start the pull with it. `size` is `OCIREPO_NOTHING` when it is not
/// known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_sink_new(
    digest: ocirepo_str,
    size: u64,
    sink: Option<&mut MaybeUninit<*mut ocirepo_sink>>,
) -> ocirepo_status {
    let work = || {
        let place = required(sink, "sink")?;
        place.write(std::ptr::null_mut());
        // SAFETY: the caller's promise for text.
        let content = unsafe { content(digest, size) }?;
        let sink = ocirepo_sink::new(BlobSink::new(content), None);
        place.write(Box::into_raw(sink));
        Ok(ocirepo_status::Ok)
    };
    outside(work).0
}

/// A sink from what `ocirepo_sink_save` wrote for the same blob; `OCIREPO_STATUS_NONE` when it is
/// for another blob or no such text. The caller vouches for the text and for the bytes on disk.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_sink_restore(
    digest: ocirepo_str,
    size: u64,
    saved: ocirepo_str,
    sink: Option<&mut MaybeUninit<*mut ocirepo_sink>>,
) -> ocirepo_status {
    let work = || {
        let place = required(sink, "sink")?;
        place.write(std::ptr::null_mut());
        // SAFETY: the caller's promise for text.
        let content = unsafe { content(digest, size) }?;
        // SAFETY: as above.
        let saved = unsafe { saved.text() }?;
        let Some(sink) = BlobSink::restore(content, saved) else {
            return Ok(ocirepo_status::None);
        };
        place.write(Box::into_raw(ocirepo_sink::new(sink, None)));
        Ok(ocirepo_status::Ok)
    };
    outside(work).0
}

/// Takes the next chunk of the body and says what of it to write where. `keep` points into
/// `chunk`.
///
/// `OCIREPO_STATUS_STOP` says that the body is longer than the blob, and that nothing of the chunk was
/// taken: drop the exchange and report it lost, with the sink.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_sink_chunk(
    sink: Option<&mut ocirepo_sink>,
    chunk: ocirepo_bytes,
    keep: Option<&mut MaybeUninit<ocirepo_keep>>,
) -> ocirepo_status {
    enter(sink, |sink| {
        let place = required(keep, "keep")?;
        // SAFETY: the caller's promise for bytes.
        let chunk = unsafe { list(chunk.data, chunk.len) }?;
        let (kept, status) = match sink.sink.chunk(chunk) {
            Ok(keep) => (keep.bytes, ocirepo_status::Ok),
            Err(_) => (&[][..], ocirepo_status::Stop),
        };
        place.write(ocirepo_keep {
            data: kept.as_ptr(),
            len: kept.len(),
            offset: sink.sink.offset() - kept.len() as u64,
        });
        Ok(status)
    })
}

/// The number of bytes taken so far, from the start of the blob; `OCIREPO_NOTHING` for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_sink_offset(sink: Option<&ocirepo_sink>) -> u64 {
    sink.map_or(OCIREPO_NOTHING, |sink| sink.sink.offset())
}

/// Whether the bytes taken so far are the whole blob, and the right one.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_sink_is_verified(sink: Option<&ocirepo_sink>) -> bool {
    sink.is_some_and(|sink| sink.sink.is_verified())
}

/// Writes the sink as text, for a process that goes on later without reading what it has on
/// disk. Save only after all bytes up to the offset are durably written.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_sink_save(
    sink: Option<&mut ocirepo_sink>,
    saved: Option<&mut MaybeUninit<ocirepo_str>>,
) -> ocirepo_status {
    enter(sink, |sink| {
        let place = required(saved, "saved")?;
        let saved = sink.sink.save();
        place.write(sink.common.store.text(saved));
        Ok(ocirepo_status::Ok)
    })
}

/// Frees a sink that was not given back.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_sink_free(sink: Option<Box<ocirepo_sink>>) {
    free(sink);
}
