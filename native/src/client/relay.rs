//! Single requests, passed on as they are: for gateways, behind which another session decides
//! what is asked for.
//!
//! What this side answers for is where a request may go: redirects never lead from https to
//! http, `Authorization` stays at the origin it was sent to, and with
//! [`guard_local_network`](super::ClientBuilder::guard_local_network) nothing leads into the
//! network this machine is in.

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use ocirepo::ErrorKind;
use ocirepo::auth::{Bearer, Credentials, Scope, realm};
use ocirepo::error::redacted;
use ocirepo::exchange::{Body, Call, Head};
use ocirepo::redirect::{MOST_REDIRECTS, follow};
use ocirepo::reference::Registry;
use ocirepo::retry::Cause;
use tokio::time::{Duration, timeout};
use url::Url;

use super::Client;
use super::token::token_call;
use crate::error::{Error, Result};
use crate::http::Failure;

/// A response on its way.
#[derive(Debug)]
pub struct Relayed {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields, all of them.
    pub headers: HeaderMap,
    response: reqwest::Response,
    url: Url,
    stall: Duration,
}

impl Relayed {
    /// The next bytes of the body; `None` at its end.
    ///
    /// # Errors
    /// When the connection breaks or nothing comes for too long.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        match timeout(self.stall, self.response.chunk()).await {
            Ok(result) => result.map_err(|error| lost(error.into(), &self.url)),
            Err(_) => Err(late(self.stall, &self.url)),
        }
    }
}

impl Client {
    /// Sends a request to a registry, or to where the registry sends its clients, and follows
    /// redirects of GET and HEAD.
    ///
    /// The body must be in memory. Nothing is retried, no credentials are added, and no body
    /// is decoded.
    ///
    /// # Errors
    /// When there is no connection, or a redirect must not be followed. Any response, of
    /// whatever status, is `Ok`.
    pub async fn relay(&self, registry: &Registry, mut call: Call) -> Result<Relayed> {
        for _ in 0..=MOST_REDIRECTS {
            let relayed = self.relay_once(registry, &call).await?;
            let head = Head {
                status: relayed.status,
                headers: relayed.headers.clone(),
                url: None,
            };
            let Some(next) = follow(&call.method, &call.url, &head)? else {
                return Ok(relayed);
            };
            if next.origin() != call.url.origin() {
                call.headers.remove(AUTHORIZATION);
            }
            call.url = next;
        }
        Err(Error::Relay {
            kind: ErrorKind::Redirect,
            message: format!("{} redirects too often", redacted(&call.url)),
        })
    }

    /// Sends a request and follows no redirect: for token servers, whose requests carry
    /// secrets.
    ///
    /// # Errors
    /// As for [`Client::relay`].
    pub async fn relay_once(&self, registry: &Registry, call: &Call) -> Result<Relayed> {
        let (url, stall) = (call.url.clone(), self.inner.stall);
        let client = self.inner.http.client(registry, &url).await;
        let client = client.map_err(|failure| lost(failure, &url))?;
        let mut request = reqwest::Request::new(call.method.clone(), url.clone());
        *request.headers_mut() = call.headers.clone();
        // What is sent packed would no longer be what has the digest.
        let plain = HeaderValue::from_static("identity");
        request.headers_mut().insert(ACCEPT_ENCODING, plain);
        if let Body::Bytes(bytes) = &call.body {
            *request.body_mut() = Some(bytes.clone().into());
        }
        let mut response = match timeout(stall, client.execute(request)).await {
            Ok(response) => response.map_err(|error| lost(error.into(), &url))?,
            Err(_) => return Err(late(stall, &url)),
        };
        Ok(Relayed {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            response,
            url,
            stall,
        })
    }

    /// Asks the token server of a challenge for a token in the name of the user, with what is
    /// stored for this registry (for its repository `path`, when one is given). `None` when
    /// nothing is stored.
    ///
    /// # Errors
    /// Kind `UntrustedRealm` when the token server may not have the secret; as for
    /// [`Client::relay`].
    pub async fn relay_token(
        &self,
        registry: &Registry,
        path: Option<&str>,
        bearer: &Bearer,
        scopes: &[Scope],
    ) -> Result<Option<Relayed>> {
        let Some(credentials) = self.stored(registry, path).await? else {
            return Ok(None);
        };
        realm::check(
            &bearer.realm,
            registry,
            true,
            &self.inner.config.trusted_realms,
        )?;
        let call = token_call(bearer, scopes, Some(&credentials));
        self.relay_once(registry, &call).await.map(Some)
    }

    /// What is stored for this registry and goes to it as it is, as a value of `Authorization`.
    ///
    /// # Errors
    /// When a credential file is damaged or a helper fails.
    pub async fn stored_authorization(
        &self,
        registry: &Registry,
        path: Option<&str>,
    ) -> Result<Option<HeaderValue>> {
        let credentials = self.stored(registry, path).await?;
        Ok(credentials.and_then(|credentials| match credentials {
            Credentials::Bearer(token) => token.bearer_header(),
            basic => basic.basic_header(),
        }))
    }

    async fn stored(&self, registry: &Registry, path: Option<&str>) -> Result<Option<Credentials>> {
        if let Some(given) = self.inner.given.get(registry) {
            return Ok(Some(given.clone()));
        }
        let found = self.inner.store.find(registry.authority(), path).await?;
        Ok(found.map(|found| found.credentials))
    }
}

fn lost(failure: Failure, url: &Url) -> Error {
    let kind = match failure.cause {
        Cause::Tls => ErrorKind::Tls,
        Cause::Local => ErrorKind::Local,
        _ => ErrorKind::Network,
    };
    Error::Relay {
        kind,
        message: format!("{} does not answer: {}", redacted(url), failure.detail),
    }
}

fn late(stall: Duration, url: &Url) -> Error {
    let detail = format!("nothing came for {stall:?}");
    lost(Failure::new(Cause::Timeout, detail), url)
}
