//! Lists of names: tags (end-8) and docker-registry's catalog of repositories.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::LINK;
use serde_json::{Value, json};

use crate::error::{Code, Refusal};
use crate::registry::Registry;
use crate::reply::Reply;
use crate::request::{Ask, encode};
use crate::script::Quirk;

impl Registry {
    /// `GET /v2/<name>/tags/list`, in byte order, by pages of `n` after `last`.
    pub(crate) fn tags(&self, ask: &Ask, name: &str) -> Result<Reply, Refusal> {
        let repository = self
            .store
            .repository(name)
            .filter(|repository| repository.tagged || !ask.has(&Quirk::UntaggedUnknown))
            .ok_or_else(|| {
                Refusal::not_found(Code::NameUnknown, format!("there is no repository {name}"))
            })?;
        let all = ask.has(&Quirk::PagingIgnored);
        let last = last(ask).filter(|_| !all);
        let limit = if all { None } else { self.page(ask)? };
        let (mut tags, more) = cut(repository.tags_after(last.as_deref()), limit);
        let next = more.then(|| link(ask, &format!("/v2/{name}/tags/list"), &tags));
        if ask.has(&Quirk::TagsUnsorted) {
            tags.reverse();
        }
        let tags = if tags.is_empty() && ask.has(&Quirk::TagsNull) {
            Value::Null
        } else {
            json!(tags)
        };
        Ok(listing(&json!({ "name": name, "tags": tags }), next))
    }

    /// `GET /v2/_catalog`.
    pub(crate) fn catalog(&self, ask: &Ask) -> Result<Reply, Refusal> {
        let limit = self.page(ask)?;
        let last = last(ask);
        let (names, more) = cut(self.store.names_after(last.as_deref()), limit);
        let next = more.then(|| link(ask, "/v2/_catalog", &names));
        Ok(listing(&json!({ "repositories": names }), next))
    }

    /// How many entries a page has: the fewer of what the client and the setup want.
    fn page(&self, ask: &Ask) -> Result<Option<usize>, Refusal> {
        let Some(wanted) = ask.query.get("n") else {
            return Ok(self.config.page_limit);
        };
        let wanted = wanted.parse::<usize>().map_err(|_| {
            Refusal::bad_request(
                Code::PaginationNumberInvalid,
                format!("n is {wanted:?}, which is no number"),
            )
        })?;
        Ok(Some(self.config.page_limit.unwrap_or(wanted).min(wanted)))
    }
}

/// The first entries, and whether there are more.
pub(crate) fn cut<T>(mut entries: impl Iterator<Item = T>, limit: Option<usize>) -> (Vec<T>, bool) {
    let Some(limit) = limit else {
        return (entries.collect(), false);
    };
    let page = entries.by_ref().take(limit).collect();
    // A page of nothing has no last entry a link could go on from.
    let more = limit > 0 && entries.next().is_some();
    (page, more)
}

/// The name the page begins after.
fn last(ask: &Ask) -> Option<String> {
    match ask.query.get("cursor") {
        Some(cursor) => String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok(),
        None => ask.query.get("last").map(str::to_owned),
    }
}

fn link(ask: &Ask, path: &str, page: &[&str]) -> String {
    let n = page.len();
    let last = page.last().copied().unwrap_or_default();
    let place = match ask.has(&Quirk::OpaqueLink) {
        true => format!("cursor={}", URL_SAFE_NO_PAD.encode(last)),
        false => format!("last={}", encode(last)),
    };
    format!("<{path}?n={n}&{place}>; rel=\"next\"")
}

fn listing(body: &Value, next: Option<String>) -> Reply {
    let reply = Reply::new(StatusCode::OK).json(body);
    match next {
        Some(next) => reply.header(LINK, next),
        None => reply,
    }
}
