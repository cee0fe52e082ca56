//! Get a token from the token server a registry names.
//!
//! ```text
//! Posting --200--> done
//! Posting --404/405/401/400--> Getting   the server knows only the older way
//! Getting --200--> done
//! ```

use url::Url;

use super::{Authorize, Env, Machine, Outgoing, Response, Step, Take};
use crate::auth::credentials::Credentials;
use crate::auth::realm::{self, TrustedRealms};
use crate::auth::scope::Scope;
use crate::auth::tokens::Token;
use crate::endpoint::token::{self, Grant};
use crate::error::{Error, ErrorKind};
use crate::reference::Registry;
use http::header::AUTHORIZATION;

/// How token servers see us in their logs.
const CLIENT_ID: &str = "ocirepo";

#[derive(Debug)]
pub(crate) struct FetchToken {
    registry: Registry,
    realm: Url,
    service: Option<String>,
    scopes: Vec<Scope>,
    credentials: Option<Credentials>,
    cap: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Posting,
    Getting,
}

impl FetchToken {
    /// Refuses a realm that may not be asked, or not be shown what there is.
    pub(crate) fn new(
        registry: Registry,
        realm: Url,
        service: Option<String>,
        scopes: Vec<Scope>,
        credentials: Option<Credentials>,
        trusted: &TrustedRealms,
        cap: u64,
    ) -> Result<Self, Error> {
        realm::check(&realm, &registry, credentials.is_some(), trusted)?;
        Ok(Self {
            registry,
            realm,
            service,
            scopes,
            state: match credentials {
                Some(Credentials::IdentityToken { .. }) => State::Posting,
                _ => State::Getting,
            },
            credentials,
            cap,
        })
    }
}

impl Machine for FetchToken {
    fn doing(&self) -> String {
        format!(
            "get a token for {} from {}",
            self.registry,
            crate::error::redacted(&self.realm)
        )
    }

    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        Vec::new()
    }

    fn request(&mut self) -> Outgoing {
        let service = self.service.as_deref();
        let mut call = match (self.state, &self.credentials) {
            (State::Posting, Some(Credentials::IdentityToken { token, .. })) => token::post(
                &self.realm,
                service,
                &self.scopes,
                Grant::Refresh(token),
                CLIENT_ID,
            ),
            (_, credentials) => {
                let account = credentials.as_ref().and_then(Credentials::username);
                token::get(&self.realm, service, &self.scopes, account)
            }
        };
        if self.state == State::Getting
            && let Some(value) = self
                .credentials
                .as_ref()
                .and_then(Credentials::basic_header)
        {
            call.headers.insert(AUTHORIZATION, value);
        }
        let mut outgoing = Outgoing::new(call, Take::Collect { cap: self.cap });
        outgoing.authorize = Authorize::Itself;
        outgoing
    }

    fn response(&mut self, response: Response, env: &Env<'_>) -> Step {
        if response.status().is_success() {
            return Step::end(
                token::issued(&response.head, &response.body).and_then(|issued| {
                    let value = issued.token.bearer_header().ok_or_else(|| {
                        Error::new(
                            ErrorKind::InvalidResponse,
                            "the token server sent something that is no token",
                        )
                    })?;
                    Ok(Token::new(
                        value,
                        issued.expires_in_secs,
                        env.now.monotonic_ms,
                    ))
                }),
            );
        }
        let old_server = matches!(response.status().as_u16(), 400 | 401 | 404 | 405);
        if self.state == State::Posting && old_server {
            self.state = State::Getting;
            return Step::Next;
        }
        Step::fail(response.failure())
    }
}
