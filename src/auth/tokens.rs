//! What is known of the credentials and tokens of one registry.

use http::HeaderValue;
use url::Url;

use crate::auth::challenge::Bearer;
use crate::auth::credentials::Credentials;
use crate::auth::scope::Scope;
use crate::operation::OperationId;

/// A token is not used in its last moments, when it might expire on the way.
const LEEWAY_MS: u64 = 5_000;

/// The authentication state of one registry.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub(crate) login: Login,
    pub(crate) scheme: Scheme,
    tokens: Vec<Held>,
    jobs: Vec<Job>,
    next_token: u64,
    /// Operations that wait for the host's answer.
    pub(crate) waiting: Vec<OperationId>,
}

/// What the host said of the user's credentials.
#[derive(Debug, Default)]
pub(crate) enum Login {
    /// It was not asked yet.
    #[default]
    Unasked,
    /// It was asked.
    Asked,
    /// It answered.
    Known(Option<Credentials>),
    /// What it answered was refused; they are not tried again, lest the account be
    /// locked.
    Refused,
}

/// How the registry wants to be authorised.
#[derive(Clone, Debug, Default)]
pub(crate) enum Scheme {
    /// It was not talked to yet.
    #[default]
    Unknown,
    /// It answered without asking.
    Open,
    /// User and password with each request.
    Basic,
    /// A token from a token server.
    Bearer {
        /// The token server.
        realm: Url,
        /// The name by which the registry is known there.
        service: Option<String>,
    },
}

/// What a request is to carry.
#[derive(Debug)]
pub(crate) enum Authorization {
    /// Send it, with this.
    Ready(Option<HeaderValue>, Used),
    /// The host must be asked for credentials first.
    AskCredentials,
    /// The host was asked already.
    AwaitCredentials,
    /// A token must be fetched first, for these scopes.
    Fetch(Vec<Scope>),
    /// The token is being fetched; the operation was noted among those that wait.
    AwaitToken,
    /// The registry wants credentials and there are none.
    NoCredentials,
    /// The registry refused the credentials there are.
    RefusedCredentials,
}

/// What a request carried, to know what a 401 refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    Nothing,
    Password,
    Static,
    Token(u64),
}

/// A token as it was issued.
#[derive(Debug)]
pub(crate) struct Token {
    value: HeaderValue,
    /// The last moment to use it.
    expires_ms: u64,
}

impl Token {
    /// A token that `lives_secs` from `now_ms` on.
    pub(crate) fn new(value: HeaderValue, lives_secs: u64, now_ms: u64) -> Self {
        let lifetime_ms = lives_secs.saturating_mul(1000);
        // Half the life of a very short one is left to use it.
        let usable_ms = lifetime_ms.saturating_sub(LEEWAY_MS.min(lifetime_ms / 2));
        Self {
            value,
            expires_ms: now_ms.saturating_add(usable_ms),
        }
    }
}

/// A token with what it allows.
#[derive(Debug)]
struct Held {
    id: u64,
    scopes: Vec<Scope>,
    token: Token,
}

/// A token on its way, and who waits for it.
#[derive(Debug)]
struct Job {
    fetching: OperationId,
    scopes: Vec<Scope>,
    waiting: Vec<OperationId>,
}

impl Access {
    /// What the next request of `operation` is to carry at `now_ms`.
    pub(crate) fn authorization(
        &mut self,
        operation: OperationId,
        scopes: &[Scope],
        now_ms: u64,
    ) -> Authorization {
        if let Login::Known(Some(Credentials::Bearer(token))) = &self.login {
            // Not a header value: refused like any wrong token, without being sent.
            return match token.bearer_header() {
                Some(value) => Authorization::Ready(Some(value), Used::Static),
                None => Authorization::RefusedCredentials,
            };
        }
        if matches!(self.scheme, Scheme::Unknown | Scheme::Open) {
            return Authorization::Ready(None, Used::Nothing);
        }
        match &self.login {
            Login::Unasked => return Authorization::AskCredentials,
            Login::Asked => return Authorization::AwaitCredentials,
            Login::Refused => return Authorization::RefusedCredentials,
            Login::Known(credentials) => {
                if matches!(self.scheme, Scheme::Basic) {
                    return match credentials.as_ref().and_then(Credentials::basic_header) {
                        Some(value) => Authorization::Ready(Some(value), Used::Password),
                        None => Authorization::NoCredentials,
                    };
                }
            }
        }
        self.tokens.retain(|held| held.token.expires_ms > now_ms);
        if let Some(held) = self.tokens.iter().find(|held| cover(&held.scopes, scopes)) {
            let value = held.token.value.clone();
            return Authorization::Ready(Some(value), Used::Token(held.id));
        }
        if let Some(job) = self.jobs.iter_mut().find(|j| cover(&j.scopes, scopes)) {
            job.waiting.push(operation);
            return Authorization::AwaitToken;
        }
        Authorization::Fetch(scopes.to_vec())
    }

    /// The registry answered without a challenge.
    pub(crate) fn answered(&mut self) {
        if matches!(self.scheme, Scheme::Unknown) {
            self.scheme = Scheme::Open;
        }
    }

    /// The registry asks for a token of this server.
    pub(crate) fn wants_token(&mut self, challenge: Bearer) {
        self.scheme = Scheme::Bearer {
            realm: challenge.realm,
            service: challenge.service,
        };
    }

    /// The registry asks for user and password.
    pub(crate) fn wants_password(&mut self) {
        self.scheme = Scheme::Basic;
    }

    /// The registry or its token server refused the credentials.
    pub(crate) fn refused(&mut self) {
        if matches!(self.login, Login::Known(Some(_))) {
            self.login = Login::Refused;
        }
    }

    /// Forgets a token that a registry refused.
    pub(crate) fn invalidate(&mut self, id: u64) {
        self.tokens.retain(|held| held.id != id);
    }

    /// Notes that `fetching` gets a token for which `operation` waits.
    pub(crate) fn fetching(
        &mut self,
        fetching: OperationId,
        scopes: Vec<Scope>,
        operation: OperationId,
    ) {
        self.jobs.push(Job {
            fetching,
            scopes,
            waiting: vec![operation],
        });
    }

    /// Keeps the token that `fetching` got, if it got one, and returns who waited.
    pub(crate) fn fetched(
        &mut self,
        fetching: OperationId,
        token: Option<Token>,
    ) -> Vec<OperationId> {
        let Some(at) = self.jobs.iter().position(|job| job.fetching == fetching) else {
            return Vec::new();
        };
        let job = self.jobs.swap_remove(at);
        if let Some(token) = token {
            self.next_token += 1;
            self.tokens.push(Held {
                id: self.next_token,
                scopes: job.scopes,
                token,
            });
        }
        job.waiting
    }
}

fn cover(have: &[Scope], need: &[Scope]) -> bool {
    need.iter()
        .all(|scope| have.iter().any(|h| h.covers(scope)))
}
