//! curl, as a publisher without any OCI tool has it.

use std::ffi::OsStr;
use std::io;
use std::process::Command;

use serde_json::Value;

use crate::process::Run;
use crate::registry::{PASSWORD, USER};

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
        let user = || vec!["--user".to_owned(), format!("{USER}:{PASSWORD}")];
        match self {
            Login::None => Ok(Vec::new()),
            Login::Basic => Ok(user()),
            Login::Bearer(realm) => {
                let scope = format!("repository:{repository}:pull,push");
                let url = format!("{realm}?service={}&scope={scope}", crate::registry::SERVICE);
                let mut arguments = user();
                arguments.push(url);
                let body = curl(arguments)?;
                let answer: Value = serde_json::from_str(&body)?;
                let token = answer["token"].as_str().ok_or(io::ErrorKind::InvalidData)?;
                Ok(vec![
                    "--header".to_owned(),
                    format!("Authorization: Bearer {token}"),
                ])
            }
        }
    }
}
