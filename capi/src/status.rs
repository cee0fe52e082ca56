//! How calls end, and what keeps a panic from reaching C.

use std::borrow::Cow;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::text::{Store, ocirepo_str};

/// How a call ended. Negative ones are mistakes of the caller or failures; the handle then
/// holds a message.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ocirepo_status {
    /// It did what it is for.
    Ok = 0,
    /// There is nothing: no result yet, no further package, no such file.
    None = 1,
    /// The exchange ended before, or the operation was taken before; nothing was done. A host
    /// need not be careful about what it still reports, and may ignore this.
    Ended = 2,
    /// The body is longer than the blob: drop the exchange and report it lost, with the sink.
    Stop = 3,
    /// The operation failed; the result tells how.
    Failed = 4,
    /// A pointer is NULL, a struct's size is none it can have, a number names nothing, or
    /// text is not what it must be. Nothing was done.
    Invalid = -1,
    /// No such operation or exchange was ever begun in this session. Nothing was done.
    Unknown = -2,
    /// The call does not fit what was done before, such as the body of a response before its
    /// head. Nothing was done.
    Order = -3,
    /// A sink or source of another exchange or session. It was freed, nothing else was done.
    Foreign = -4,
    /// The bytes do not belong to the source as it was described: it changed while it was
    /// read. Report the exchange lost with `OCIREPO_CAUSE_LOCAL`.
    Changed = -5,
    /// A bug of the library was caught. The handle can only be freed from now on.
    Poisoned = -6,
}

/// Why a call did nothing.
pub(crate) struct Misuse {
    pub(crate) status: ocirepo_status,
    pub(crate) message: Cow<'static, str>,
}

pub(crate) type Answer = Result<ocirepo_status, Misuse>;

impl Misuse {
    pub(crate) fn new(status: ocirepo_status, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self { status, message }
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ocirepo_status::Invalid, message)
    }

    pub(crate) fn malformed(error: impl Display) -> Self {
        Self::invalid(error.to_string())
    }

    pub(crate) fn order(message: &'static str) -> Self {
        Self::new(ocirepo_status::Order, message)
    }
}

/// What a pointer that may not be NULL points to.
pub(crate) fn required<T>(pointer: Option<T>, name: &'static str) -> Result<T, Misuse> {
    pointer.ok_or_else(|| Misuse::invalid(format!("{name} is NULL")))
}

/// What all handles that can fail have: whether they are still sound, what the last call had to
/// say, and what the pointers it handed out point to.
#[derive(Default)]
pub(crate) struct Common {
    poisoned: bool,
    message: Vec<u8>,
    pub(crate) store: Store,
}

impl Common {
    /// What the last call had to say.
    pub(crate) fn message(&self) -> ocirepo_str {
        match self.message.split_last() {
            Some((_, text)) => ocirepo_str::over(text),
            None => ocirepo_str::EMPTY,
        }
    }

    fn say(&mut self, text: &str) {
        self.message = [text.as_bytes(), b"\0"].concat();
    }
}

/// A handle that calls are made on.
pub(crate) trait Handle {
    fn common(&mut self) -> &mut Common;
}

/// Every call on a handle passes here: what an earlier one handed out is freed at its end, and a
/// panic ends in a status, after which the handle is only good for being freed.
pub(crate) fn enter<H: Handle>(
    handle: Option<&mut H>,
    work: impl FnOnce(&mut H) -> Answer,
) -> ocirepo_status {
    let Some(handle) = handle else {
        return ocirepo_status::Invalid;
    };
    if handle.common().poisoned {
        return ocirepo_status::Poisoned;
    }
    // What the last call handed out may be what this one is given, so it lives until the end.
    let _handed_out = std::mem::take(&mut handle.common().store);
    let _said = std::mem::take(&mut handle.common().message);
    match catch_unwind(AssertUnwindSafe(|| work(handle))) {
        Ok(Ok(status)) => status,
        Ok(Err(misuse)) => {
            handle.common().say(&misuse.message);
            misuse.status
        }
        Err(panic) => {
            // Dropping what was thrown may panic again.
            std::mem::forget(panic);
            handle.common().poisoned = true;
            handle
                .common()
                .say("a bug of libocirepo was caught; free this handle and begin anew");
            ocirepo_status::Poisoned
        }
    }
}

/// A call without a handle that could keep a message.
pub(crate) fn outside(work: impl FnOnce() -> Answer) -> (ocirepo_status, Cow<'static, str>) {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(status)) => (status, Cow::Borrowed("")),
        Ok(Err(misuse)) => (misuse.status, misuse.message),
        Err(panic) => {
            std::mem::forget(panic);
            let message = "a bug of libocirepo was caught";
            (ocirepo_status::Poisoned, Cow::Borrowed(message))
        }
    }
}

/// Frees a handle; a panic while it is dropped ends here.
pub(crate) fn free<T>(handle: Option<Box<T>>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(handle))) {
        std::mem::forget(panic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Simple(Common);

    impl Handle for Simple {
        fn common(&mut self) -> &mut Common {
            &mut self.0
        }
    }

    #[test]
    fn a_panic_poisons_its_handle_and_goes_no_further() {
        let mut handle = Simple::default();
        let status = enter(Some(&mut handle), |_| panic!("on purpose"));
        assert_eq!(status, ocirepo_status::Poisoned);
        assert!(handle.0.message().len > 0);
        let status = enter(Some(&mut handle), |_| Ok(ocirepo_status::Ok));
        assert_eq!(status, ocirepo_status::Poisoned);
        assert_eq!(outside(|| panic!("too")).0, ocirepo_status::Poisoned);

        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("while it is freed");
            }
        }
        free(Some(Box::new(Bomb)));
    }

    #[test]
    fn no_handle_is_a_defined_error() {
        let status = enter(None::<&mut Simple>, |_| Ok(ocirepo_status::Ok));
        assert_eq!(status, ocirepo_status::Invalid);
    }
}
