//! Text, bytes and lists of them, as they cross the boundary.

use std::slice;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::status::Misuse;

/// Text in UTF-8. Where it comes out of the library, a NUL byte follows that `len` does not
/// count; where it goes in, none is needed, and NULL with a `len` of 0 is no text.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_str {
    /// The first byte.
    pub data: *const std::ffi::c_char,
    /// The number of bytes.
    pub len: usize,
}

/// Bytes of any kind.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_bytes {
    /// The first byte.
    pub data: *const u8,
    /// The number of bytes.
    pub len: usize,
}

/// A header field or an annotation.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_pair {
    /// The name or key.
    pub name: ocirepo_str,
    /// The value.
    pub value: ocirepo_str,
}

impl ocirepo_str {
    pub(crate) const EMPTY: Self = Self {
        data: c"".as_ptr(),
        len: 0,
    };

    /// Text that is kept elsewhere, with its NUL.
    pub(crate) fn over(text: &[u8]) -> Self {
        Self {
            data: text.as_ptr().cast(),
            len: text.len(),
        }
    }

    /// The bytes of text that came in.
    ///
    /// # Safety
    /// `data` points to `len` bytes that do not change for `'a`, or `len` is 0.
    pub(crate) unsafe fn bytes<'a>(self) -> Result<&'a [u8], Misuse> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { list(self.data.cast(), self.len) }
    }

    /// Text that came in.
    ///
    /// # Safety
    /// As of [`ocirepo_str::bytes`].
    pub(crate) unsafe fn text<'a>(self) -> Result<&'a str, Misuse> {
        // SAFETY: the caller's promise is the one that is asked for.
        let bytes = unsafe { self.bytes() }?;
        std::str::from_utf8(bytes).map_err(|_| Misuse::invalid("a text is not UTF-8"))
    }

    /// Text that came in and may be left out.
    ///
    /// # Safety
    /// As of [`ocirepo_str::bytes`].
    pub(crate) unsafe fn optional<'a>(self) -> Result<Option<&'a str>, Misuse> {
        // SAFETY: the caller's promise is the one that is asked for.
        let text = unsafe { self.text() }?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

impl ocirepo_bytes {
    pub(crate) const EMPTY: Self = Self {
        data: c"".as_ptr().cast(),
        len: 0,
    };
}

/// An array that came in.
///
/// # Safety
/// `data` points to `len` values that do not change for `'a`, or `len` is 0.
pub(crate) unsafe fn list<'a, T>(data: *const T, len: usize) -> Result<&'a [T], Misuse> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null()
        || !data.is_aligned()
        || len.saturating_mul(size_of::<T>()) > isize::MAX as usize
    {
        return Err(Misuse::invalid("a list with a length has no place"));
    }
    // SAFETY: it is not NULL, aligned and of a possible size; the caller promises the rest.
    Ok(unsafe { slice::from_raw_parts(data, len) })
}

/// Header fields that came in. What is no header field is passed over.
///
/// # Safety
/// As of [`list`], and for the texts in it as of [`ocirepo_str::bytes`].
pub(crate) unsafe fn headers(data: *const ocirepo_pair, len: usize) -> Result<HeaderMap, Misuse> {
    let mut map = HeaderMap::new();
    // SAFETY: the caller's promise is the one that is asked for.
    for pair in unsafe { list(data, len) }? {
        // SAFETY: the caller promises this of every text in the list.
        let name = unsafe { pair.name.bytes() }?;
        // SAFETY: as above.
        let value = unsafe { pair.value.bytes() }?;
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
            && map.try_append(name, value).is_err()
        {
            return Err(Misuse::invalid("there are too many header fields"));
        }
    }
    Ok(map)
}

/// Owns what the pointers in an output point to, until the next call.
#[derive(Default)]
pub(crate) struct Store {
    bytes: Vec<Vec<u8>>,
    texts: Vec<Vec<ocirepo_str>>,
    pairs: Vec<Vec<ocirepo_pair>>,
    descriptors: Vec<Vec<crate::result::ocirepo_descriptor>>,
}

impl Store {
    /// Keeps text, with a NUL after it.
    pub(crate) fn text(&mut self, text: impl AsRef<[u8]>) -> ocirepo_str {
        let text = text.as_ref();
        if text.is_empty() {
            return ocirepo_str::EMPTY;
        }
        let mut kept = Vec::with_capacity(text.len() + 1);
        kept.extend_from_slice(text);
        kept.push(0);
        let shown = ocirepo_str {
            data: kept.as_ptr().cast(),
            len: text.len(),
        };
        self.bytes.push(kept);
        shown
    }

    /// Keeps text that may be missing.
    pub(crate) fn optional(&mut self, text: Option<impl AsRef<[u8]>>) -> ocirepo_str {
        text.map_or(ocirepo_str::EMPTY, |text| self.text(text))
    }

    /// Keeps bytes, without copying them.
    pub(crate) fn bytes(&mut self, bytes: Vec<u8>) -> ocirepo_bytes {
        if bytes.is_empty() {
            return ocirepo_bytes::EMPTY;
        }
        let shown = ocirepo_bytes {
            data: bytes.as_ptr(),
            len: bytes.len(),
        };
        self.bytes.push(bytes);
        shown
    }

    pub(crate) fn texts(&mut self, list: Vec<ocirepo_str>) -> *const ocirepo_str {
        keep(&mut self.texts, list)
    }

    pub(crate) fn pairs(&mut self, list: Vec<ocirepo_pair>) -> *const ocirepo_pair {
        keep(&mut self.pairs, list)
    }

    pub(crate) fn descriptors(
        &mut self,
        list: Vec<crate::result::ocirepo_descriptor>,
    ) -> *const crate::result::ocirepo_descriptor {
        keep(&mut self.descriptors, list)
    }
}

fn keep<T>(kept: &mut Vec<Vec<T>>, list: Vec<T>) -> *const T {
    if list.is_empty() {
        return std::ptr::null();
    }
    let data = list.as_ptr();
    kept.push(list);
    data
}

/// Writes a message into a caller's buffer, cut where it does not fit, always with a NUL.
///
/// # Safety
/// `buffer` points to `size` bytes that may be written, or `size` is 0, or it is NULL.
pub(crate) unsafe fn copy_message(message: &str, buffer: *mut std::ffi::c_char, size: usize) {
    if buffer.is_null() || size == 0 {
        return;
    }
    let mut len = message.len().min(size - 1);
    while !message.is_char_boundary(len) {
        len -= 1;
    }
    let buffer = buffer.cast::<u8>();
    // SAFETY: `len` bytes and the NUL fit into `size`, and a caller's buffer is not ours.
    unsafe { std::ptr::copy_nonoverlapping(message.as_ptr(), buffer, len) };
    // SAFETY: `len` is below `size`.
    let end = unsafe { buffer.add(len) };
    // SAFETY: as above.
    unsafe { end.write(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_out_with_a_nul() {
        let mut store = Store::default();
        let text = store.text("oci");
        // SAFETY: the store keeps it, with a NUL.
        let text = unsafe { std::ffi::CStr::from_ptr(text.data) };
        assert_eq!(text, c"oci");
        assert_eq!(store.text("").len, 0);
        assert!(!store.text("").data.is_null());
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        let mut buffer = [1; 4];
        // SAFETY: the buffer has four bytes.
        unsafe { copy_message("aäö", buffer.as_mut_ptr(), 4) };
        assert_eq!(buffer.map(|byte| byte as u8), *b"a\xc3\xa4\0");
    }

    #[test]
    fn a_length_without_a_place_is_refused() {
        let text = ocirepo_str {
            data: std::ptr::null(),
            len: 3,
        };
        // SAFETY: NULL is refused before anything is read.
        assert!(unsafe { text.text() }.is_err());
        let nothing = ocirepo_str { len: 0, ..text };
        // SAFETY: nothing is read.
        assert_eq!(unsafe { nothing.text() }.map_err(|_| ()), Ok(""));
    }
}
