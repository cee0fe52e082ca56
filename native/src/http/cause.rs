//! Why a request failed: a cause for the session, words for people.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use ocirepo::retry::Cause;

use super::guard::Forbidden;

/// How rustls begins to say that the other side refused the handshake.
const ALERT: &str = "received fatal alert";

/// A failed exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// For the session.
    pub(crate) cause: Cause,
    /// For people: what the layers below said, without URLs.
    pub(crate) detail: String,
}

impl Failure {
    /// Something that no retry mends.
    pub(crate) fn local(error: impl fmt::Display) -> Self {
        Self {
            cause: Cause::Local,
            detail: error.to_string(),
        }
    }

    pub(crate) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
        }
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        // URLs hold signatures of storage.
        let error = error.without_url();
        Self {
            cause: cause(&error),
            detail: chain(&error),
        }
    }
}

fn cause(error: &reqwest::Error) -> Cause {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(layer) = next {
        if layer.is::<Forbidden>() {
            return Cause::Local;
        }
        if layer.is::<rustls::Error>() {
            return Cause::Tls;
        }
        if let Some(error) = layer.downcast_ref::<h2::Error>()
            && unprocessed(error)
        {
            return Cause::Unprocessed;
        }
        let io = layer.downcast_ref::<io::Error>();
        // Of an error of the transport h2 keeps no more than the text.
        if io.is_some_and(|io| io.to_string().starts_with(ALERT)) {
            return Cause::Tls;
        }
        next = match io.and_then(io::Error::get_ref) {
            // Asked for its source, an io::Error passes over the error it wraps.
            Some(wrapped) => Some(wrapped),
            None => layer.source(),
        };
    }
    if error.is_builder() {
        Cause::Local
    } else if error.is_timeout() {
        Cause::Timeout
    } else if error.is_connect() {
        Cause::Unreachable
    } else {
        Cause::Reset
    }
}

/// Whether the server says that it did not look at the request (RFC 9113, section 8.7).
fn unprocessed(error: &h2::Error) -> bool {
    let reason = error.reason();
    error.is_remote()
        && ((error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM))
            || (error.is_go_away() && reason == Some(h2::Reason::NO_ERROR)))
}

/// An error with its sources, each said once.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(layer) = next {
        let words = layer.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = layer.source();
    }
    text
}
