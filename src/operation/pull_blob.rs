//! Pull a blob into a sink.
//!
//! ```text
//! Fetching --200/206, verified--> done
//! Fetching --cut--> Fetching             from the last byte taken
//! Fetching --416--> Fetching             from the start, once
//! Fetching --mismatch--> Fetching        from the start, once, if bytes were resumed
//! Fetching --mismatch--> failed
//! ```

use http::StatusCode;

use super::{Env, Machine, Outgoing, Reject, Response, Step, Take};
use crate::auth::scope::Scope;
use crate::digest::Digest;
use crate::endpoint::blobs::{self, Asked};
use crate::error::{Error, ErrorKind};
use crate::exchange::Head;
use crate::reference::{Registry, Repository};
use crate::retry::Cause;
use crate::sink::{BlobSink, Content};

/// Where a pull begins.
#[derive(Clone, Debug)]
pub enum Resume {
    /// At the first byte.
    Fresh,
    /// Where this sink stands: after the bytes the host has fed it from disk, or where
    /// a [saved](BlobSink::save) one stood.
    From(BlobSink),
}

/// Proof that all bytes of a blob went through the sink and are the right ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blob {
    /// What they hash to.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
}

#[derive(Debug)]
pub(crate) struct PullBlob {
    repository: Repository,
    content: Content,
    /// As it stood when the last exchange began, or when it was cut.
    sink: BlobSink,
    /// The sink holds bytes of an earlier exchange, or of another process. Were they
    /// wrong, starting over would mend it.
    resumed: bool,
    restarted: bool,
}

impl PullBlob {
    pub(crate) fn new(repository: Repository, content: Content, resume: Resume) -> Self {
        let sink = match resume {
            // A sink for other content could only end in a mismatch.
            Resume::From(sink) if sink.content().digest == content.digest => sink,
            Resume::From(_) | Resume::Fresh => BlobSink::new(content),
        };
        Self {
            repository,
            content,
            resumed: sink.offset() > 0,
            restarted: false,
            sink,
        }
    }

    /// Starts over if that may help; `None` when it cannot.
    fn restart(&mut self) -> Option<Step> {
        (self.resumed && !self.restarted).then(|| {
            self.restarted = true;
            self.resumed = false;
            self.sink = BlobSink::new(self.content);
            Step::Next
        })
    }

    /// Whether the bytes in the sink are the blob, when no more can be expected.
    fn judge(&mut self, sink: BlobSink) -> Step {
        let size = sink.offset();
        if let Some(declared) = self.content.size
            && size < declared
        {
            self.keep(sink);
            return Step::Again(Cause::Reset);
        }
        if sink.is_verified() {
            let digest = self.content.digest;
            return Step::done(Blob { digest, size });
        }
        self.restart().unwrap_or_else(|| {
            Step::fail(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "the {size} bytes received do not hash to {}; the registry or something \
                     on the way changed them",
                    self.content.digest
                ),
            ))
        })
    }

    fn keep(&mut self, sink: BlobSink) {
        self.resumed = sink.offset() > 0;
        self.sink = sink;
    }
}

impl Machine for PullBlob {
    fn doing(&self) -> String {
        format!("pull blob {}@{}", self.repository, self.content.digest)
    }

    fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::pull(&self.repository)]
    }

    fn begin(&mut self) -> Step {
        match self.sink.remaining() {
            Some(0) => self.judge(self.sink.clone()),
            _ => Step::Next,
        }
    }

    fn request(&mut self) -> Outgoing {
        let from = Some(self.sink.offset()).filter(|offset| *offset > 0);
        let call = blobs::get(&self.repository, &self.content.digest, from);
        Outgoing::new(call, Take::Stream)
    }

    fn stream(&mut self, head: &Head, env: &Env<'_>) -> Result<BlobSink, Reject> {
        let asked = match self.sink.offset() {
            0 => Asked::Whole,
            offset => Asked::From(offset),
        };
        let hides = env.capabilities.hides_headers;
        let start = match blobs::body(head, &asked, hides) {
            Ok(body) if body.offset <= self.sink.offset() => body.offset,
            Ok(_) | Err(_) if self.restart().is_some() => return Err(Reject::Restart),
            Ok(_) => return Err(Reject::Restart),
            Err(error) => return Err(Reject::Fail(error)),
        };
        let mut sink = self.sink.clone();
        sink.begin(start);
        Ok(sink)
    }

    fn response(&mut self, mut response: Response, _: &Env<'_>) -> Step {
        let status = response.status();
        if status.is_success()
            && let Some(sink) = response.sink.take()
        {
            return self.judge(sink);
        }
        if status == StatusCode::RANGE_NOT_SATISFIABLE && self.sink.offset() > 0 {
            // Nothing comes after what is there: it is the blob, or it is wrong.
            return match self.content.size {
                None => self.judge(self.sink.clone()),
                Some(_) => self
                    .restart()
                    .unwrap_or_else(|| Step::fail(corrupt_range(&self.content))),
            };
        }
        Step::fail(response.failure())
    }

    fn progress(&self) -> u64 {
        self.sink.offset()
    }

    fn interrupted(&mut self, sink: Option<BlobSink>) -> Step {
        let Some(sink) = sink else {
            return Step::Next;
        };
        if sink.was_stopped() {
            return Step::fail(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "the registry sent more than the {} bytes that {} has",
                    self.content.size.unwrap_or_default(),
                    self.content.digest
                ),
            ));
        }
        if sink.remaining() == Some(0) {
            return self.judge(sink);
        }
        self.keep(sink);
        Step::Next
    }
}

fn corrupt_range(content: &Content) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!(
            "the registry's copy of {} is shorter than declared",
            content.digest
        ),
    )
}
