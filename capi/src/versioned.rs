//! Structs that may grow: their first field is their size, as the caller was compiled with.
//!
//! A newer library meets programs that know only the first fields of a struct, so nothing is
//! read or written behind the size a caller gives.

use std::mem::MaybeUninit;

use crate::status::Misuse;

/// A struct that begins with its size in bytes.
///
/// # Safety
/// It is `repr(C)`, its first field is a `usize` with the size, and every other field is a
/// number, a raw pointer, or made of those: all of them zero is a value.
pub(crate) unsafe trait Versioned: Copy {
    /// The size of its first version. It never changes once that was released.
    const FIRST: usize = size_of::<Self>();
}

/// All fields zero.
pub(crate) fn zeroed<T: Versioned>() -> T {
    // SAFETY: who implements the trait promises that zeros are a value.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// Reads the size a caller gave a struct.
///
/// # Safety
/// `from` is NULL or points to at least its size, readable.
unsafe fn size<T: Versioned>(from: *const T) -> Result<usize, Misuse> {
    if from.is_null() || !from.is_aligned() {
        return Err(Misuse::invalid("a struct is NULL"));
    }
    // SAFETY: it is not NULL and aligned; the first field is a `usize`, and may be read.
    let size = unsafe { from.cast::<usize>().read() };
    if size < T::FIRST {
        return Err(Misuse::invalid(
            "the `size` of a struct is smaller than it ever was; set it to sizeof",
        ));
    }
    Ok(size)
}

/// Reads a struct that came in. Fields its caller did not know are as in `defaults`.
///
/// # Safety
/// `from` is NULL, or points to as many readable bytes as its first field says.
pub(crate) unsafe fn read<T: Versioned>(from: *const T, mut defaults: T) -> Result<T, Misuse> {
    // SAFETY: the caller's promise covers the first field.
    let size = unsafe { size(from) }?;
    if size > size_of::<T>() {
        return Err(Misuse::invalid(
            "the `size` of a struct is larger than this library knows; it is older than the header",
        ));
    }
    let to = (&raw mut defaults).cast::<u8>();
    // SAFETY: `size` bytes are readable by the caller's promise and fit into `defaults`, which
    // is ours. Whatever they are, they are numbers and pointers.
    unsafe { std::ptr::copy_nonoverlapping(from.cast::<u8>(), to, size) };
    Ok(defaults)
}

/// Writes a struct to where a caller wants it, as much of it as the caller knows. What the
/// caller knows more is zero.
///
/// # Safety
/// `to` is NULL, or points to as many writable bytes as its first field says.
pub(crate) unsafe fn write<T: Versioned>(to: *mut T, value: T) -> Result<(), Misuse> {
    // SAFETY: the caller's promise covers the first field.
    let size = unsafe { size(to) }?;
    let known = size.min(size_of::<T>());
    let bytes = to.cast::<u8>();
    // SAFETY: at most `size` bytes are written, which the caller allows, and `value` is ours.
    unsafe { std::ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), bytes, known) };
    // SAFETY: it stays within `size`.
    let rest = unsafe { bytes.add(known) };
    // SAFETY: `known` and the rest are `size` bytes.
    unsafe { rest.write_bytes(0, size - known) };
    // SAFETY: the first field is a `usize`.
    unsafe { to.cast::<usize>().write(size) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Grown {
        size: usize,
        old: u64,
        new: u64,
    }

    // SAFETY: it has numbers only, its size first.
    unsafe impl Versioned for Grown {
        const FIRST: usize = 16;
    }

    #[test]
    fn an_old_caller_is_neither_read_nor_written_beyond_its_size() {
        let mut caller = Grown {
            size: 16,
            old: 1,
            new: 77,
        };
        let defaults = Grown {
            size: 0,
            old: 0,
            new: 5,
        };
        // SAFETY: 16 bytes are there.
        let read = unsafe { read(&raw const caller, defaults) };
        assert_eq!(read.ok().map(|grown| (grown.old, grown.new)), Some((1, 5)));
        let value = Grown {
            size: 0,
            old: 8,
            new: 9,
        };
        // SAFETY: as above.
        assert!(unsafe { write(&raw mut caller, value) }.is_ok());
        assert_eq!((caller.size, caller.old, caller.new), (16, 8, 77));
    }

    #[test]
    fn a_newer_caller_gets_zeros_and_may_not_ask_for_the_unknown() {
        let mut caller = [40_usize, 1, 2, 3, 4];
        let at = caller.as_mut_ptr().cast::<Grown>();
        // SAFETY: 40 bytes are there.
        assert!(unsafe { read(at.cast_const(), zeroed()) }.is_err());
        let value = Grown {
            size: 0,
            old: 8,
            new: 9,
        };
        // SAFETY: as above.
        assert!(unsafe { write(at, value) }.is_ok());
        assert_eq!(caller, [40, 8, 9, 0, 0]);
    }

    #[test]
    fn sizes_that_never_were_are_refused() {
        let mut caller = Grown {
            size: 8,
            old: 1,
            new: 2,
        };
        // SAFETY: only the size is read.
        assert!(unsafe { read(&raw const caller, zeroed()) }.is_err());
        // SAFETY: as above.
        assert!(unsafe { write(&raw mut caller, zeroed()) }.is_err());
        // SAFETY: NULL is refused.
        assert!(unsafe { write(std::ptr::null_mut::<Grown>(), zeroed()) }.is_err());
    }
}
