//! Asking a token server in the name of a user.

use http::header::AUTHORIZATION;
use ocirepo::auth::{Bearer, Credentials, Scope};
use ocirepo::endpoint::token::{self, Grant};
use ocirepo::exchange::Call;

/// What token servers write into their logs.
const CLIENT_ID: &str = "ocirepo";

/// The request for a token with these scopes. Whether the realm may have the secret is to be
/// checked before.
pub(super) fn token_call(
    bearer: &Bearer,
    scopes: &[Scope],
    credentials: Option<&Credentials>,
) -> Call {
    let service = bearer.service.as_deref();
    if let Some(Credentials::IdentityToken { token, .. }) = credentials {
        let grant = Grant::Refresh(token);
        return token::post(&bearer.realm, service, scopes, grant, CLIENT_ID);
    }
    let name = credentials.and_then(Credentials::username);
    let mut call = token::get(&bearer.realm, service, scopes, name);
    if let Some(value) = credentials.and_then(Credentials::basic_header) {
        call.headers.insert(AUTHORIZATION, value);
    }
    call
}
