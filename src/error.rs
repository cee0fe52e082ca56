//! The error of every operation.

use std::fmt;

use http::StatusCode;
use url::Url;

/// What went wrong, for a program to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The registry does not have it (404, or a list without it).
    NotFound,
    /// Credentials are missing, wrong or expired (401).
    Unauthorized,
    /// The credentials do not allow it (403).
    Denied,
    /// The registry sends credentials to a token server that nobody trusted.
    UntrustedRealm,
    /// Too many requests (429), even after waiting.
    RateLimited,
    /// The registry failed (5xx or 408), even after retries.
    Unavailable,
    /// No connection, or the connection broke, even after retries.
    Network,
    /// The certificate of the registry was not accepted, or TLS failed otherwise.
    Tls,
    /// Content does not hash to its digest or has another size than declared.
    Corrupt,
    /// A document or body is larger than its cap.
    TooLarge,
    /// The response breaks the specification.
    InvalidResponse,
    /// The host cannot see or do what the response needs; see the message.
    Capability,
    /// A redirect leads back from https to http, or there are too many.
    Redirect,
    /// What was to be replaced is not what the caller expected (412 to a condition).
    Conflict,
    /// The registry refuses the request as it stands (other 4xx).
    Refused,
    /// The registry does not offer this (405 or 501 without an alternative).
    Unsupported,
    /// The source of an upload is not what it was when it was first read.
    SourceChanged,
    /// A local failure the host reported, such as a full disk.
    Local,
    /// The caller cancelled the operation.
    Cancelled,
}

impl ErrorKind {
    /// The kind as a word, for logs and for languages without this enum: in lower case
    /// with hyphens, such as `not-found`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Unauthorized => "unauthorized",
            Self::Denied => "denied",
            Self::UntrustedRealm => "untrusted-realm",
            Self::RateLimited => "rate-limited",
            Self::Unavailable => "unavailable",
            Self::Network => "network",
            Self::Tls => "tls",
            Self::Corrupt => "corrupt",
            Self::TooLarge => "too-large",
            Self::InvalidResponse => "invalid-response",
            Self::Capability => "capability",
            Self::Redirect => "redirect",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
            Self::SourceChanged => "source-changed",
            Self::Local => "local",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One entry of the `errors` list that registries send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryError {
    /// The code, such as `MANIFEST_UNKNOWN`.
    pub code: String,
    /// The registry's own words.
    pub message: String,
}

/// Why an operation failed.
///
/// Displays as one line: what was being done, what came back, what to do next.
/// It never holds credentials, tokens or the query of a URL.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    doing: Option<String>,
    url: Option<String>,
    status: Option<StatusCode>,
    registry: Vec<RegistryError>,
    message: String,
    hidden: Option<&'static str>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            doing: None,
            url: None,
            status: None,
            registry: Vec::new(),
            message: message.into(),
            hidden: None,
        }))
    }

    /// Names the header of the response that the host cannot see.
    pub(crate) fn hidden(mut self, header: &'static str) -> Self {
        self.0.hidden = Some(header);
        self
    }

    /// Adds what was being done, unless something closer to it already said so.
    pub(crate) fn doing(mut self, doing: impl FnOnce() -> String) -> Self {
        self.0.doing.get_or_insert_with(doing);
        self
    }

    pub(crate) fn at(mut self, url: &Url) -> Self {
        self.0.url.get_or_insert_with(|| redacted(url));
        self
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn registry(mut self, errors: Vec<RegistryError>) -> Self {
        self.0.registry = errors;
        self
    }

    /// What went wrong, for a program to match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation, such as `pull manifest ghcr.io/me/repo:el9`.
    pub fn operation(&self) -> Option<&str> {
        self.0.doing.as_deref()
    }

    /// Where the last request went, without query and user.
    pub fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    /// The status of the last response, if one came.
    pub fn http_status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// The errors the registry listed, in its order.
    pub fn registry_errors(&self) -> &[RegistryError] {
        &self.0.registry
    }

    /// The header of the response that the host could not see, where that is what failed
    /// ([`ErrorKind::Capability`]): the registry must expose it to pages.
    pub fn hidden_header(&self) -> Option<&str> {
        self.0.hidden
    }

    /// Whether the registry listed this code, such as `BLOB_UNKNOWN`.
    pub fn has_code(&self, code: &str) -> bool {
        self.0
            .registry
            .iter()
            .any(|e| e.code.eq_ignore_ascii_case(code))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(doing) = &self.0.doing {
            write!(f, "cannot {doing}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(status) = self.0.status {
            write!(f, " (status {}", status.as_u16())?;
            if let Some(url) = &self.0.url {
                write!(f, " from {url}")?;
            }
            f.write_str(")")?;
        } else if let Some(url) = &self.0.url {
            write!(f, " (at {url})")?;
        }
        for error in &self.0.registry {
            // Registries write control characters and novels here.
            let message: String = error
                .message
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect();
            let code: String = error
                .code
                .chars()
                .filter(|c| !c.is_control())
                .take(60)
                .collect();
            match (code.as_str(), message.as_str()) {
                ("", message) => write!(f, "; the registry says: {message}")?,
                (code, "") => write!(f, "; the registry says: {code}")?,
                (code, message) => write!(f, "; the registry says: {code}: {message}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// A URL fit for logs and errors: storage signs queries, and users write passwords
/// before the `@`.
pub fn redacted(url: &Url) -> String {
    let mut text = format!("{}://", url.scheme());
    if let Some(host) = url.host_str() {
        text.push_str(host);
    }
    if let Some(port) = url.port() {
        text.push_str(&format!(":{port}"));
    }
    text.push_str(url.path());
    if url.query().is_some() {
        text.push_str("?…");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_was_done_what_came_and_keeps_secrets() {
        let url =
            Url::parse("https://me:secret@storage.example:8443/a/b?X-Signature=secret").unwrap();
        let error = Error::new(ErrorKind::Denied, "access denied")
            .doing(|| "pull blob ghcr.io/me/repo@sha256:…".to_owned())
            .at(&url)
            .status(StatusCode::FORBIDDEN)
            .registry(vec![RegistryError {
                code: "DENIED".into(),
                message: "no\nway".into(),
            }]);
        assert_eq!(
            error.to_string(),
            "cannot pull blob ghcr.io/me/repo@sha256:…: access denied \
             (status 403 from https://storage.example:8443/a/b?…); the registry says: DENIED: noway"
        );
        assert!(!format!("{error:?}").contains("secret"));
        assert!(error.has_code("denied"));
    }
}
