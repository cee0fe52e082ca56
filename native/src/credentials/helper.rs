//! Credential helpers: `docker-credential-NAME get|store|erase`, which speak JSON on
//! their standard input and output.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ocirepo::auth::credentials::{Credentials, Secret};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::environment::Environment;
use crate::error::{Error, Result};

/// The most a helper may say, in bytes.
const LONGEST_ANSWER: u64 = 1 << 20;

/// The user name that marks a secret as an identity token.
const TOKEN_USER: &str = "<token>";

/// One helper program.
#[derive(Debug)]
pub(super) struct Helper {
    name: String,
    program: PathBuf,
    patience: Duration,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username", default)]
    username: String,
    #[serde(rename = "Secret")]
    secret: Secret,
}

#[derive(Serialize)]
struct Store<'a> {
    #[serde(rename = "ServerURL")]
    server: &'a str,
    #[serde(rename = "Username")]
    username: &'a str,
    #[serde(rename = "Secret")]
    secret: &'a str,
}

impl Helper {
    /// Finds the helper on `$PATH`. It is given `patience`, for it may ask a person.
    pub(super) fn find(name: &str, environment: &Environment, patience: Duration) -> Result<Self> {
        let program = format!("docker-credential-{name}");
        let plain = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        let found = environment.program(&program).filter(|_| plain);
        match found {
            Some(path) => Ok(Self {
                name: program,
                program: path,
                patience,
            }),
            None => Err(Error::Helper {
                program,
                message: "the credentials file names this helper, but it is not on PATH; install \
                          it, or take it out of `credHelpers` and `credsStore`"
                    .to_owned(),
            }),
        }
    }

    /// What the helper keeps for a server; `None` when it has nothing.
    pub(super) async fn get(&self, server: &str) -> Result<Option<Credentials>> {
        let Some(output) = self.run("get", server.as_bytes()).await? else {
            return Ok(None);
        };
        let answer: Answer = serde_json::from_slice(&output).map_err(|_| {
            self.error(format!(
                "its answer to `get` for {server} is not the JSON that helpers write"
            ))
        })?;
        if answer.secret.expose().is_empty() && answer.username.is_empty() {
            return Ok(None);
        }
        Ok(Some(if answer.username == TOKEN_USER {
            Credentials::IdentityToken {
                token: answer.secret,
                username: None,
            }
        } else {
            Credentials::basic(answer.username, answer.secret)
        }))
    }

    /// Gives the helper something to keep.
    pub(super) async fn store(&self, server: &str, credentials: &Credentials) -> Result<()> {
        let (username, secret) = match credentials {
            Credentials::Basic { username, password } => (username.as_str(), password),
            Credentials::IdentityToken { token, .. } => (TOKEN_USER, token),
            Credentials::Bearer(_) => {
                return Err(
                    self.error("helpers keep passwords and identity tokens only".to_owned())
                );
            }
        };
        let message = Zeroizing::new(
            serde_json::to_vec(&Store {
                server,
                username,
                secret: secret.expose(),
            })
            .unwrap_or_default(),
        );
        self.run("store", &message).await.map(drop)
    }

    /// Makes the helper forget a server. Returns whether it knew it.
    pub(super) async fn erase(&self, server: &str) -> Result<bool> {
        Ok(self.run("erase", server.as_bytes()).await?.is_some())
    }

    /// Runs one command; `None` when the helper says it has no such credentials.
    async fn run(&self, command: &str, input: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>> {
        match tokio::time::timeout(self.patience, self.talk(command, input)).await {
            Ok(result) => result,
            Err(_) => Err(self.error(format!(
                "no answer to `{command}` within {} s; run it by hand to see what it waits for",
                self.patience.as_secs()
            ))),
        }
    }

    async fn talk(&self, command: &str, input: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let failed = |doing: &str, error: std::io::Error| {
            self.error(format!("cannot {doing} `{command}`: {error}"))
        };
        let mut child = Command::new(&self.program)
            .arg(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed("start it with", error))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A helper that ends without reading its input says why in its answer.
            let _ = stdin.write_all(input).await;
            let _ = stdin.shutdown().await;
        }
        let mut output = Zeroizing::new(Vec::new());
        if let Some(stdout) = child.stdout.take() {
            stdout
                .take(LONGEST_ANSWER)
                .read_to_end(&mut output)
                .await
                .map_err(|error| failed("read its answer to", error))?;
        }
        let status = child
            .wait()
            .await
            .map_err(|error| failed("wait for", error))?;
        if status.success() {
            return Ok(Some(output));
        }
        let said = String::from_utf8_lossy(&output);
        let said = said.trim();
        // The protocol has no code for this: the helpers' library compares the text.
        if said.contains("credentials not found") || said.contains("no credentials server URL") {
            return Ok(None);
        }
        let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
        Err(self.error(format!("`{command}` failed ({status}): {said}")))
    }

    fn error(&self, message: String) -> Error {
        Error::Helper {
            program: self.name.clone(),
            message,
        }
    }
}
