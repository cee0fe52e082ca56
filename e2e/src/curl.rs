//! curl, as a publisher without any OCI tool has it.

use std::ffi::OsStr;
use std::io;
use std::process::Command;

use serde_json::Value;

use crate::process::Run;
use crate::registry::{PASSWORD, SERVICE, USER};

/// How curl shows who it is.
#[derive(Clone, Debug)]
pub enum Login {
    /// Not at all.
    None,
    /// With the lab's user and password.
    Basic,
    /// With a token from this realm, fetched for each repository.
    Bearer(String),
}

/// Runs curl; a status of 400 and more is an error, with the body.
///
/// # Errors
/// When curl does not end well; with what it printed.
pub fn curl<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> io::Result<String> {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--fail-with-body"])
        .args(arguments);
    Ok(Run::of(&mut command)?.well()?.stdout)
}

impl Login {
    /// The arguments that let curl pull from and push to a repository.
    ///
    /// # Errors
    /// When there is no token to be had.
    pub fn arguments(&self, repository: &str) -> io::Result<Vec<String>> {
        match self {
            Login::None => Ok(Vec::new()),
            Login::Basic => Ok(vec!["--user".to_owned(), format!("{USER}:{PASSWORD}")]),
            Login::Bearer(realm) => {
                let token = token(realm, repository)?;
                let header = format!("Authorization: Bearer {token}");
                Ok(vec!["--header".to_owned(), header])
            }
        }
    }
}

/// A token to pull from and push to a repository.
///
/// # Errors
/// When there is none to be had.
pub fn token(realm: &str, repository: &str) -> io::Result<String> {
    let scope = format!("repository:{repository}:pull,push");
    let url = format!("{realm}?service={SERVICE}&scope={scope}");
    let body = curl(["--user", &format!("{USER}:{PASSWORD}"), &url])?;
    let answer: Value = serde_json::from_str(&body)?;
    let token = answer["token"].as_str().ok_or(io::ErrorKind::InvalidData)?;
    Ok(token.to_owned())
}
