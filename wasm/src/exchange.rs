//! One request and its response: the task behind `Output::Request`.

use std::rc::Rc;

use http::header::{ACCEPT_ENCODING, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use js_sys::{Object, Uint8Array};
use ocirepo::exchange::{Body, ExchangeId, Head};
use ocirepo::operation::OperationId;
use ocirepo::retry::Cause;
use ocirepo::session::{Destination, Input, Request};
use ocirepo::sink::BlobSink;
use ocirepo::source::BlobSource;
use url::Url;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::cors::Lost;
use crate::driver::Shared;
use crate::failure::Failure;
use crate::js::{self, AbortSignal, Piece, Reader, Response};
use crate::wait::{First, first, sleep};

/// How many bytes of a source are hashed at once.
const PIECE: u64 = 1 << 20;

/// Performs a request and reports everything that happens to the session.
pub(crate) async fn perform(shared: Rc<Shared>, mut request: Box<Request>, signal: AbortSignal) {
    let exchange = Exchange {
        id: request.exchange,
        operation: request.operation,
        shared,
    };
    let lost = Lost::of(&request);
    let mut source = request.source.take();
    let body = match exchange.body(&request, &mut source, &signal).await {
        Ok(body) => body,
        Err(_) if signal.aborted() => return,
        Err(failure) => return exchange.lost_here(failure, None, source),
    };
    match exchange.send(&request, &body, &signal).await {
        Ok(response) => {
            exchange.sent(&request, source);
            exchange.receive(response, lost).await;
        }
        // Nobody waits for it any more.
        Err(_) if signal.aborted() => {}
        Err(error) => {
            let (cause, detail) = cause(&error);
            exchange.lost(cause, lost.because(cause, detail), None, source);
        }
    }
}

struct Exchange {
    id: ExchangeId,
    operation: Option<OperationId>,
    shared: Rc<Shared>,
}

impl Exchange {
    /// What is sent. Of a blob it is a slice, which is read from where it is as it goes out.
    async fn body(
        &self,
        request: &Request,
        source: &mut Option<BlobSource>,
        signal: &AbortSignal,
    ) -> Result<JsValue, Failure> {
        let range = match &request.body {
            Body::Empty => return Ok(JsValue::UNDEFINED),
            Body::Bytes(bytes) => return Ok(Uint8Array::from(&bytes[..]).into()),
            Body::Source(range) => range,
        };
        let (Some((blob, on_bytes)), Some(source)) = (self.shared.source(self.operation), source)
        else {
            return Err(Failure::local("nobody gives the bytes"));
        };
        // Nothing is told of what fetch reads, so what is not hashed yet is read before.
        let mut at = source.hashed();
        while at < range.end {
            let end = range.end.min(at + PIECE);
            let piece = JsFuture::from(blob.slice(at as f64, end as f64).bytes()).await;
            let piece = piece.map_err(|error| Failure::thrown(&error))?;
            if signal.aborted() {
                return Err(Failure::closed());
            }
            let piece = Uint8Array::new(&piece).to_vec();
            source
                .chunk(at, &piece)
                .map_err(|error| Failure::local(error.to_string()))?;
            if piece.len() as u64 != end - at {
                return Err(Failure::local("the file is shorter than it was"));
            }
            at = end;
            if let Some(on_bytes) = &on_bytes {
                on_bytes(at);
            }
        }
        Ok(blob.slice(range.start as f64, range.end as f64).into())
    }

    async fn send(
        &self,
        request: &Request,
        body: &JsValue,
        signal: &AbortSignal,
    ) -> Result<Response, JsValue> {
        let headers = Object::new();
        for (name, value) in &request.headers {
            // With a range, fetch asks for it by itself, and would ask twice.
            if name == ACCEPT_ENCODING && request.headers.contains_key(RANGE) {
                continue;
            }
            let value = value.to_str().unwrap_or_default();
            js::set(&headers, name.as_str(), &value.into());
        }
        let init = init(request.method.as_str(), &headers, signal);
        if js::page_origin().is_none() {
            // Elsewhere a redirect is shown as it is.
            js::set(&init, "redirect", &"manual".into());
        }
        if !body.is_undefined() {
            js::set(&init, "body", body);
        }
        let url = match &self.shared.gateway {
            Some(gateway) => gateway.through(&request.url),
            None => request.url.as_str().to_owned(),
        };
        Ok(js::fetch(&url, &init).await?.unchecked_into())
    }

    /// The head is there, which is all that fetch tells of a body that was sent.
    fn sent(&self, request: &Request, source: Option<BlobSource>) {
        let (Body::Source(range), Some(source)) = (&request.body, source) else {
            return;
        };
        let on_bytes = self
            .shared
            .source(self.operation)
            .and_then(|(_, tell)| tell);
        if let Some(on_bytes) = on_bytes {
            on_bytes(range.end);
        }
        let exchange = self.id;
        self.shared.handle(Input::Sent { exchange, source });
    }

    async fn receive(&self, response: Response, lost: Lost) {
        let head = self.head(&response);
        let reader = response.body().map(|body| body.reader());
        match self.shared.head(self.id, head) {
            Destination::Discard => {
                if let Some(reader) = reader {
                    let _ = JsFuture::from(reader.cancel()).await;
                }
            }
            Destination::Collect => self.collect(reader, lost).await,
            Destination::Stream(sink) => self.stream(reader, sink, lost).await,
        }
    }

    fn head(&self, response: &Response) -> Head {
        let mut headers = HeaderMap::new();
        response.headers().for_each(&mut |value, name| {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(&value),
            ) {
                headers.append(name, value);
            }
        });
        let url = response.url();
        let url = match &self.shared.gateway {
            Some(gateway) => gateway.back(&url),
            None => Url::parse(&url).ok(),
        };
        Head {
            status: StatusCode::from_u16(response.status()).unwrap_or_default(),
            headers,
            url,
        }
    }

    /// The next part of a body, unless it stalls.
    async fn chunk(&self, reader: &Reader) -> Result<Option<Uint8Array>, (Cause, String)> {
        match first(JsFuture::from(reader.read()), sleep(self.shared.stall)).await {
            First::One(Ok(piece)) => {
                let piece: Piece = piece.unchecked_into();
                Ok((!piece.done()).then(|| piece.value()))
            }
            First::One(Err(error)) => Err((Cause::Reset, cause(&error).1)),
            First::Other(()) => {
                let _ = reader.cancel();
                Err((Cause::Timeout, "nothing came for too long".to_owned()))
            }
        }
    }

    async fn collect(&self, reader: Option<Reader>, lost: Lost) {
        let exchange = self.id;
        while let Some(reader) = &reader {
            match self.chunk(reader).await {
                Ok(Some(bytes)) => {
                    let bytes = bytes.to_vec();
                    let bytes = &bytes[..];
                    self.shared.handle(Input::Data { exchange, bytes });
                }
                Ok(None) => break,
                Err((cause, detail)) => {
                    return self.lost(cause, lost.because(cause, detail), None, None);
                }
            }
        }
        self.shared.handle(Input::End {
            exchange,
            sink: None,
        });
    }

    async fn stream(&self, reader: Option<Reader>, mut sink: BlobSink, lost: Lost) {
        let exchange = self.id;
        let Some((target, on_bytes)) = self.shared.ends(self.operation) else {
            return self.lost_here(Failure::local("nobody takes the bytes"), Some(sink), None);
        };
        let mut copy = Vec::new();
        while let Some(reader) = &reader {
            let bytes = match self.chunk(reader).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err((cause, detail)) => {
                    return self.lost(cause, lost.because(cause, detail), Some(sink), None);
                }
            };
            copy.resize(bytes.length() as usize, 0);
            bytes.copy_to(&mut copy);
            let kept = match sink.chunk(&copy) {
                Ok(kept) => kept,
                Err(stop) => {
                    let _ = JsFuture::from(reader.cancel()).await;
                    let lost = lost.because(Cause::Reset, stop.to_string());
                    return self.lost(Cause::Reset, lost, Some(sink), None);
                }
            };
            if let Err(failure) = target.write(kept.offset, kept.bytes, &bytes).await {
                let _ = JsFuture::from(reader.cancel()).await;
                return self.lost_here(failure, Some(sink), None);
            }
            if let Some(on_bytes) = &on_bytes {
                on_bytes(sink.offset());
            }
        }
        self.shared.handle(Input::End {
            exchange,
            sink: Some(sink),
        });
    }

    fn lost(&self, cause: Cause, lost: Lost, sink: Option<BlobSink>, source: Option<BlobSource>) {
        self.shared.note(self.operation, lost);
        self.shared.handle(Input::Lost {
            exchange: self.id,
            cause,
            sink,
            source,
        });
    }

    /// The bytes could not be put where they belong, or taken from where they are.
    fn lost_here(&self, failure: Failure, sink: Option<BlobSink>, source: Option<BlobSource>) {
        self.shared.note_local(self.operation, failure);
        self.shared.handle(Input::Lost {
            exchange: self.id,
            cause: Cause::Local,
            sink,
            source,
        });
    }
}

/// The options of a request: no cookies, no cache, nothing about where we come from.
pub(crate) fn init(method: &str, headers: &Object, signal: &AbortSignal) -> Object {
    let init = Object::new();
    js::set(&init, "method", &method.into());
    js::set(&init, "headers", headers);
    js::set(&init, "signal", signal);
    for (name, value) in [
        ("credentials", "omit"),
        ("cache", "no-store"),
        ("redirect", "follow"),
        ("referrerPolicy", "no-referrer"),
    ] {
        js::set(&init, name, &value.into());
    }
    init
}

/// What an exception of `fetch` says. Browsers say nothing; Node has a code.
fn cause(error: &JsValue) -> (Cause, String) {
    let inner = js::property(error, "cause");
    let code = inner.as_ref().and_then(|inner| js::property(inner, "code"));
    let code = code.and_then(|code| code.as_string()).unwrap_or_default();
    let text = inner
        .as_ref()
        .and_then(|inner| js::property(inner, "message"))
        .or_else(|| js::property(error, "message"))
        .and_then(|message| message.as_string())
        .unwrap_or_default();
    let is_tls = ["CERT", "TLS", "SSL", "SELF_SIGNED", "UNABLE_TO_VERIFY"];
    let cause = match code.as_str() {
        "ENOTFOUND"
        | "ECONNREFUSED"
        | "EHOSTUNREACH"
        | "ENETUNREACH"
        | "EAI_AGAIN"
        | "UND_ERR_CONNECT_TIMEOUT" => Cause::Unreachable,
        "ECONNRESET" | "EPIPE" | "UND_ERR_SOCKET" => Cause::Reset,
        "UND_ERR_HEADERS_TIMEOUT" | "UND_ERR_BODY_TIMEOUT" | "ETIMEDOUT" => Cause::Timeout,
        code if is_tls.iter().any(|word| code.contains(word)) => Cause::Tls,
        _ => Cause::Opaque,
    };
    (cause, text)
}
