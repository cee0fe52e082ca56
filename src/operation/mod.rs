//! What a caller can ask for, each a state machine of its own.
//!
//! A `Machine` knows one thing: which request its present state sends, and which
//! state a response leads to. Everything that all requests have in common (the queue,
//! credentials, redirects, retries, time limits, byte caps) is the session's, so a
//! machine sees only responses that mean something to it.

mod copy;
mod delete;
pub(crate) mod exists;
mod fetch_token;
mod list;
mod ping;
mod pull_blob;
mod pull_bytes;
mod pull_manifest;
mod push_blob;
mod push_manifest;
mod referrers;
mod resolve;
pub(crate) mod value;

#[cfg(test)]
mod graphs;

use std::fmt;
use std::marker::PhantomData;

pub use crate::endpoint::manifests::Condition;
pub use copy::BlobCopy;
pub(crate) use copy::{CopyBlob, CopyManifest};
pub(crate) use delete::Delete;
pub(crate) use exists::Exists;
pub(crate) use fetch_token::FetchToken;
pub(crate) use list::{ListRepositories, ListTags};
pub(crate) use ping::Ping;
pub(crate) use pull_blob::PullBlob;
pub use pull_blob::{Blob, Resume};
pub use pull_bytes::Unverified;
pub(crate) use pull_bytes::{PullBytes, PullRange};
pub(crate) use pull_manifest::PullManifest;
pub(crate) use push_blob::PushBlob;
pub use push_blob::{PushedBlob, Upload};
pub(crate) use push_manifest::PushManifest;
pub(crate) use referrers::ListReferrers;
pub(crate) use resolve::Resolve;
pub use value::Outcome;
pub(crate) use value::Value;

use crate::auth::scope::Scope;
use crate::capabilities::Capabilities;
use crate::clock::Now;
use crate::digest::Digest;
use crate::endpoint;
use crate::error::{Error, ErrorKind};
use crate::exchange::{Call, Head};
use crate::reference::{Registry, Repository, Selector};
use crate::retry::Cause;
use crate::session::Limits;
use crate::sink::BlobSink;
use crate::source::BlobSource;
use http::StatusCode;
use url::Url;

/// Names one operation of a session. Ids are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub(crate) u64);

impl OperationId {
    /// The id as a number, for hosts that keep it in a foreign table.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for OperationId {
    /// Takes a number back that [`OperationId::get`] gave. An id the session does not
    /// know is ignored wherever it is used.
    fn from(id: u64) -> Self {
        Self(id)
    }
}

/// An operation that yields a `T`: the key to [`Session::take`](crate::session::Session::take).
pub struct Operation<T> {
    id: OperationId,
    result: PhantomData<fn() -> T>,
}

impl<T> Operation<T> {
    pub(crate) fn new(id: OperationId) -> Self {
        Self {
            id,
            result: PhantomData,
        }
    }

    /// The id that [`Output`](crate::session::Output) names the operation by.
    pub fn id(&self) -> OperationId {
        self.id
    }
}

impl<T> Clone for Operation<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Operation<T> {}

impl<T> fmt::Debug for Operation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation({})", self.id.0)
    }
}

/// The state machine of one operation.
pub(crate) trait Machine: Send + fmt::Debug {
    /// What is being done, for errors: `pull manifest ghcr.io/me/repo:el9`.
    fn doing(&self) -> String;

    /// Whose queue and credentials the next request uses.
    fn registry(&self) -> &Registry;

    /// What a token for the next request must allow.
    fn scopes(&self) -> Vec<Scope>;

    /// Before the first request, for operations that may need none.
    fn begin(&mut self) -> Step {
        Step::Next
    }

    /// The request of the present state. May be asked for again after a retry.
    fn request(&mut self) -> Outgoing;

    /// The sink for the body of a response whose request asked for [`Take::Stream`].
    fn stream(&mut self, head: &Head, env: &Env<'_>) -> Result<BlobSink, Reject> {
        let _ = (head, env);
        Err(Reject::Restart)
    }

    /// Takes back the source that a request carried, however the request ended.
    fn keep_source(&mut self, source: BlobSource) {
        let _ = source;
    }

    /// The response to the request of the present state.
    fn response(&mut self, response: Response, env: &Env<'_>) -> Step;

    /// The exchange ended early, or is to be repeated with another token. The machine
    /// steps back as far as it must; by default the same request is sent again.
    fn interrupted(&mut self, sink: Option<BlobSink>) -> Step {
        let _ = sink;
        Step::Next
    }

    /// How many bytes of the payload are safe by now. Failures with progress in between
    /// are forgiven.
    fn progress(&self) -> u64 {
        0
    }

    /// Whether the present request only finds out where a lost one left off. Its answer
    /// is no progress: failures go on being counted.
    fn is_recovering(&self) -> bool {
        false
    }

    /// The caller cancelled; what is left to do at the registry, if anything.
    fn cancelled(self: Box<Self>) -> Option<Box<dyn Machine>> {
        None
    }
}

/// What a machine may know of the session it runs in.
pub(crate) struct Env<'a> {
    pub(crate) capabilities: &'a Capabilities,
    pub(crate) limits: &'a Limits,
    pub(crate) now: Now,
}

/// A request with what the session must know to drive it.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) call: Call,
    pub(crate) take: Take,
    pub(crate) source: Option<BlobSource>,
    pub(crate) authorize: Authorize,
    /// How many times the usual time limit the response may take to begin.
    pub(crate) patience: u64,
}

impl Outgoing {
    pub(crate) fn new(call: Call, take: Take) -> Self {
        Self {
            call,
            take,
            source: None,
            authorize: Authorize::Registry,
            patience: 1,
        }
    }

    pub(crate) fn source(mut self, source: BlobSource) -> Self {
        self.source = Some(source);
        self
    }

    /// For requests that a registry answers only after it hashed or stored a lot.
    pub(crate) fn patient(mut self) -> Self {
        self.patience = 5;
        self
    }
}

/// Whose credentials a request carries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Authorize {
    /// What the registry asked for, once it did.
    Registry,
    /// What the call has in its own header fields: exchanges with a token server.
    Itself,
}

/// What becomes of the body of a successful response.
#[derive(Debug)]
pub(crate) enum Take {
    /// It is not looked at.
    Nothing,
    /// It is collected, up to so many bytes.
    Collect { cap: u64 },
    /// Of the blob it is a part of, this range is collected.
    Window(std::ops::Range<u64>),
    /// It goes to the sink that [`Machine::stream`] gives.
    Stream,
}

/// Why a machine does not want the body of a response it asked for.
#[derive(Debug)]
pub(crate) enum Reject {
    /// The operation fails.
    Fail(Error),
    /// The response does not fit; the machine stepped back and sends another request.
    Restart,
}

/// A response that reached a machine. Its status is any but those that the session
/// acts on by itself.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) head: Head,
    /// Where it came from, after redirects.
    pub(crate) url: Url,
    pub(crate) body: Vec<u8>,
    pub(crate) sink: Option<BlobSink>,
}

impl Response {
    pub(crate) fn status(&self) -> StatusCode {
        self.head.status
    }

    /// The error that a status stands for which the machine has no use for.
    pub(crate) fn failure(&self) -> Error {
        endpoint::failure(&self.head, &self.body, &self.url)
    }

    /// The error of a condition that does not hold.
    pub(crate) fn conflict(&self) -> Error {
        let failure = self.failure();
        let message = "what is there is not what was to be replaced; look again at what is there";
        let conflict = Error::new(ErrorKind::Conflict, message).status(self.status());
        conflict
            .at(self.head.url.as_ref().unwrap_or(&self.url))
            .registry(failure.registry_errors().to_vec())
    }
}

/// What a machine does next.
#[derive(Debug)]
pub(crate) enum Step {
    /// It moved on: send the request of the new state.
    Next,
    /// The response turned out to be cut: wait, then send the request of the state.
    Again(Cause),
    /// It ended.
    Done(Result<Value, Error>),
}

impl Step {
    pub(crate) fn done<T: Outcome>(value: T) -> Self {
        Self::Done(Ok(value.wrap()))
    }

    pub(crate) fn fail(error: Error) -> Self {
        Self::Done(Err(error))
    }

    /// Ends with what a parser made of the response.
    pub(crate) fn end<T: Outcome>(result: Result<T, Error>) -> Self {
        Self::Done(result.map(value::Sealed::wrap))
    }
}

/// `REPOSITORY:TAG` or `REPOSITORY@DIGEST`.
fn named(repository: &Repository, selector: &Selector) -> String {
    match selector {
        Selector::Tag(tag) => format!("{repository}:{tag}"),
        Selector::Digest(digest) => format!("{repository}@{digest}"),
    }
}

fn digest_of(selector: &Selector) -> Option<Digest> {
    match selector {
        Selector::Tag(_) => None,
        Selector::Digest(digest) => Some(*digest),
    }
}
