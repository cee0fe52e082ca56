//! Who may do what: Basic credentials, or bearer tokens from a token endpoint that is
//! part of the registry, as Docker's token specification describes them.

use std::fmt;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::json;

use crate::error::{Code, Refusal};
use crate::registry::Registry;
use crate::request::Ask;
use crate::router::Route;
use crate::scope::Scope;
use crate::script::Quirk;

pub(crate) use crate::token::Tokens;

/// How clients show who they are, and who they may be.
#[derive(Clone, Debug)]
pub struct Auth {
    /// Basic or Bearer.
    pub scheme: Scheme,
    /// Who is known.
    pub accounts: Vec<Account>,
    /// What those may do who do not say who they are.
    pub anonymous: Rights,
}

/// The authentication scheme a registry challenges for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// User name and password with every request.
    Basic {
        /// The realm shown to people.
        realm: String,
    },
    /// Tokens, from `/token` unless told otherwise.
    Bearer {
        /// The token endpoint's URL in challenges. `None` names the registry's own
        /// `/token` under the origin the client used.
        realm: Option<String>,
        /// The `service` in challenges, which token requests must repeat.
        service: String,
        /// How long a token lives, in seconds.
        lifetime: u64,
    },
}

/// Somebody who may log in.
#[derive(Clone)]
pub struct Account {
    /// The user name.
    pub name: String,
    /// The password.
    pub password: String,
    /// What they may do.
    pub rights: Rights,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("rights", &self.rights)
            .finish_non_exhaustive()
    }
}

/// What somebody may do, in every repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// Nothing.
    None,
    /// Read.
    Pull,
    /// Read, write and delete.
    All,
}

impl Rights {
    /// Whether an action of a scope is among them.
    pub(crate) fn include(self, action: &str) -> bool {
        match self {
            Self::None => false,
            Self::Pull => action == "pull",
            Self::All => matches!(action, "pull" | "push" | "delete" | "*"),
        }
    }
}

impl Auth {
    /// Basic authentication for one account, and nothing for anybody else.
    pub fn basic(name: &str, password: &str) -> Self {
        Self {
            scheme: Scheme::Basic {
                realm: "registry".to_owned(),
            },
            accounts: vec![Account {
                name: name.to_owned(),
                password: password.to_owned(),
                rights: Rights::All,
            }],
            anonymous: Rights::None,
        }
    }

    /// Bearer tokens of five minutes for one account, and nothing for anybody else.
    pub fn bearer(name: &str, password: &str) -> Self {
        Self {
            scheme: Scheme::Bearer {
                realm: None,
                service: "registry".to_owned(),
                lifetime: 300,
            },
            ..Self::basic(name, password)
        }
    }

    /// What an account may do, if name and password are right.
    pub(crate) fn rights(&self, name: &str, password: &str) -> Option<Rights> {
        self.accounts
            .iter()
            .find(|account| account.name == name && account.password == password)
            .map(|account| account.rights)
    }
}

impl Registry {
    /// Refuses a request that its sender may not make.
    pub(crate) fn authorize(&self, ask: &Ask, route: &Route) -> Result<(), Refusal> {
        let Some(auth) = &self.config.auth else {
            return Ok(());
        };
        match route {
            Route::Token | Route::Unknown => return Ok(()),
            // A digest stands in for the signature of the URL, so that whoever knows one
            // can read: only a script that wants it so opens this.
            Route::Storage(_) if self.script.uses_storage() => return Ok(()),
            Route::Storage(_) => {
                return Err(Refusal::not_found(Code::Unsupported, "no such endpoint"));
            }
            _ => {}
        }
        let needed = needed(ask, route);
        match &auth.scheme {
            Scheme::Basic { realm } => authorize_basic(auth, realm, ask, &needed),
            Scheme::Bearer { realm, service, .. } => {
                let challenge =
                    |error| self.challenge(ask, realm.as_deref(), service, &needed, error);
                let Some(token) = credentials(ask, "Bearer") else {
                    return Err(challenge(None));
                };
                match self.tokens.check(token, ask.now, &needed) {
                    Ok(()) => Ok(()),
                    Err(error) => Err(challenge(Some(error))),
                }
            }
        }
    }

    fn challenge(
        &self,
        ask: &Ask,
        realm: Option<&str>,
        service: &str,
        needed: &[Scope],
        error: Option<&str>,
    ) -> Refusal {
        let own = || format!("{}/token", self.origin(ask));
        let realm = realm.map_or_else(own, str::to_owned);
        let mut challenge = format!("Bearer realm=\"{realm}\",service=\"{service}\"");
        if !needed.is_empty() && !ask.has(&Quirk::NoScopeInChallenge) {
            let scopes: Vec<_> = needed.iter().map(Scope::to_string).collect();
            challenge.push_str(&format!(",scope=\"{}\"", scopes.join(" ")));
        }
        if let Some(error) = error {
            challenge.push_str(&format!(",error=\"{error}\""));
        }
        unauthorized(challenge).detail(json!(
            needed.iter().map(Scope::to_string).collect::<Vec<_>>()
        ))
    }

    fn origin(&self, ask: &Ask) -> String {
        let configured = self.config.origin.as_deref();
        configured.map_or_else(
            || ask.origin(),
            |origin| origin.trim_end_matches('/').to_owned(),
        )
    }
}

fn authorize_basic(auth: &Auth, realm: &str, ask: &Ask, needed: &[Scope]) -> Result<(), Refusal> {
    let challenge = || unauthorized(format!("Basic realm=\"{realm}\""));
    let covers = |rights: Rights| {
        let mut actions = needed.iter().flat_map(|scope| &scope.actions);
        actions.all(|action| rights.include(action))
    };
    match basic_credentials(ask) {
        Some((name, password)) => match auth.rights(&name, &password) {
            None => Err(challenge()),
            Some(rights) if covers(rights) => Ok(()),
            Some(_) => Err(Refusal::new(
                StatusCode::FORBIDDEN,
                Code::Denied,
                format!("{name} may not do this"),
            )),
        },
        None if auth.anonymous > Rights::None && covers(auth.anonymous) => Ok(()),
        None => Err(challenge()),
    }
}

pub(crate) fn unauthorized(challenge: String) -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        Code::Unauthorized,
        "authentication required",
    )
    .header(WWW_AUTHENTICATE, challenge)
}

/// What follows the scheme in `Authorization`, if it is this scheme.
fn credentials<'a>(ask: &'a Ask, scheme: &str) -> Option<&'a str> {
    let (found, rest) = ask.header(AUTHORIZATION)?.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// User name and password from a Basic `Authorization`.
pub(crate) fn basic_credentials(ask: &Ask) -> Option<(String, String)> {
    use base64::Engine as _;
    let encoded = credentials(ask, "Basic")?;
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// The scopes a request needs; `/v2/` needs only somebody who is known.
fn needed(ask: &Ask, route: &Route) -> Vec<Scope> {
    if *route == Route::Catalog {
        return vec![Scope::new("registry", "catalog", &["*"])];
    }
    let Some(name) = route.repository() else {
        return Vec::new();
    };
    let actions: &[&str] = match ask.method {
        Method::GET | Method::HEAD => &["pull"],
        Method::DELETE if !matches!(route, Route::Upload(..)) => &["delete"],
        _ => &["pull", "push"],
    };
    let mut scopes = vec![Scope::new("repository", name, actions)];
    if matches!(route, Route::Uploads(_))
        && let Some(from) = ask.query.get("from")
    {
        scopes.push(Scope::new("repository", from, &["pull"]));
    }
    scopes
}
