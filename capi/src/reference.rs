//! References: which manifest of which repository in which registry.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use ocirepo::reference::{Location, Reference, Registry, Scheme, Selector};

use crate::status::{Misuse, free, ocirepo_status, outside, required};
use crate::text::{Store, copy_message, ocirepo_str};
use crate::versioned::{self, Versioned, zeroed};

/// A reference that was parsed. It never changes, so that any number of sessions and threads
/// may use it at once.
pub struct ocirepo_reference {
    pub(crate) reference: Reference,
    parts: ocirepo_reference_parts,
    /// Owns what the parts point to.
    _store: Store,
}

/// What a reference says. Texts live as long as the reference; what is not written is empty.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_reference_parts {
    /// `sizeof(ocirepo_reference_parts)`.
    pub size: usize,
    /// `https` or `http`.
    pub scheme: ocirepo_str,
    /// `host[:port]`, as credentials are kept by.
    pub registry: ocirepo_str,
    /// The name of the repository in the registry.
    pub repository: ocirepo_str,
    /// The tag.
    pub tag: ocirepo_str,
    /// The digest.
    pub digest: ocirepo_str,
    /// The whole as `oci://…`, with the scheme where it is not the usual one.
    pub location: ocirepo_str,
}

// SAFETY: numbers and pointers, its size first.
unsafe impl Versioned for ocirepo_reference_parts {}

impl ocirepo_reference {
    pub(crate) fn new(reference: Reference) -> Self {
        let mut store = Store::default();
        let registry = reference.registry();
        let parts = ocirepo_reference_parts {
            scheme: store.text(registry.scheme().as_str()),
            registry: store.text(registry.authority()),
            repository: store.text(reference.repository().name()),
            tag: store.optional(reference.tag().map(|tag| tag.as_str())),
            digest: store.optional(reference.digest().map(|digest| digest.to_string())),
            location: store.text(Location::from(reference.clone()).to_string()),
            ..zeroed()
        };
        Self {
            reference,
            parts,
            _store: store,
        }
    }
}

/// Reads a reference: a location (`oci://ghcr.io/me/repo:el9`, `oci+http://…`) or what Docker
/// reads (`ghcr.io/me/repo:el9`, `ubuntu`). It is to be freed with `ocirepo_reference_free`.
///
/// What is wrong with the text is written to `message`, cut to `message_size` bytes with its
/// NUL; it may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_reference_parse(
    text: ocirepo_str,
    reference: Option<&mut MaybeUninit<*mut ocirepo_reference>>,
    message: *mut c_char,
    message_size: usize,
) -> ocirepo_status {
    let (status, said) = outside(|| {
        let place = required(reference, "reference")?;
        place.write(std::ptr::null_mut());
        // SAFETY: the caller's promise for text.
        let text = unsafe { text.text() }?;
        let reference = match text.contains("://") {
            true => Location::parse(text).map(Location::into_reference),
            false => text.parse::<Reference>(),
        }
        .map_err(Misuse::malformed)?;
        place.write(Box::into_raw(Box::new(ocirepo_reference::new(reference))));
        Ok(ocirepo_status::Ok)
    });
    // SAFETY: the caller's promise for the buffer.
    unsafe { copy_message(&said, message, message_size) };
    status
}

/// Tells what a reference says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_reference_get(
    reference: Option<&ocirepo_reference>,
    parts: *mut ocirepo_reference_parts,
) -> ocirepo_status {
    let work = || {
        let reference = required(reference, "reference")?;
        // SAFETY: the caller's promise for a struct with a size.
        unsafe { versioned::write(parts, reference.parts) }?;
        Ok(ocirepo_status::Ok)
    };
    outside(work).0
}

/// Frees a reference. Operations that were started with it go on.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_reference_free(reference: Option<Box<ocirepo_reference>>) {
    free(reference);
}

/// The tag or digest that a call names, or else the reference's own.
///
/// # Safety
/// The caller's promise for text.
pub(crate) unsafe fn selector(
    reference: &ocirepo_reference,
    text: ocirepo_str,
) -> Result<Selector, Misuse> {
    // SAFETY: the caller's promise is the one that is asked for.
    match unsafe { text.optional() }? {
        None => Ok(reference.reference.selector()),
        // A tag has no colon.
        Some(text) if text.contains(':') => {
            Ok(Selector::Digest(text.parse().map_err(Misuse::malformed)?))
        }
        Some(text) => Ok(Selector::Tag(text.parse().map_err(Misuse::malformed)?)),
    }
}

/// The registry that a scheme and `host[:port]` name.
///
/// # Safety
/// The caller's promise for text.
pub(crate) unsafe fn registry(
    scheme: ocirepo_str,
    authority: ocirepo_str,
) -> Result<Registry, Misuse> {
    // SAFETY: the caller's promise is the one that is asked for.
    let authority = unsafe { authority.text() }?;
    // SAFETY: as above.
    let registry = match unsafe { scheme.optional() }? {
        None => Registry::with_default_scheme(authority),
        Some("https") => Registry::new(Scheme::Https, authority),
        Some("http") => Registry::new(Scheme::Http, authority),
        Some(_) => return Err(Misuse::invalid("the scheme is neither https nor http")),
    };
    registry.map_err(Misuse::malformed)
}
