//! What goes into a session and what comes out of it.

use http::{HeaderMap, Method};
use url::Url;

use crate::auth::credentials::Credentials;
use crate::exchange::{Body, ExchangeId};
use crate::operation::OperationId;
use crate::reference::Registry;
use crate::retry::Cause;
use crate::sink::BlobSink;
use crate::source::BlobSource;

/// What the host is to do next.
#[derive(Debug)]
pub enum Output {
    /// Perform this request.
    Request(Box<Request>),
    /// Drop this exchange; nothing more is expected of it.
    Abort(ExchangeId),
    /// The registry wants credentials. Answer with [`Input::Credentials`] at any later
    /// time; all operations that need them wait for the one answer.
    Credentials {
        /// Who wants them.
        registry: Registry,
    },
    /// Something worth telling a person or a log.
    Event(Event),
    /// The operation ended: [`Session::take`](super::Session::take) its result.
    Done(OperationId),
    /// Nothing to do until input comes, or until this moment on the monotonic clock,
    /// in milliseconds; then [`Input::Timeout`] is due.
    Wait {
        /// When the session wants to look at the clock again, if ever.
        until: Option<u64>,
    },
}

/// A request for the host to perform.
#[derive(Debug)]
pub struct Request {
    /// Names the exchange in everything the host reports of it.
    pub exchange: ExchangeId,
    /// The operation it serves; `None` for what serves several, such as a token.
    pub operation: Option<OperationId>,
    /// The registry it is made for, wherever it goes: hosts keep certificates and other
    /// settings by registry.
    pub registry: Registry,
    /// The method.
    pub method: Method,
    /// Where to send it.
    pub url: Url,
    /// All header fields, `Authorization` included (marked sensitive). The host adds
    /// what belongs to the connection: `Host`, `Content-Length`, `User-Agent`.
    pub headers: HeaderMap,
    /// What to send. For [`Body::Source`] every chunk is shown to `source` first.
    pub body: Body,
    /// Comes with [`Body::Source`]; given back with [`Input::Sent`] or [`Input::Lost`].
    pub source: Option<BlobSource>,
}

/// What happened at the host.
#[derive(Debug)]
pub enum Input<'a> {
    /// A part of a body that is to be collected.
    Data {
        /// Which exchange.
        exchange: ExchangeId,
        /// The next bytes of the body; chunks may be of any size.
        bytes: &'a [u8],
    },
    /// The body ended as the protocol says it should.
    End {
        /// Which exchange.
        exchange: ExchangeId,
        /// The sink, when the body went to one.
        sink: Option<BlobSink>,
    },
    /// The request body was sent, or the host stopped sending because the head of the
    /// response came. Reported before that head.
    Sent {
        /// Which exchange.
        exchange: ExchangeId,
        /// The source that came with the request.
        source: BlobSource,
    },
    /// The exchange ended early.
    Lost {
        /// Which exchange.
        exchange: ExchangeId,
        /// Why.
        cause: Cause,
        /// The sink, when the body went to one and it survived. Everything it took
        /// counts as written, unless the cause is [`Cause::Local`].
        sink: Option<BlobSink>,
        /// The source, when one came with the request and was not given back.
        source: Option<BlobSource>,
    },
    /// Credentials for a registry, or `None` to go on without. May come unasked, and
    /// again when the first ones were refused.
    Credentials {
        /// Whom they are for.
        registry: Registry,
        /// The credentials.
        credentials: Option<Credentials>,
    },
    /// The moment of [`Output::Wait`] has come.
    Timeout,
}

/// Where the host puts the body of a response.
#[derive(Debug)]
pub enum Destination {
    /// To the session, with [`Input::Data`] and [`Input::End`].
    Collect,
    /// Through the sink to wherever the caller wants it, then [`Input::End`].
    Stream(BlobSink),
    /// Nowhere: the exchange is over for the session and no input is expected. Reading
    /// a short rest keeps the connection usable.
    Discard,
}

/// Something worth telling a person or a log. URLs are without queries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The registry sent a warning; each text is reported once.
    Warning {
        /// Who warns.
        registry: Registry,
        /// The registry's own words, with control characters removed.
        text: String,
    },
    /// An operation waits before it tries again.
    Retry {
        /// Which operation.
        operation: Option<OperationId>,
        /// Why.
        reason: String,
        /// How long, in milliseconds.
        wait_ms: u64,
    },
    /// A response led elsewhere.
    Redirect {
        /// Which operation.
        operation: Option<OperationId>,
        /// The origin of the new location.
        to: String,
    },
}
