//! The rules of an origin, as scenarios write them.

use http::{HeaderName, Method, StatusCode};
use ocirepo_registry::{Quirk, TokenField};
use serde::Deserialize;

use super::{Failure, Result};

/// What befalls some requests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// `METHOD PATH`, either of which may be `*`, and the path may have more of them.
    #[serde(default = "every")]
    on: String,
    /// Of the requests that fit, only this one, counted from 1.
    nth: Option<u32>,
    /// Of the requests that fit, only so many.
    first: Option<u32>,
    /// Of the requests that fit, only those after so many.
    after: Option<u32>,
    does: Vec<Does>,
}

fn every() -> String {
    "* *".to_owned()
}

/// [`Quirk`], as scenarios write it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Does {
    Status(u16),
    /// With `Retry-After`.
    TooMany(Option<String>),
    Redirect(String),
    StorageRedirect(String),
    NoReferrers,
    FiltersIgnored,
    NoChunkedUpload,
    ChunkLimit(u64),
    EmptyPutRefused,
    SinglePostIgnored,
    MountIgnored,
    TagsNull,
    RangeIgnored,
    ManifestLimit(usize),
    LayerLimit(usize),
    AnswerWith(u16),
    WithoutHeader(String),
    SetHeader(String, String),
    Warning(String),
    LocationOrigin(String),
    LocationQuery(String),
    LinkOrigin(String),
    OpaqueLink,
    Corrupt(usize),
    Surplus(String),
    Body(String),
    TokenOnly,
    AccessTokenOnly,
    ExpiresIn(Option<u64>),
    FirstScopeOnly,
    TokensRevoked,
    NoScopeInChallenge,
    Challenges(Vec<String>),
    CutAfter(u64),
    StallAfter(u64),
    Reset,
    EarlyHead(u16),
    LostAfter(usize),
    Delay(u64),
}

impl Rule {
    /// The rules of the script, one for each thing that happens.
    pub(crate) fn script(self) -> Result<Vec<ocirepo_registry::Rule>> {
        let on = self.on.split_once(' ');
        let (method, path) = on.ok_or_else(|| wrong("on", &self.on))?;
        let method = match method {
            "*" => None,
            name => Some(name.parse::<Method>().map_err(|_| wrong("method", name))?),
        };
        let mut rules = Vec::new();
        for does in self.does {
            let mut rule = ocirepo_registry::Rule::new(does.quirk()?).path(path);
            if let Some(method) = &method {
                rule = rule.method(method.clone());
            }
            rule = match (self.nth, self.first, self.after) {
                (Some(n), None, None) => rule.nth(n),
                (None, Some(n), None) => rule.first(n),
                (None, None, Some(n)) => rule.after(n),
                (None, None, None) => rule,
                _ => return Err(wrong("times", &self.on)),
            };
            rules.push(rule);
        }
        Ok(rules)
    }
}

impl Does {
    fn quirk(self) -> Result<Quirk> {
        Ok(match self {
            Self::Status(code) => Quirk::Status(status(code)?),
            Self::TooMany(retry_after) => Quirk::TooManyRequests { retry_after },
            Self::Redirect(origin) => Quirk::Redirect { origin },
            Self::StorageRedirect(origin) => Quirk::StorageRedirect { origin },
            Self::NoReferrers => Quirk::NoReferrers,
            Self::FiltersIgnored => Quirk::FiltersIgnored,
            Self::NoChunkedUpload => Quirk::NoChunkedUpload,
            Self::ChunkLimit(bytes) => Quirk::ChunkLimit(bytes),
            Self::EmptyPutRefused => Quirk::EmptyPutRefused,
            Self::SinglePostIgnored => Quirk::SinglePostIgnored,
            Self::MountIgnored => Quirk::MountIgnored,
            Self::TagsNull => Quirk::TagsNull,
            Self::RangeIgnored => Quirk::RangeIgnored,
            Self::ManifestLimit(bytes) => Quirk::ManifestLimit(bytes),
            Self::LayerLimit(layers) => Quirk::LayerLimit(layers),
            Self::AnswerWith(code) => Quirk::AnswerWith(status(code)?),
            Self::WithoutHeader(name) => Quirk::WithoutHeader(header(&name)?),
            Self::SetHeader(name, value) => Quirk::SetHeader(header(&name)?, value),
            Self::Warning(text) => Quirk::Warning(text),
            Self::LocationOrigin(origin) => Quirk::LocationOrigin(origin),
            Self::LocationQuery(query) => Quirk::LocationQuery(query),
            Self::LinkOrigin(origin) => Quirk::LinkOrigin(origin),
            Self::OpaqueLink => Quirk::OpaqueLink,
            Self::Corrupt(at) => Quirk::Corrupt { at },
            Self::Surplus(text) => Quirk::Surplus(text.into_bytes()),
            Self::Body(text) => Quirk::Body(text.into_bytes()),
            Self::TokenOnly => Quirk::TokenField(TokenField::Token),
            Self::AccessTokenOnly => Quirk::TokenField(TokenField::AccessToken),
            Self::ExpiresIn(seconds) => Quirk::ExpiresIn(seconds),
            Self::FirstScopeOnly => Quirk::FirstScopeOnly,
            Self::TokensRevoked => Quirk::TokensRevoked,
            Self::NoScopeInChallenge => Quirk::NoScopeInChallenge,
            Self::Challenges(challenges) => Quirk::Challenges(challenges),
            Self::CutAfter(bytes) => Quirk::CutAfter(bytes),
            Self::StallAfter(bytes) => Quirk::StallAfter(bytes),
            Self::Reset => Quirk::Reset,
            Self::EarlyHead(code) => Quirk::EarlyHead(status(code)?),
            Self::LostAfter(bytes) => Quirk::LostAfter(bytes),
            Self::Delay(ms) => Quirk::Delay(ms),
        })
    }
}

fn status(code: u16) -> Result<StatusCode> {
    StatusCode::from_u16(code).map_err(|_| wrong("status", &code.to_string()))
}

fn header(name: &str) -> Result<HeaderName> {
    name.parse().map_err(|_| wrong("header", name))
}

fn wrong(what: &str, value: &str) -> Failure {
    Failure::new(format!("{value:?} is no {what}"))
}
