//! One request and its response: the task behind `Output::Request`.

use std::rc::Rc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use js_sys::{Object, Uint8Array};
use ocirepo::exchange::{Body, ExchangeId, Head};
use ocirepo::operation::OperationId;
use ocirepo::retry::Cause;
use ocirepo::session::{Destination, Input, Request};
use ocirepo::sink::BlobSink;
use url::Url;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::cors::Lost;
use crate::driver::Shared;
use crate::failure::Failure;
use crate::js::{self, AbortSignal, Piece, Reader, Response};
use crate::wait::{First, first, sleep};

/// How long a body may stall, in milliseconds.
const STALL: f64 = 60_000.0;

/// Performs a request and reports everything that happens to the session.
pub(crate) async fn perform(shared: Rc<Shared>, request: Box<Request>, signal: AbortSignal) {
    let exchange = Exchange {
        id: request.exchange,
        operation: request.operation,
        shared,
    };
    let lost = Lost::of(&request);
    match exchange.send(*request, &signal).await {
        Ok(response) => exchange.receive(response, lost).await,
        // Nobody waits for it any more.
        Err(_) if signal.aborted() => {}
        Err(error) => {
            let (cause, detail) = cause(&error);
            exchange.lost(cause, lost.because(cause, detail), None);
        }
    }
}

struct Exchange {
    id: ExchangeId,
    operation: Option<OperationId>,
    shared: Rc<Shared>,
}

impl Exchange {
    async fn send(&self, request: Request, signal: &AbortSignal) -> Result<Response, JsValue> {
        let headers = Object::new();
        for (name, value) in &request.headers {
            let value = value.to_str().unwrap_or_default();
            js::set(&headers, name.as_str(), &value.into());
        }
        let body = match request.body {
            Body::Bytes(bytes) => Some(Uint8Array::from(&bytes[..])),
            Body::Empty => None,
            Body::Source(_) => return Err("this host sends no blobs".into()),
        };
        let init = init(request.method.as_str(), &headers, signal);
        if let Some(body) = body {
            js::set(&init, "body", &body);
        }
        let url = match &self.shared.gateway {
            Some(gateway) => gateway.through(&request.url),
            None => request.url.as_str().to_owned(),
        };
        Ok(js::fetch(&url, &init).await?.unchecked_into())
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

    async fn collect(&self, reader: Option<Reader>, lost: Lost) {
        let exchange = self.id;
        while let Some(reader) = &reader {
            match chunk(reader).await {
                Ok(Some(bytes)) => {
                    let bytes = bytes.to_vec();
                    let bytes = &bytes[..];
                    self.shared.handle(Input::Data { exchange, bytes });
                }
                Ok(None) => break,
                Err((cause, detail)) => {
                    return self.lost(cause, lost.because(cause, detail), None);
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
            return self.lost_here(Failure::local("nobody takes the bytes"), sink);
        };
        let mut copy = Vec::new();
        while let Some(reader) = &reader {
            let bytes = match chunk(reader).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err((cause, detail)) => {
                    return self.lost(cause, lost.because(cause, detail), Some(sink));
                }
            };
            copy.resize(bytes.length() as usize, 0);
            bytes.copy_to(&mut copy);
            let kept = match sink.chunk(&copy) {
                Ok(kept) => kept,
                Err(stop) => {
                    let _ = JsFuture::from(reader.cancel()).await;
                    let lost = lost.because(Cause::Reset, stop.to_string());
                    return self.lost(Cause::Reset, lost, Some(sink));
                }
            };
            if let Err(failure) = target.write(kept.offset, kept.bytes, &bytes).await {
                let _ = JsFuture::from(reader.cancel()).await;
                return self.lost_here(failure, sink);
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

    fn lost(&self, cause: Cause, lost: Lost, sink: Option<BlobSink>) {
        self.shared.note(self.operation, lost);
        self.shared.handle(Input::Lost {
            exchange: self.id,
            cause,
            sink,
            source: None,
        });
    }

    /// The bytes could not be put where they belong.
    fn lost_here(&self, failure: Failure, sink: BlobSink) {
        self.shared.note_local(self.operation, failure);
        self.shared.handle(Input::Lost {
            exchange: self.id,
            cause: Cause::Local,
            sink: Some(sink),
            source: None,
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

/// The next part of a body, unless it stalls.
async fn chunk(reader: &Reader) -> Result<Option<Uint8Array>, (Cause, String)> {
    match first(JsFuture::from(reader.read()), sleep(STALL)).await {
        First::One(Ok(piece)) => {
            let piece: Piece = piece.unchecked_into();
            Ok((!piece.done()).then(|| piece.value()))
        }
        First::One(Err(error)) => Err((Cause::Reset, cause(&error).1)),
        First::Other(()) => {
            let _ = reader.cancel();
            Err((Cause::Timeout, "nothing came for a minute".to_owned()))
        }
    }
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
