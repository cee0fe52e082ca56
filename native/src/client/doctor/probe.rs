//! Single requests, with the credentials there are, and their bare answers.

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, LOCATION};
use http::{HeaderValue, StatusCode, Version};
use ocirepo::ErrorKind;
use ocirepo::auth::{Bearer, Credentials, Scope, realm};
use ocirepo::endpoint::token;
use ocirepo::exchange::{Body, Call, Head};
use ocirepo::reference::Registry;
use ocirepo::retry::Cause;
use tokio::time::timeout;
use url::Url;

use super::super::Client;
use super::super::token::token_call;
use super::Trouble;
use crate::http::Failure;

/// The most bytes of a body that are looked at. Manifests may have as many.
const ENOUGH: usize = 4 << 20;

/// How the registry lets us in.
pub(super) enum Access {
    Open,
    Basic,
    Bearer(Bearer),
}

pub(super) struct Probe<'a> {
    pub(super) client: &'a Client,
    pub(super) registry: &'a Registry,
    pub(super) access: Access,
    pub(super) credentials: Option<Credentials>,
}

/// A response as it came.
pub(super) struct Answer {
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
    pub(super) version: Version,
    /// Where the request went.
    pub(super) url: Url,
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.head.status
    }

    /// What it says if it is a refusal.
    pub(super) fn trouble(&self) -> Trouble {
        ocirepo::endpoint::failure(&self.head, &self.body, &self.url).into()
    }

    /// Where it leads, unless from https down to http.
    pub(super) fn leads_to(&self) -> Option<Url> {
        let location = self
            .head
            .text(LOCATION)
            .filter(|_| self.status().is_redirection())?;
        let to = self.url.join(location).ok()?;
        (to.scheme() == "https" || to.scheme() == self.url.scheme()).then_some(to)
    }
}

impl<'a> Probe<'a> {
    pub(super) fn new(client: &'a Client, registry: &'a Registry) -> Self {
        Self {
            client,
            registry,
            access: Access::Open,
            credentials: None,
        }
    }

    /// Sends a request as it is.
    pub(super) async fn plain(&self, call: Call) -> Result<Answer, Trouble> {
        let url = call.url.clone();
        let patience = self.client.inner.stall;
        match timeout(patience, self.exchange(call)).await {
            Ok(answer) => answer.map_err(|failure| trouble(failure, &url)),
            Err(_) => {
                let late = format!("nothing came for {patience:?}");
                Err(trouble(Failure::new(Cause::Timeout, late), &url))
            }
        }
    }

    /// Sends a request with what the registry wants for it.
    pub(super) async fn ask(
        &self,
        mut call: Call,
        scopes: impl IntoIterator<Item = Scope>,
    ) -> Result<Answer, Trouble> {
        // An upload may be anywhere; what was issued for the registry stays there.
        if call.url.origin() == self.registry.base().origin()
            && let Some(value) = self.authorization(scopes).await?
        {
            call.headers.insert(AUTHORIZATION, value);
        }
        self.plain(call).await
    }

    async fn exchange(&self, call: Call) -> Result<Answer, Failure> {
        let client = self
            .client
            .inner
            .http
            .client(self.registry, &call.url)
            .await?;
        let url = call.url.clone();
        let mut request = reqwest::Request::new(call.method, call.url);
        *request.headers_mut() = call.headers;
        request
            .headers_mut()
            .insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        match call.body {
            Body::Bytes(bytes) => *request.body_mut() = Some(bytes.into()),
            Body::Empty | Body::Source(_) => {
                if matches!(request.method().as_str(), "POST" | "PUT" | "PATCH") {
                    let zero = HeaderValue::from_static("0");
                    request.headers_mut().insert(CONTENT_LENGTH, zero);
                }
            }
        }
        let mut response = client.execute(request).await?;
        let version = response.version();
        let head = Head {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            url: None,
        };
        let mut body = Vec::new();
        while body.len() < ENOUGH
            && let Some(bytes) = response.chunk().await?
        {
            body.extend_from_slice(&bytes);
        }
        Ok(Answer {
            head,
            body,
            version,
            url,
        })
    }

    /// What goes into `Authorization` for this registry.
    async fn authorization(
        &self,
        scopes: impl IntoIterator<Item = Scope>,
    ) -> Result<Option<HeaderValue>, Trouble> {
        let credentials = self.credentials.as_ref();
        let bearer = match (&self.access, credentials) {
            (Access::Open, _) => return Ok(None),
            (Access::Basic, credentials) => {
                return Ok(credentials.and_then(Credentials::basic_header));
            }
            (_, Some(Credentials::Bearer(token))) => return Ok(token.bearer_header()),
            (Access::Bearer(bearer), _) => bearer,
        };
        let trusted = &self.client.inner.config.trusted_realms;
        realm::check(&bearer.realm, self.registry, credentials.is_some(), trusted)?;
        let scopes: Vec<Scope> = scopes.into_iter().collect();
        let answer = self.plain(token_call(bearer, &scopes, credentials)).await?;
        if !answer.status().is_success() {
            return Err(answer.trouble());
        }
        let issued = token::issued(&answer.head, &answer.body)?;
        Ok(issued.token.bearer_header())
    }
}

fn trouble(failure: Failure, url: &Url) -> Trouble {
    let (kind, advice) = match failure.cause {
        Cause::Tls => (
            ErrorKind::Tls,
            "give the authority that signed the certificate with --tls-ca FILE, or as \
             /etc/containers/certs.d/HOST/ca.crt; a registry without TLS is oci+http://HOST",
        ),
        Cause::Local => (ErrorKind::Local, "see to the settings of this machine"),
        Cause::Unreachable => (
            ErrorKind::Network,
            "check the name, the port, the network and the proxy settings",
        ),
        _ => (
            ErrorKind::Network,
            "check that something speaks HTTP there; a registry without TLS is oci+http://HOST",
        ),
    };
    Trouble {
        kind,
        text: format!(
            "{} does not answer: {}",
            url.origin().ascii_serialization(),
            failure.detail
        ),
        advice: Some(advice.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_followed_but_never_down_to_http() {
        let leads = |status: u16, location: &'static str| {
            let mut head = Head {
                status: StatusCode::from_u16(status).unwrap(),
                ..Head::default()
            };
            head.headers
                .insert(LOCATION, HeaderValue::from_static(location));
            let answer = Answer {
                head,
                body: Vec::new(),
                version: Version::HTTP_11,
                url: Url::parse("https://r.example/v2/a/blobs/x").unwrap(),
            };
            answer.leads_to().map(String::from)
        };
        assert_eq!(
            leads(307, "https://s.example/x?sig=1").as_deref(),
            Some("https://s.example/x?sig=1")
        );
        assert_eq!(leads(302, "/x").as_deref(), Some("https://r.example/x"));
        assert_eq!(leads(307, "http://s.example/x"), None);
        assert_eq!(leads(200, "https://s.example/x"), None);
    }
}
