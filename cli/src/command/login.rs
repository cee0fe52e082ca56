//! `ocirepo login`: keep credentials for a registry, after they were tried.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;
use ocirepo::auth::{Credentials, Secret};
use ocirepo::reference::{Location, Registry};
use serde_json::json;

use crate::arguments::Global;
use crate::client;
use crate::client::quoted;
use crate::exit::Failure;
use crate::output::Out;

/// Log in to a registry
///
/// The credentials are tried, and kept where Docker and podman keep theirs, or with the
/// credential helper that is configured there.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The registry, or a namespace of one: HOST[:PORT][/NAMESPACE]
    #[arg(value_name = "REGISTRY")]
    registry: String,
    /// The user name
    #[arg(short, long, value_name = "NAME")]
    username: Option<String>,
    /// Read the password from standard input
    #[arg(long, conflicts_with = "token_stdin")]
    password_stdin: bool,
    /// Read a bearer token from standard input, to be sent as it is
    #[arg(long, conflicts_with = "username")]
    token_stdin: bool,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let key = key(&command.registry)?;
    let registry = registry(&command.registry)?;
    let credentials = credentials(&command, &key)?;
    client::builder(global)?
        .credentials(registry.clone(), credentials.clone())
        .build()?
        .ping(&registry)
        .await?;
    let store = client::store(global, global.authfile.as_deref());
    let place = store.login(&key, &credentials).await?;
    let mut out = Out::new();
    if global.json {
        out.json(&json!({ "registry": key, "kept": place }))?;
    } else {
        out.line(format!("logged in to {key}; kept in {place}"))?;
    }
    out.flush()?;
    Ok(())
}

/// The name under which credentials are kept: without a scheme.
pub(super) fn key(text: &str) -> Result<String, Failure> {
    let key = text.split_once("://").map_or(text, |(_, rest)| rest);
    let key = key.trim_end_matches('/');
    registry(text)?;
    Ok(key.to_owned())
}

/// The registry in `HOST[:PORT][/NAMESPACE]`, with or without `oci://` before it.
pub(crate) fn registry(text: &str) -> Result<Registry, Failure> {
    let wrong = |error| Failure::usage(format!("`{}`: {error}", quoted(text)));
    if text.contains("://") {
        // A location needs a name; the registry is all that matters here.
        let named = format!("{}/x", text.trim_end_matches('/'));
        let location = named.parse::<Location>().map_err(wrong)?;
        return Ok(location.repository().registry.clone());
    }
    let authority = text.split('/').next().unwrap_or(text);
    Registry::with_default_scheme(authority).map_err(wrong)
}

fn credentials(command: &Command, key: &str) -> Result<Credentials, Failure> {
    if command.token_stdin {
        return Ok(Credentials::Bearer(line("the token")?));
    }
    let username = match &command.username {
        Some(username) => username.clone(),
        None => ask(&format!("User name for {key}: "))?,
    };
    let password = if command.password_stdin {
        line("the password")?
    } else if std::io::stdin().is_terminal() {
        let prompt = format!("Password for {username} at {key}: ");
        rpassword::prompt_password(prompt)
            .map(Secret::new)
            .map_err(|error| Failure::failed(format!("cannot read the password: {error}")))?
    } else {
        return Err(Failure::usage(
            "there is no terminal to ask for the password; give it with --password-stdin",
        ));
    };
    Ok(Credentials::basic(username, password))
}

/// The first line of standard input.
fn line(what: &str) -> Result<Secret, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::failed(format!("cannot read {what}: {error}")))?;
    let secret = Secret::new(line.trim_end_matches(['\r', '\n']));
    if secret.expose().is_empty() {
        return Err(Failure::usage(format!("{what} on standard input is empty")));
    }
    Ok(secret)
}

fn ask(prompt: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "there is no terminal to ask for the user name; give it with --username",
        ));
    }
    let mut stderr = std::io::stderr();
    write!(stderr, "{prompt}").and_then(|()| stderr.flush())?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let answer = answer.trim();
    if answer.is_empty() {
        return Err(Failure::usage("the user name is empty"));
    }
    Ok(answer.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_may_be_written_in_several_ways() {
        for (text, kept, origin) in [
            ("ghcr.io", "ghcr.io", "https://ghcr.io/"),
            ("ghcr.io/me/", "ghcr.io/me", "https://ghcr.io/"),
            ("oci://ghcr.io/me", "ghcr.io/me", "https://ghcr.io/"),
            (
                "oci+http://r.example:5000",
                "r.example:5000",
                "http://r.example:5000/",
            ),
            ("127.0.0.1:5000", "127.0.0.1:5000", "http://127.0.0.1:5000/"),
        ] {
            assert_eq!(key(text).unwrap(), kept);
            assert_eq!(registry(text).unwrap().base().as_str(), origin);
        }
        assert!(registry("not a host").is_err());
    }
}
