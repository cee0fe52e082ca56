//! Push a blob.
//!
//! ```text
//! Checking --200--> done                 the registry has it
//! Checking --404--> Mounting | Single | Starting
//! Mounting --201--> done
//! Mounting --202--> Putting | Patching   it opened an upload instead
//! Mounting --4xx--> Starting
//! Starting --202--> Putting | Patching
//! Single --201--> done
//! Single --202--> Putting | Patching     it opened an upload and dropped the body
//! Single --4xx--> Starting
//! Putting --201--> done
//! Patching --202/201--> Patching | Closing
//! Closing --201--> done
//! Putting, Patching --cut/416/413/401--> Asking
//! Closing --cut--> Confirming            perhaps only the answer was lost
//! Asking --204--> Putting | Patching | Closing
//! Asking --more than was sent--> Starting
//! Asking --404--> Confirming
//! Confirming --200--> done
//! Confirming --404--> Starting           a few times
//! Putting, Patching, Closing --404--> Confirming
//! Patching, Closing --refused--> Starting   to send all at once
//! ```

use std::ops::Range;

use http::StatusCode;
use url::Url;

use super::{Env, Machine, Outgoing, Response, Step, Take};
use crate::auth::scope::Scope;
use crate::digest::Digest;
use crate::endpoint::blobs;
use crate::endpoint::uploads::{self, Started};
use crate::error::{Error, ErrorKind};
use crate::reference::{Registry, Repository};
use crate::retry::Cause;
use crate::sink::BlobSink;
use crate::source::BlobSource;

/// The chunk to fall back to when a registry finds a request too large, in bytes.
/// Known caps of registries are not lower.
const SMALL_CHUNK: u64 = 4 << 20;

/// How often an upload that the registry forgot is begun again.
const MOST_RESTARTS: u8 = 3;

/// How to push a blob.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    /// Ask first whether the registry has it. Needs a source whose digest is known.
    pub check: bool,
    /// A repository of the same registry that has the blob, to take it from there.
    /// Needs a source whose digest is known.
    pub mount_from: Option<Repository>,
    /// Send it with one POST, as few registries support. Needs a source whose digest is
    /// known.
    pub single_request: bool,
    /// Send it in chunks of so many bytes; else as a whole where the registry lets us.
    pub chunk: Option<u64>,
}

/// A blob that the registry has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushedBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Whether bytes were sent; else it was there or was mounted.
    pub uploaded: bool,
}

#[derive(Debug)]
pub(crate) struct PushBlob {
    repository: Repository,
    source: BlobSource,
    upload: Upload,
    /// The most bytes to send with one request.
    chunk: Option<u64>,
    /// Send all in the closing PUT: the registry does chunks badly.
    whole: bool,
    restarts: u8,
    /// How much the registry ever said to have of it.
    received: u64,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Checking,
    Mounting,
    Starting,
    Single,
    Putting(Url),
    Patching(Url, Range<u64>),
    Closing(Url),
    Asking(Url),
    Confirming,
}

impl PushBlob {
    pub(crate) fn new(
        repository: Repository,
        source: BlobSource,
        upload: Upload,
        largest_upload: u64,
    ) -> Self {
        let limit = (source.size() > largest_upload).then_some(largest_upload);
        let chunk = match (upload.chunk, limit) {
            (Some(chunk), Some(limit)) => Some(chunk.min(limit)),
            (chunk, limit) => chunk.or(limit),
        };
        let mut machine = Self {
            repository,
            source,
            upload,
            chunk: chunk.map(|chunk| chunk.max(1)),
            whole: false,
            restarts: 0,
            received: 0,
            state: State::Starting,
        };
        machine.state = match machine.source.digest() {
            Some(_) if machine.upload.check => State::Checking,
            Some(_) => machine.after_checking(),
            None => State::Starting,
        };
        machine
    }

    fn after_checking(&self) -> State {
        let same_registry = self
            .upload
            .mount_from
            .as_ref()
            .is_some_and(|from| from.registry == self.repository.registry);
        if same_registry {
            State::Mounting
        } else if self.upload.single_request {
            State::Single
        } else {
            State::Starting
        }
    }

    fn go(&mut self, state: State) -> Step {
        self.state = state;
        Step::Next
    }

    /// Where to go with an upload that has `received` bytes.
    fn send_from(&mut self, location: Url, received: u64) -> Step {
        self.received = self.received.max(received);
        let size = self.source.size();
        if received == 0 && self.source.digest().is_some() && (self.whole || self.chunk.is_none()) {
            return self.go(State::Putting(location));
        }
        if received >= size {
            return self.go(State::Closing(location));
        }
        let end = self
            .chunk
            .map_or(size, |chunk| received.saturating_add(chunk).min(size));
        self.go(State::Patching(location, received..end))
    }

    /// The answer to a request that opens an upload or does everything at once.
    fn started(&mut self, response: &Response) -> Step {
        match uploads::started(&response.head, &response.url) {
            // Nothing was sent yet, and nothing was to be mounted.
            Ok(Started::Done) if matches!(self.state, State::Starting) => Step::fail(Error::new(
                ErrorKind::InvalidResponse,
                "the registry said that the blob is complete before any of it was sent",
            )),
            Ok(Started::Done) => self.done(false),
            Ok(Started::Upload {
                location,
                chunk_min,
            }) => {
                if let (Some(chunk), Some(least)) = (self.chunk, chunk_min) {
                    self.chunk = Some(chunk.max(least));
                }
                self.send_from(location, 0)
            }
            Err(error) => Step::fail(error),
        }
    }

    fn patched(&mut self, response: &Response, sent: Range<u64>) -> Step {
        let progress = match uploads::progress(&response.head, &response.url, sent.end) {
            Ok(progress) => progress,
            Err(error) => return Step::fail(error),
        };
        match progress.received {
            received if received > sent.start && received <= sent.end => {
                self.send_from(progress.location, received)
            }
            _ => {
                self.state = State::Asking(progress.location);
                Step::Again(Cause::Reset)
            }
        }
    }

    fn asked(&mut self, response: &Response) -> Step {
        let progress = match uploads::progress(&response.head, &response.url, 0) {
            Ok(progress) => progress,
            Err(error) => return Step::fail(error),
        };
        match progress.received {
            // What was not hashed here cannot be left out.
            received if received <= self.source.hashed() => {
                self.send_from(progress.location, received)
            }
            _ => self.restart(response),
        }
    }

    /// The registry does not know the upload any more: it may be complete, or lost.
    fn vanished(&mut self, response: &Response) -> Step {
        match self.source.digest() {
            Some(_) => self.go(State::Confirming),
            None => self.restart(response),
        }
    }

    fn restart(&mut self, response: &Response) -> Step {
        self.restarts += 1;
        if self.restarts > MOST_RESTARTS {
            return Step::fail(response.failure());
        }
        // Twice the same way would be once too often.
        self.whole |= self.restarts > 1;
        self.go(State::Starting)
    }

    /// Smaller requests, if these were not small already.
    fn shrink(&mut self, response: &Response) -> Step {
        let present = self.chunk.unwrap_or(self.source.size());
        if present <= SMALL_CHUNK {
            return Step::fail(response.failure());
        }
        self.chunk = Some(SMALL_CHUNK);
        self.whole = false;
        match &self.state {
            State::Patching(location, _) => self.go(State::Asking(location.clone())),
            _ => self.go(State::Starting),
        }
    }

    /// The registry has no way to take a blob in parts.
    fn unchunkable(&mut self, response: &Response) -> Step {
        if self.source.digest().is_some() && !self.whole {
            self.whole = true;
            return self.go(State::Starting);
        }
        if self.source.digest().is_none() {
            return Step::fail(Error::new(
                ErrorKind::Unsupported,
                "the registry takes blobs only as a whole, for which the digest must be known; \
                 hash the source first",
            ));
        }
        Step::fail(response.failure())
    }

    fn closed(&mut self, response: &Response) -> Step {
        match uploads::closed(&response.head).map(|stored| stored.digest) {
            Ok(Some(stored)) if Some(stored) != self.source.digest() => Step::fail(Error::new(
                ErrorKind::Corrupt,
                format!("the registry stored the blob as {stored}, which is another digest"),
            )),
            Ok(_) => self.done(true),
            Err(error) => Step::fail(error),
        }
    }

    fn done(&self, uploaded: bool) -> Step {
        match self.source.digest() {
            Some(digest) => Step::done(PushedBlob {
                digest,
                size: self.source.size(),
                uploaded,
            }),
            None => Step::fail(Error::new(
                ErrorKind::InvalidResponse,
                "the registry said that the blob is complete before all of it was sent",
            )),
        }
    }

    fn refused(&self, response: &Response) -> Step {
        let error = response.failure();
        if error.has_code("DIGEST_INVALID") {
            return Step::fail(Error::new(
                ErrorKind::SourceChanged,
                "the bytes that were sent do not hash to the digest; the source changed while \
                 it was read, or was never what it was said to be",
            ));
        }
        Step::fail(error)
    }
}

impl Machine for PushBlob {
    fn doing(&self) -> String {
        match self.source.digest() {
            Some(digest) => format!("push blob {}@{digest}", self.repository),
            None => format!(
                "push a blob of {} bytes to {}",
                self.source.size(),
                self.repository
            ),
        }
    }

    fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        // Some token servers honour only the first one.
        let mut scopes = vec![Scope::push(&self.repository)];
        if let (State::Mounting, Some(from)) = (&self.state, &self.upload.mount_from) {
            scopes.push(Scope::pull(from));
        }
        scopes
    }

    fn request(&mut self) -> Outgoing {
        let repository = &self.repository;
        let size = self.source.size();
        // The states that need a digest are entered only when it is known.
        let digest = self.source.digest().unwrap_or_else(|| Digest::of(b""));
        let source = self.source.clone();
        match &self.state {
            State::Checking | State::Confirming => {
                Outgoing::new(blobs::head(repository, &digest), Take::Nothing)
            }
            State::Mounting => Outgoing::new(
                uploads::mount(repository, &digest, self.upload.mount_from.as_ref()),
                Take::Nothing,
            ),
            State::Starting => Outgoing::new(uploads::start(repository), Take::Nothing),
            State::Single => {
                Outgoing::new(uploads::single(repository, &digest, size), Take::Nothing)
                    .source(source)
                    .patient()
            }
            State::Putting(location) => Outgoing::new(
                uploads::close(location, &digest, Some(0..size)),
                Take::Nothing,
            )
            .source(source)
            .patient(),
            State::Patching(location, range) => {
                let whole = *range == (0..size);
                let call = if whole {
                    uploads::patch_stream(location, range.clone())
                } else {
                    uploads::patch(location, range.clone())
                };
                Outgoing::new(call, Take::Nothing).source(source).patient()
            }
            State::Closing(location) => {
                Outgoing::new(uploads::close(location, &digest, None), Take::Nothing).patient()
            }
            State::Asking(location) => Outgoing::new(uploads::status(location), Take::Nothing),
        }
    }

    fn keep_source(&mut self, source: BlobSource) {
        self.source = source;
    }

    fn response(&mut self, response: Response, _: &Env<'_>) -> Step {
        let status = response.status();
        let success = status.is_success();
        match self.state.clone() {
            State::Checking if success => self.done(false),
            State::Checking => {
                let next = self.after_checking();
                self.go(next)
            }
            State::Mounting | State::Starting if success => self.started(&response),
            State::Single if success => match self.started(&response) {
                Step::Done(Ok(_)) => self.done(true),
                step => step,
            },
            State::Mounting | State::Single if status.is_client_error() => self.go(State::Starting),
            State::Putting(_) | State::Closing(_) if success => self.closed(&response),
            State::Patching(_, sent) if success => self.patched(&response, sent),
            State::Asking(_) if success => self.asked(&response),
            State::Confirming if success => self.done(true),
            State::Confirming => self.restart(&response),
            State::Putting(location) | State::Patching(location, _)
                if status == StatusCode::RANGE_NOT_SATISFIABLE =>
            {
                self.state = State::Asking(location);
                Step::Again(Cause::Reset)
            }
            State::Putting(_) | State::Patching(..) if status == StatusCode::PAYLOAD_TOO_LARGE => {
                self.shrink(&response)
            }
            State::Patching(_, sent)
                if matches!(status.as_u16(), 404 | 405 | 501) && sent.start == 0 =>
            {
                self.unchunkable(&response)
            }
            State::Putting(_) | State::Patching(..) | State::Closing(_) | State::Asking(_)
                if status == StatusCode::NOT_FOUND =>
            {
                self.vanished(&response)
            }
            // Some registries refuse a closing PUT without a body.
            State::Closing(_)
                if matches!(status.as_u16(), 400 | 405 | 411)
                    && !response.failure().has_code("DIGEST_INVALID")
                    && !self.whole =>
            {
                self.unchunkable(&response)
            }
            State::Mounting
            | State::Starting
            | State::Single
            | State::Putting(_)
            | State::Patching(..)
            | State::Closing(_)
            | State::Asking(_) => self.refused(&response),
        }
    }

    fn progress(&self) -> u64 {
        self.received
    }

    fn is_recovering(&self) -> bool {
        matches!(self.state, State::Asking(_) | State::Confirming)
    }

    fn interrupted(&mut self, _: Option<BlobSink>) -> Step {
        match self.state.clone() {
            State::Putting(location) | State::Patching(location, _) => {
                self.go(State::Asking(location))
            }
            State::Closing(_) => self.go(State::Confirming),
            _ => Step::Next,
        }
    }

    fn cancelled(self: Box<Self>) -> Option<Box<dyn Machine>> {
        match self.state {
            State::Putting(location)
            | State::Patching(location, _)
            | State::Closing(location)
            | State::Asking(location) => Some(Box::new(CancelUpload {
                repository: self.repository,
                location,
            })),
            _ => None,
        }
    }
}

/// Tells the registry that an upload will not be finished.
#[derive(Debug)]
struct CancelUpload {
    repository: Repository,
    location: Url,
}

impl Machine for CancelUpload {
    fn doing(&self) -> String {
        format!("cancel an upload to {}", self.repository)
    }

    fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::push(&self.repository)]
    }

    fn request(&mut self) -> Outgoing {
        Outgoing::new(uploads::cancel(&self.location), Take::Nothing)
    }

    fn response(&mut self, _: Response, _: &Env<'_>) -> Step {
        Step::done(())
    }
}
