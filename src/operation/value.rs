//! The results of all operations under one type.

use super::{Blob, BlobCopy, PushedBlob, Unverified};
use crate::auth::tokens::Token;
use crate::descriptor::Descriptor;
use crate::manifest::Manifest;
use crate::reference::{Repository, Tag};
use crate::sink::Content;

/// A type that operations yield.
#[expect(
    private_bounds,
    reason = "callers only name the types that implement it"
)]
pub trait Outcome: Sealed + Sized {}

/// Only the types below are results, each wrapped as a variant of [`Value`].
pub(crate) trait Sealed {
    fn wrap(self) -> Value;
    fn unwrap(value: Value) -> Option<Self>
    where
        Self: Sized;
}

/// The results of all operations, until the caller takes them by their type.
macro_rules! outcomes {
    ($($variant:ident($type:ty)),* $(,)?) => {
        #[derive(Debug)]
        pub(crate) enum Value { $($variant(Box<$type>)),* }
        $(
            impl Sealed for $type {
                fn wrap(self) -> Value {
                    Value::$variant(Box::new(self))
                }
                fn unwrap(value: Value) -> Option<Self> {
                    match value {
                        Value::$variant(value) => Some(*value),
                        _ => None,
                    }
                }
            }
            impl Outcome for $type {}
        )*
    };
}

outcomes! {
    Descriptor(Descriptor),
    Manifest(Manifest),
    Blob(Blob),
    Bytes(Vec<u8>),
    Unverified(Unverified),
    Exists(Option<Content>),
    PushedBlob(PushedBlob),
    Tags(Vec<Tag>),
    Repositories(Vec<Repository>),
    Referrers(Vec<Descriptor>),
    Done(()),
    BlobCopy(BlobCopy),
    Token(Token),
}
