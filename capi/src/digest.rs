//! Digests as text.

use std::ffi::c_char;

use ocirepo::Digest;

use crate::status::{Misuse, ocirepo_status, outside};
use crate::text::{copy_message, list, ocirepo_bytes, ocirepo_str};

/// How many bytes a buffer for the longest digest needs, its NUL included.
pub const OCIREPO_DIGEST_SIZE: usize = 136;

/// # Safety
/// The caller's promise for text.
pub(crate) unsafe fn digest(text: ocirepo_str) -> Result<Digest, Misuse> {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { text.text() }?.parse().map_err(Misuse::malformed)
}

/// Writes the SHA-256 digest of bytes at hand, `sha256:` and 64 hex digits, to `text`, which
/// has room for `OCIREPO_DIGEST_SIZE` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_digest_of(
    bytes: ocirepo_bytes,
    text: *mut c_char,
) -> ocirepo_status {
    let work = || {
        if text.is_null() {
            return Err(Misuse::invalid("text is NULL"));
        }
        // SAFETY: the caller's promise for bytes.
        let bytes = unsafe { list(bytes.data, bytes.len) }?;
        let digest = Digest::of(bytes).to_string();
        // SAFETY: the caller's promise for the buffer.
        unsafe { copy_message(&digest, text, OCIREPO_DIGEST_SIZE) };
        Ok(ocirepo_status::Ok)
    };
    outside(work).0
}

/// Whether bytes at hand hash to a digest: `OCIREPO_STATUS_OK`, else `OCIREPO_STATUS_FAILED`, or
/// `OCIREPO_STATUS_INVALID` if that is no digest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_digest_verify(
    expected: ocirepo_str,
    bytes: ocirepo_bytes,
) -> ocirepo_status {
    let work = || {
        // SAFETY: the caller's promise for text.
        let digest = unsafe { digest(expected) }?;
        // SAFETY: the caller's promise for bytes.
        let bytes = unsafe { list(bytes.data, bytes.len) }?;
        Ok(match Digest::with(digest.algorithm(), bytes) == digest {
            true => ocirepo_status::Ok,
            false => ocirepo_status::Failed,
        })
    };
    outside(work).0
}
