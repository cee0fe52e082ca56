//! Acting a script out, around what the endpoints do: in place of an answer, on the
//! request, on the answer.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, LINK, LOCATION, RETRY_AFTER, TRANSFER_ENCODING, WARNING,
    WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

use crate::error::{Code, Refusal};
use crate::reply::Reply;
use crate::request::Ask;
use crate::router::Route;
use crate::script::{Fault, Quirk, TokenField};

/// What is answered in place of doing anything, if the script says so.
pub(crate) fn instead(ask: &Ask, route: &Route) -> Option<Reply> {
    ask.quirks.iter().find_map(|quirk| match quirk {
        Quirk::Status(status) | Quirk::EarlyHead(status) => {
            Some(refuse(*status, Code::Unsupported, "the script says so"))
        }
        Quirk::Unprocessed => Some(Reply::new(StatusCode::SERVICE_UNAVAILABLE)),
        Quirk::TooManyRequests { retry_after } => Some(too_many(retry_after.as_deref())),
        Quirk::Redirect { origin } => {
            let target = ask.uri.path_and_query().map_or("/", |p| p.as_str());
            let reply = Reply::new(StatusCode::TEMPORARY_REDIRECT);
            Some(reply.header(LOCATION, format!("{origin}{target}")))
        }
        Quirk::NoChunkedUpload if ask.method == Method::PATCH => Some(refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::Unsupported,
            "chunked upload is not supported",
        )),
        Quirk::ChunkLimit(limit)
            if ask.method == Method::PATCH && ask.body.len() as u64 > *limit =>
        {
            Some(refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                Code::SizeInvalid,
                format!("chunks are limited to {limit} bytes"),
            ))
        }
        Quirk::EmptyPutRefused
            if ask.method == Method::PUT
                && ask.body.is_empty()
                && matches!(route, Route::Upload(..)) =>
        {
            Some(refuse(
                StatusCode::BAD_REQUEST,
                Code::BlobUploadInvalid,
                "the closing PUT must bring the last piece",
            ))
        }
        _ => None,
    })
}

fn refuse(status: StatusCode, code: Code, message: impl Into<String>) -> Reply {
    Refusal::new(status, code, message).into()
}

fn too_many(retry_after: Option<&str>) -> Reply {
    const PAGE: &[u8] = b"<html><body><h1>429 Too Many Requests</h1></body></html>\n";
    let reply =
        Reply::new(StatusCode::TOO_MANY_REQUESTS).body("text/html", Bytes::from_static(PAGE));
    match retry_after {
        Some(value) => reply.header(RETRY_AFTER, value),
        None => reply,
    }
}

/// Takes from the request what the network would lose of it.
pub(crate) fn lose(ask: &mut Ask) {
    let lost = ask.quirks.iter().find_map(|quirk| match quirk {
        Quirk::LostAfter(kept) => Some(*kept),
        _ => None,
    });
    let Some(kept) = lost.filter(|kept| *kept < ask.body.len()) else {
        return;
    };
    ask.body.truncate(kept);
    // Registries keep what arrived, so the range is that of what arrived.
    let range = ask.header(CONTENT_RANGE).and_then(|range| {
        let first: u64 = range.split('-').next()?.parse().ok()?;
        let last = first.checked_add(kept as u64)?.checked_sub(1)?;
        HeaderValue::from_str(&format!("{first}-{last}")).ok()
    });
    match range {
        Some(range) => ask.headers.insert(CONTENT_RANGE, range),
        None => ask.headers.remove(CONTENT_RANGE),
    };
}

impl Ask {
    /// Whether only a part of the body arrived.
    pub(crate) fn is_cut(&self) -> bool {
        let mut quirks = self.quirks.iter();
        quirks.any(|quirk| matches!(quirk, Quirk::LostAfter(_)))
    }
}

/// Makes the answer look the way the script wants it.
pub(crate) fn disguise(ask: &Ask, route: &Route, mut reply: Reply) -> Reply {
    for quirk in &ask.quirks {
        reply = disguise_once(quirk, route, reply);
    }
    reply
}

fn disguise_once(quirk: &Quirk, route: &Route, mut reply: Reply) -> Reply {
    match quirk {
        Quirk::AnswerWith(status) => reply.status = *status,
        Quirk::WithoutHeader(name) => {
            reply.headers.remove(name);
        }
        Quirk::SetHeader(name, value) => reply = reply.header(name.clone(), value),
        Quirk::Warning(text) => {
            if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
                reply = reply.append(WARNING, value);
            }
        }
        Quirk::LocationOrigin(origin) => {
            rewrite(&mut reply, LOCATION, |location| {
                location
                    .starts_with('/')
                    .then(|| format!("{origin}{location}"))
            });
        }
        Quirk::LocationQuery(query) => {
            rewrite(&mut reply, LOCATION, |location| {
                let joint = if location.contains('?') { '&' } else { '?' };
                Some(format!("{location}{joint}{query}"))
            });
        }
        Quirk::LinkOrigin(origin) => {
            rewrite(&mut reply, LINK, |link| {
                let rest = link.strip_prefix('<')?;
                rest.starts_with('/').then(|| format!("<{origin}{rest}"))
            });
        }
        Quirk::Corrupt { at } => {
            let mut body = BytesMut::from(reply.body.as_ref());
            if let Some(byte) = body.get_mut(*at) {
                *byte ^= 1;
            }
            reply.body = body.freeze();
        }
        Quirk::Surplus(surplus) => {
            let mut body = BytesMut::from(reply.body.as_ref());
            body.put_slice(surplus);
            reply.body = body.freeze();
            reply = reply.header(TRANSFER_ENCODING, "chunked");
        }
        Quirk::Body(body) => {
            reply.headers.remove(CONTENT_LENGTH);
            reply.body = body.clone().into();
        }
        Quirk::TokenField(field) if *route == Route::Token => {
            let dropped = match field {
                TokenField::Token => "access_token",
                TokenField::AccessToken => "token",
            };
            edit(&mut reply, |answer| {
                answer.remove(dropped);
            });
        }
        Quirk::ExpiresIn(seconds) if *route == Route::Token => {
            edit(&mut reply, |answer| match seconds {
                None => {
                    answer.remove("expires_in");
                }
                Some(seconds) => {
                    answer.insert("expires_in".to_owned(), (*seconds).into());
                }
            });
        }
        Quirk::Challenges(challenges) => {
            if let Some(own) = reply.headers.remove(WWW_AUTHENTICATE) {
                let own = own.to_str().unwrap_or_default();
                for challenge in challenges {
                    if let Ok(value) = HeaderValue::from_str(&challenge.replace("{own}", own)) {
                        reply = reply.append(WWW_AUTHENTICATE, value);
                    }
                }
            }
        }
        _ => {}
    }
    reply
}

fn rewrite(reply: &mut Reply, name: HeaderName, change: impl FnOnce(&str) -> Option<String>) {
    let changed = reply
        .headers
        .get(&name)
        .and_then(|value| value.to_str().ok())
        .and_then(change)
        .and_then(|value| HeaderValue::from_str(&value).ok());
    if let Some(value) = changed {
        reply.headers.insert(name, value);
    }
}

/// Changes a JSON object that is the body; other bodies (refusals) stay as they are.
fn edit(reply: &mut Reply, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    if let Ok(Value::Object(mut answer)) = serde_json::from_slice(&reply.body) {
        change(&mut answer);
        reply.body = Value::Object(answer).to_string().into();
    }
}

/// What the network does to the answer.
pub(crate) fn fault(ask: &Ask) -> Option<Fault> {
    let mut fault = Fault::default();
    for quirk in &ask.quirks {
        match quirk {
            Quirk::CutAfter(bytes) => fault.cut_after = Some(*bytes),
            Quirk::StallAfter(bytes) => fault.stall_after = Some(*bytes),
            Quirk::Reset | Quirk::LostAfter(_) => fault.reset = true,
            Quirk::Unprocessed => fault.unprocessed = true,
            Quirk::Delay(ms) => fault.delay_ms = fault.delay_ms.saturating_add(*ms),
            _ => {}
        }
    }
    (fault != Fault::default()).then_some(fault)
}
