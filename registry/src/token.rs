//! The token endpoint: Docker's `GET`, and OAuth 2's `POST` with passwords and refresh
//! tokens.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::json;

use crate::auth::{Auth, Rights, Scheme, basic_credentials, unauthorized};
use crate::error::{Code, Refusal};
use crate::registry::Registry;
use crate::reply::Reply;
use crate::request::{Ask, Query};
use crate::scope::Scope;
use crate::script::Quirk;

/// The tokens given out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    access: BTreeMap<String, Access>,
    /// Refresh token to account name. They do not expire.
    refresh: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
struct Access {
    scopes: Vec<Scope>,
    /// Unix seconds from which on it is refused.
    expires: u64,
}

impl Tokens {
    /// Whether a token is good for all of this; otherwise RFC 6750's name for what is
    /// wrong with it.
    pub(crate) fn check(
        &self,
        token: &str,
        now: u64,
        needed: &[Scope],
    ) -> Result<(), &'static str> {
        let access = self
            .access
            .get(token)
            .filter(|access| now < access.expires)
            .ok_or("invalid_token")?;
        let covered = needed.iter().all(|scope| {
            let mut actions = scope.actions.iter();
            actions.all(|action| {
                let mut held = access.scopes.iter();
                held.any(|held| held.covers(action, &scope.kind, &scope.name))
            })
        });
        covered.then_some(()).ok_or("insufficient_scope")
    }
}

/// Who asks for a token, and what they may have.
struct Asker {
    rights: Rights,
    /// The account, unless anonymous.
    name: Option<String>,
}

impl Registry {
    /// `GET` or `POST /token`.
    pub(crate) fn token(&mut self, ask: &Ask) -> Result<Reply, Refusal> {
        let auth = self.config.auth.clone();
        let Some((auth, service, lifetime)) = auth.as_ref().and_then(|auth| match &auth.scheme {
            Scheme::Bearer {
                service, lifetime, ..
            } => Some((auth, service, *lifetime)),
            Scheme::Basic { .. } => None,
        }) else {
            return Err(Refusal::not_found(Code::Unsupported, "no such endpoint"));
        };
        let posted = ask.method == Method::POST;
        let form = match posted {
            true => Query::parse(&String::from_utf8_lossy(&ask.body)),
            false => ask.query.clone(),
        };
        if form.get("service").is_some_and(|asked| asked != service) {
            return Err(Refusal::bad_request(
                Code::Unsupported,
                format!("this is the token endpoint of {service:?} only"),
            ));
        }
        let asker = match posted {
            true => self.posted_credentials(auth, &form)?,
            false => header_credentials(auth, ask)?,
        };
        let mut wanted: Vec<Scope> = form
            .all("scope")
            .flat_map(|scopes| scopes.split(' '))
            .filter_map(Scope::parse)
            .collect();
        if ask.has(&Quirk::FirstScopeOnly) {
            wanted.truncate(1);
        }
        let scopes: Vec<_> = wanted
            .into_iter()
            .map(|scope| scope.granted(asker.rights))
            .collect();
        let granted: Vec<_> = scopes.iter().map(Scope::to_string).collect();
        self.tokens.access.retain(|_, held| ask.now < held.expires);
        let token = self.new_token(ask.now.saturating_add(lifetime), scopes);
        let mut answer = json!({
            "token": token,
            "access_token": token,
            "expires_in": lifetime,
            "scope": granted.join(" "),
        });
        let offline = form.get("offline_token") == Some("true")
            || form.get("access_type") == Some("offline")
            || form.get("grant_type") == Some("refresh_token");
        if let (true, Some(name)) = (offline, asker.name) {
            answer["refresh_token"] = json!(self.refresh_token(name));
        }
        Ok(Reply::new(StatusCode::OK).json(&answer))
    }

    fn posted_credentials(&self, auth: &Auth, form: &Query) -> Result<Asker, Refusal> {
        let field = |name| form.get(name).unwrap_or_default();
        let asker = match field("grant_type") {
            "password" => auth
                .rights(field("username"), field("password"))
                .map(|rights| (rights, field("username"))),
            "refresh_token" => self
                .tokens
                .refresh
                .get(field("refresh_token"))
                .and_then(|name| {
                    let account = auth.accounts.iter().find(|a| a.name == *name)?;
                    Some((account.rights, account.name.as_str()))
                }),
            other => {
                return Err(Refusal::bad_request(
                    Code::Unsupported,
                    format!("unknown grant_type {other:?}"),
                ));
            }
        };
        let (rights, name) = asker.ok_or_else(wrong_credentials)?;
        Ok(Asker {
            rights,
            name: Some(name.to_owned()),
        })
    }

    /// The refresh token of an account, which has one for good.
    fn refresh_token(&mut self, name: String) -> String {
        let mut known = self.tokens.refresh.iter();
        if let Some((token, _)) = known.find(|(_, owner)| **owner == name) {
            return token.clone();
        }
        let token = self.unique_id("refresh");
        self.tokens.refresh.insert(token.clone(), name);
        token
    }

    fn new_token(&mut self, expires: u64, scopes: Vec<Scope>) -> String {
        let token = self.unique_id("token");
        self.tokens
            .access
            .insert(token.clone(), Access { scopes, expires });
        token
    }

    /// Gives out a token without a request, for clients that are configured with one.
    /// `scopes` are written `repository:<name>:pull,push`, with blanks between them;
    /// `expires` is in Unix seconds.
    pub fn issue_token(&mut self, scopes: &str, expires: u64) -> String {
        let scopes = scopes.split(' ').filter_map(Scope::parse).collect();
        self.new_token(expires, scopes)
    }

    /// Gives out the refresh token of an account (its identity token, as Docker calls it)
    /// without a request, for clients that are configured with one.
    pub fn issue_refresh_token(&mut self, account: &str) -> String {
        self.refresh_token(account.to_owned())
    }

    /// Makes every token given out so far worthless; refresh tokens go on working.
    pub fn revoke_tokens(&mut self) {
        self.tokens.access.clear();
    }
}

/// Who a `GET` comes from: nobody in particular when no credentials came.
fn header_credentials(auth: &Auth, ask: &Ask) -> Result<Asker, Refusal> {
    if !ask.headers.contains_key(http::header::AUTHORIZATION) {
        return Ok(Asker {
            rights: auth.anonymous,
            name: None,
        });
    }
    let (name, password) = basic_credentials(ask).ok_or_else(wrong_credentials)?;
    let rights = auth
        .rights(&name, &password)
        .ok_or_else(wrong_credentials)?;
    Ok(Asker {
        rights,
        name: Some(name),
    })
}

fn wrong_credentials() -> Refusal {
    unauthorized("Basic realm=\"token\"".to_owned())
}
