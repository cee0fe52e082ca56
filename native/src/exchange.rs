//! One request and its response: the task behind [`Output::Request`].
//!
//! [`Output::Request`]: ocirepo::session::Output::Request

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use ocirepo::error::redacted;
use ocirepo::exchange::{Body, ExchangeId, Head};
use ocirepo::operation::OperationId;
use ocirepo::retry::Cause;
use ocirepo::session::{Destination, Input, Request};
use ocirepo::sink::BlobSink;
use ocirepo::source::BlobSource;
use tokio::sync::oneshot;
use tokio::time::{Duration, timeout};
use tracing::Instrument as _;

use crate::driver::{OnBytes, Shared};
use crate::error::Error;
use crate::http::{self, Ended, Failure, Upload};
use crate::target::Target;

/// The most bytes of an unwanted body that are read to keep its connection.
const SHORT_REST: u64 = 64 << 10;

/// The two ends of a transfer on this side.
pub(crate) struct Ends {
    pub(crate) target: Option<Arc<tokio::sync::Mutex<Target>>>,
    pub(crate) content: Option<http::Content>,
    pub(crate) on_bytes: OnBytes,
}

/// Performs a request and reports everything that happens to the session.
pub(crate) fn perform(
    shared: Arc<Shared>,
    request: Box<Request>,
) -> impl Future<Output = ()> + Send {
    let span = tracing::debug_span!(
        "exchange",
        id = request.exchange.get(),
        operation = request.operation.map(OperationId::get),
        method = %request.method,
        url = %redacted(&request.url),
        status = tracing::field::Empty,
    );
    let exchange = Exchange {
        id: request.exchange,
        operation: request.operation,
        shared,
    };
    async move {
        let _panicking = Panicking(&exchange);
        let mut source = None;
        match exchange.send(*request, &mut source).await {
            Ok((response, _open)) => exchange.receive(response).await,
            Err(failure) => exchange.lost(failure, None, source),
        }
    }
    .instrument(span)
}

/// Tells the session when the task panics, as a function of the caller's may that takes the bytes:
/// nobody else would, and the operation would never end.
struct Panicking<'a>(&'a Exchange);

impl Drop for Panicking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = Error::Impossible("what takes or gives the bytes panicked".to_owned());
            self.0.lost_here(error);
        }
    }
}

struct Exchange {
    id: ExchangeId,
    operation: Option<OperationId>,
    shared: Arc<Shared>,
}

impl Exchange {
    /// Sends the request and waits for the head. What is left in `source` was not
    /// given back to the session yet.
    async fn send(
        &self,
        request: Request,
        source: &mut Option<BlobSource>,
    ) -> Result<(reqwest::Response, Option<Ended>), Failure> {
        *source = request.source;
        let client = self
            .shared
            .http
            .client(&request.registry, &request.url)
            .await?;
        let mut outgoing = reqwest::Request::new(request.method, request.url);
        *outgoing.headers_mut() = request.headers;
        match request.body {
            Body::Empty => {
                if matches!(outgoing.method().as_str(), "POST" | "PUT" | "PATCH") {
                    let zero = ::http::HeaderValue::from_static("0");
                    let name = ::http::header::CONTENT_LENGTH;
                    outgoing.headers_mut().insert(name, zero);
                }
            }
            Body::Bytes(bytes) => *outgoing.body_mut() = Some(bytes.into()),
            Body::Source(range) => {
                let ends = self.shared.target(self.operation);
                let (Some(hasher), Some(ends)) = (source.take(), ends) else {
                    return Err(Failure::local("the operation is gone"));
                };
                let Some(content) = ends.content else {
                    *source = Some(hasher);
                    return Err(Failure::local("nothing was given to be sent"));
                };
                let upload = Upload {
                    content,
                    range,
                    source: hasher,
                    stall: self.shared.stall,
                    throttle: self.shared.throttle.clone(),
                    progress: ends.on_bytes,
                };
                return self.upload(client, outgoing, upload, source).await;
            }
        }
        Ok((client.execute(outgoing).await?, None))
    }

    /// Sends a request whose body is read while it is sent.
    async fn upload(
        &self,
        client: reqwest::Client,
        mut outgoing: reqwest::Request,
        upload: Upload,
        source: &mut Option<BlobSource>,
    ) -> Result<(reqwest::Response, Option<Ended>), Failure> {
        let (stop, stopped) = oneshot::channel();
        let (body, reader) = upload.start(stopped);
        *outgoing.body_mut() = Some(reqwest::Body::wrap(body));
        let mut reader = pin!(reader);
        let mut response = pin!(client.execute(outgoing));
        let early = tokio::select! {
            response = &mut response => Some(response),
            ended = &mut reader => {
                if let Some(failure) = ended.failure {
                    *source = Some(ended.source);
                    return Err(failure);
                }
                // The time limit for the head runs from here.
                self.shared.handle(Input::Sent { exchange: self.id, source: ended.source });
                None
            }
        };
        let Some(response) = early else {
            return Ok((response.await?, None));
        };
        // The head came while the body was being sent: no more of it is wanted.
        let _ = stop.send(());
        let ended = reader.await;
        match response {
            Ok(response) => {
                self.shared.handle(Input::Sent {
                    exchange: self.id,
                    source: ended.source.clone(),
                });
                Ok((response, Some(ended)))
            }
            Err(error) => {
                *source = Some(ended.source);
                Err(ended.failure.unwrap_or_else(|| error.into()))
            }
        }
    }

    async fn receive(&self, mut response: reqwest::Response) {
        let status = response.status();
        tracing::Span::current().record("status", status.as_u16());
        let head = Head {
            status,
            headers: std::mem::take(response.headers_mut()),
            url: None,
        };
        tracing::debug!(version = ?response.version(), "head");
        let length = head
            .text(::http::header::CONTENT_LENGTH)
            .and_then(|length| length.parse::<u64>().ok());
        match self.shared.head(self.id, head) {
            Destination::Discard => {
                if length.is_some_and(|length| length <= SHORT_REST) {
                    let rest = async { while let Ok(Some(_)) = response.chunk().await {} };
                    let _ = timeout(Duration::from_secs(2), rest).await;
                }
            }
            Destination::Collect => self.collect(response).await,
            Destination::Stream(sink) => self.stream(response, sink).await,
        }
    }

    async fn collect(&self, mut response: reqwest::Response) {
        loop {
            match self.chunk(&mut response).await {
                Ok(Some(bytes)) => self.shared.handle(Input::Data {
                    exchange: self.id,
                    bytes: &bytes,
                }),
                Ok(None) => {
                    return self.shared.handle(Input::End {
                        exchange: self.id,
                        sink: None,
                    });
                }
                Err(failure) => return self.lost(failure, None, None),
            }
        }
    }

    async fn stream(&self, mut response: reqwest::Response, mut sink: BlobSink) {
        let ends = self.shared.target(self.operation);
        let Some((target, on_bytes)) = ends.and_then(|ends| Some((ends.target?, ends.on_bytes)))
        else {
            return self.lost(Failure::local("nobody takes the bytes"), Some(sink), None);
        };
        let mut target = target.lock().await;
        loop {
            let bytes = match self.chunk(&mut response).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => match target.flush().await {
                    Ok(()) => {
                        drop(target);
                        return self.shared.handle(Input::End {
                            exchange: self.id,
                            sink: Some(sink),
                        });
                    }
                    Err(error) => return self.lost_here(error),
                },
                Err(failure) => return self.cut(failure, sink, &mut target).await,
            };
            self.shared.throttle.take(bytes.len() as u64).await;
            match sink.chunk(&bytes) {
                Ok(keep) => {
                    let kept = bytes.slice_ref(keep.bytes);
                    if let Err(error) = target.write(keep.offset, kept).await {
                        return self.lost_here(error);
                    }
                    on_bytes(sink.offset());
                }
                Err(stop) => {
                    let failure = Failure::new(Cause::Reset, stop.to_string());
                    return self.cut(failure, sink, &mut target).await;
                }
            }
        }
    }

    /// The body ended too early, or did not end where it had to.
    async fn cut(&self, failure: Failure, sink: BlobSink, target: &mut Target) {
        // What the sink took counts as written.
        match target.flush().await {
            Ok(()) => self.lost(failure, Some(sink), None),
            Err(error) => self.lost_here(error),
        }
    }

    /// The next part of a body, unless it stalls.
    async fn chunk(&self, response: &mut reqwest::Response) -> Result<Option<Bytes>, Failure> {
        match timeout(self.shared.stall, response.chunk()).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(Failure::new(
                Cause::Timeout,
                format!("nothing came for {:?}", self.shared.stall),
            )),
        }
    }

    fn lost(&self, failure: Failure, sink: Option<BlobSink>, source: Option<BlobSource>) {
        tracing::debug!(cause = ?failure.cause, detail = %failure.detail, "lost");
        self.shared.note(self.operation, &failure);
        self.shared.handle(Input::Lost {
            exchange: self.id,
            cause: failure.cause,
            sink,
            source,
        });
    }

    /// The bytes could not be put where they belong.
    fn lost_here(&self, error: Error) {
        self.shared.note_local(self.operation, error);
        self.shared.handle(Input::Lost {
            exchange: self.id,
            cause: Cause::Local,
            // What it took is not on disk.
            sink: None,
            source: None,
        });
    }
}
