//! Errors as JavaScript gets them.

use ocirepo::ErrorKind;
use ocirepo_rpm::error::{MetadataError, MetadataErrorKind};
use ocirepo_rpm::header::HeaderError;
use ocirepo_rpm::snapshot::{SnapshotError, SnapshotErrorKind};
use serde::Serialize;
use wasm_bindgen::JsValue;

use crate::cors::Fix;
use crate::js;

/// What becomes an `OcirepoError`; its fields are described in `ocirepo.d.ts`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<Box<Fix>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<Box<str>>,
}

impl Failure {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: Box::default(),
            fix: None,
            header: None,
            status: None,
            url: None,
            registry: None,
        }
    }

    pub(crate) fn input(message: impl ToString) -> Self {
        Self::new("input", message.to_string())
    }

    pub(crate) fn local(message: impl Into<String>) -> Self {
        Self::new("local", message)
    }

    /// What a function of the caller threw.
    pub(crate) fn thrown(error: &JsValue) -> Self {
        let message = js::property(error, "message").and_then(|message| message.as_string());
        Self::local(message.unwrap_or_else(|| "a function that was given threw".to_owned()))
    }

    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::new("corrupt", message)
    }

    /// The client was closed, or the caller aborted, which the package tells apart.
    pub(crate) fn closed() -> Self {
        Self::local("it was cancelled")
    }

    pub(crate) fn hint(mut self, hint: impl Into<Box<str>>) -> Self {
        self.hint = hint.into();
        self
    }

    pub(crate) fn registry(mut self, authority: &str) -> Self {
        self.registry.get_or_insert_with(|| authority.into());
        self
    }

    pub(crate) fn detail(mut self, detail: &str) -> Self {
        if !detail.is_empty() {
            self.message = format!("{}: {detail}", self.message);
        }
        self
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.kind == "not-found"
    }
}

impl From<ocirepo::Error> for Failure {
    fn from(error: ocirepo::Error) -> Self {
        let (kind, hint) = match error.kind() {
            ErrorKind::NotFound => ("not-found", ""),
            ErrorKind::Unauthorized => (
                "unauthorized",
                "Give a user name and password, or a token, for this registry.",
            ),
            ErrorKind::Denied => ("denied", "Use an account that may read it."),
            ErrorKind::UntrustedRealm => (
                "untrusted-realm",
                "If the token server belongs to the registry, name it in `trustedRealms`.",
            ),
            ErrorKind::RateLimited => ("rate-limited", "Wait a while, or log in."),
            ErrorKind::Unavailable => ("unavailable", "Try again later."),
            ErrorKind::Network | ErrorKind::Tls => ("network", ""),
            ErrorKind::Corrupt => (
                "corrupt",
                "The registry, or something before it, sends other bytes than were published. \
                 Do not use what came; tell the publisher.",
            ),
            ErrorKind::TooLarge => ("too-large", ""),
            ErrorKind::InvalidResponse => ("invalid-response", ""),
            ErrorKind::Capability => ("hidden-header", ""),
            ErrorKind::Redirect => ("redirect", ""),
            ErrorKind::Conflict | ErrorKind::Refused => ("refused", ""),
            ErrorKind::Unsupported => ("unsupported", ""),
            _ => ("local", ""),
        };
        let mut failure = Self::new(kind, error.to_string()).hint(hint);
        failure.status = error.http_status().map(|status| status.as_u16());
        failure.url = error.url().map(Into::into);
        if let Some(header) = error.hidden_header() {
            failure.header = Some(header.into());
            failure.fix = Some(Box::new(Fix::here()));
            failure = failure.hint(format!(
                "Ask the registry's operator to let pages see `{header}`: add it to \
                 Access-Control-Expose-Headers."
            ));
        }
        failure
    }
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        let kind = match error.kind() {
            SnapshotErrorKind::NotFound => "not-found",
            SnapshotErrorKind::NotARepository => "not-a-repository",
            SnapshotErrorKind::Incomplete => "incomplete",
            SnapshotErrorKind::TooLarge => "too-large",
            SnapshotErrorKind::Misuse => "local",
            _ => "malformed",
        };
        Self::new(kind, error.to_string())
    }
}

impl From<MetadataError> for Failure {
    fn from(error: MetadataError) -> Self {
        let kind = match error.kind() {
            MetadataErrorKind::Unsupported => "unsupported",
            MetadataErrorKind::TooLarge => "too-large",
            MetadataErrorKind::Corrupt => "corrupt",
            MetadataErrorKind::Source => "local",
            _ => "malformed",
        };
        Self::new(kind, error.to_string())
    }
}

impl From<HeaderError> for Failure {
    fn from(error: HeaderError) -> Self {
        Self::new("malformed", error.to_string())
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        crate::json::to_js(&failure)
    }
}
