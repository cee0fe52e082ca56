//! Debian's docker-registry.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Server, free_address};
use crate::scratch::Scratch;

/// Who may do what.
#[derive(Clone, Debug)]
pub enum Access {
    /// Everybody everything.
    Open,
    /// [`USER`] with [`PASSWORD`], over Basic authentication.
    Basic,
    /// Whoever has a token of the server at `realm`, signed with the key of `certificate`.
    Bearer {
        /// Where tokens are to be had.
        realm: String,
        /// The PEM certificate tokens are verified with.
        certificate: PathBuf,
    },
}

/// The user of the Basic and Bearer configurations.
pub const USER: &str = "lab";

/// The password of [`USER`].
pub const PASSWORD: &str = "labpass";

/// The service name tokens are for.
pub const SERVICE: &str = "lab-registry";

/// Who the registry lets issue tokens.
pub const ISSUER: &str = "lab-issuer";

/// `lab:labpass` as `htpasswd -B` writes it, at the lowest cost.
const HTPASSWD: &str = "lab:$2y$05$UNQuOexdG3kVvFxV28hy4ui4Kr2aLsapWVM5bmsotQ.KuE8JMGOOW\n";

/// A running docker-registry. Its content is gone when it is dropped.
#[derive(Debug)]
pub struct DockerRegistry {
    // Before the directory: it is dropped first, so nothing is written to what is being removed.
    server: Option<Server>,
    address: SocketAddr,
    directory: Scratch,
}

impl DockerRegistry {
    /// Starts an empty registry.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub fn start(access: &Access) -> io::Result<DockerRegistry> {
        Self::start_in(Scratch::new("registry")?, access)
    }

    /// Starts an empty registry that keeps everything in this directory.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub fn start_in(directory: Scratch, access: &Access) -> io::Result<DockerRegistry> {
        Self::with_headers(directory, access, "")
    }

    /// Starts an empty registry that is open, and lets pages read it and see these header
    /// fields.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub fn for_pages(exposed: &[&str]) -> io::Result<DockerRegistry> {
        let exposed = exposed.join(", ");
        let headers = format!(
            "  headers:\n    \
               Access-Control-Allow-Origin: ['*']\n    \
               Access-Control-Allow-Methods: ['GET, HEAD, OPTIONS']\n    \
               Access-Control-Allow-Headers: ['Authorization, Accept, Range, If-Range']\n    \
               Access-Control-Expose-Headers: ['{exposed}']\n"
        );
        Self::with_headers(Scratch::new("registry")?, &Access::Open, &headers)
    }

    /// The header fields are lines of the section `http`.
    fn with_headers(
        directory: Scratch,
        access: &Access,
        headers: &str,
    ) -> io::Result<DockerRegistry> {
        let address = free_address()?;
        fs::write(directory.join("htpasswd"), HTPASSWD)?;
        let configuration = configuration(access, address, directory.path(), headers);
        fs::write(directory.join("config.yml"), configuration)?;
        let mut registry = DockerRegistry {
            server: None,
            address,
            directory,
        };
        registry.restart()?;
        Ok(registry)
    }

    /// Starts it again on the same address with the same content, after killing it if it runs.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(self.directory.join("config.yml"));
        self.server = Some(Server::start(&mut command, self.address, &self.log_path())?);
        Ok(())
    }

    /// Kills it, in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// `host:port`, as references write it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it keeps its content.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Removes what no tag leads to, as `garbage-collect -m` does, and starts it again.
    ///
    /// # Errors
    /// When it fails; with what it printed.
    pub fn garbage_collect(&mut self) -> io::Result<()> {
        self.kill();
        let output = Command::new("docker-registry")
            .args(["garbage-collect", "-m"])
            .arg(self.directory.join("config.yml"))
            .output()?;
        if !output.status.success() {
            let printed = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!(
                "garbage-collect failed: {printed}"
            )));
        }
        self.restart()
    }

    /// Changes one byte in the middle of a stored blob, found by the content of a file. The
    /// registry does not look at what it hands out.
    ///
    /// # Errors
    /// When there is no such blob.
    #[cfg(feature = "lab")]
    pub fn damage(&self, original: &Path) -> io::Result<()> {
        let digest = ocirepo::Digest::of(&fs::read(original)?).to_string();
        let hex = digest.trim_start_matches("sha256:");
        let first = hex.get(..2).unwrap_or_default();
        let stored = self.directory.join("data/docker/registry/v2/blobs/sha256");
        let path = stored.join(first).join(hex).join("data");
        let mut bytes = fs::read(&path)?;
        let middle = bytes.len() / 2;
        let byte = bytes.get_mut(middle).ok_or(io::ErrorKind::UnexpectedEof)?;
        *byte ^= 0x20;
        fs::write(&path, bytes)
    }

    /// The requests answered since the start, oldest first.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn requests(&self) -> io::Result<Vec<LoggedRequest>> {
        let log = fs::read(self.log_path())?;
        Ok(String::from_utf8_lossy(&log)
            .lines()
            .filter_map(LoggedRequest::parse)
            .collect())
    }

    fn log_path(&self) -> PathBuf {
        self.directory.join("log")
    }
}

/// One line of the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRequest {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The status answered.
    pub status: u16,
    /// The bytes of body written, as the registry counted them.
    pub bytes: u64,
    /// What the client called itself.
    pub agent: String,
}

impl LoggedRequest {
    /// Reads a line in the combined log format; other lines are not requests.
    fn parse(line: &str) -> Option<LoggedRequest> {
        let mut quoted = line.split('"');
        quoted.next()?;
        let mut request = quoted.next()?.split(' ');
        let (method, target) = (request.next()?, request.next()?);
        request.next()?.strip_prefix("HTTP/")?;
        let mut numbers = quoted.next()?.split_whitespace();
        let (status, bytes) = (numbers.next()?, numbers.next()?);
        let agent = quoted.nth(2)?;
        Some(LoggedRequest {
            method: method.to_owned(),
            target: target.to_owned(),
            status: status.parse().ok()?,
            bytes: bytes.parse().unwrap_or(0),
            agent: agent.to_owned(),
        })
    }
}

fn configuration(access: &Access, address: SocketAddr, directory: &Path, headers: &str) -> String {
    let directory = directory.display();
    let mut text = format!(
        "version: 0.1\n\
         log: {{level: warn, accesslog: {{disabled: false}}}}\n\
         storage:\n  \
           filesystem: {{rootdirectory: {directory}/data}}\n  \
           delete: {{enabled: true}}\n  \
           redirect: {{disable: true}}\n  \
           maintenance: {{uploadpurging: {{enabled: false}}}}\n\
         http:\n  \
           addr: {address}\n  \
           secret: lab\n{headers}"
    );
    match access {
        Access::Open => {}
        Access::Basic => {
            text.push_str(&format!(
                "auth:\n  htpasswd: {{realm: lab, path: {directory}/htpasswd}}\n"
            ));
        }
        Access::Bearer { realm, certificate } => {
            let certificate = certificate.display();
            let _ = write!(
                text,
                "auth:\n  token:\n    realm: {realm}\n    service: {SERVICE}\n    \
                 issuer: {ISSUER}\n    rootcertbundle: {certificate}\n"
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_from_the_access_log() {
        let line = r#"127.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET /v2/a/blobs/sha256:00?x=1 HTTP/1.1" 206 1024 "" "ocirepo/0.1.0""#;
        let expected = LoggedRequest {
            method: "GET".to_owned(),
            target: "/v2/a/blobs/sha256:00?x=1".to_owned(),
            status: 206,
            bytes: 1024,
            agent: "ocirepo/0.1.0".to_owned(),
        };
        assert_eq!(LoggedRequest::parse(line), Some(expected));
    }

    #[test]
    fn other_lines_of_the_log_are_not_requests() {
        let line = r#"time="2026-01-01T00:00:00Z" level=warning msg="No HTTP secret provided""#;
        assert_eq!(LoggedRequest::parse(line), None);
    }
}
