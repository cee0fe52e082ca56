//! `ocirepo dnf`: `.repo` files with `oci://` for clients that do not know it.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::output::{Out, note};
use crate::repo_file::{self, BaseUrl, Rewritten};

/// Let zypper, dnf 5, yum and PackageKit use .repo files with oci://
///
/// dnf 4 needs none of this: its plugin reads oci:// as it is. Everything else gets an
/// ordinary .repo file that points at a bridge, `ocirepo serve`, which is left running.
#[derive(Debug, Args)]
pub(crate) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Move a .repo file aside and write one that points at the bridge
    Enable(Enable),
    /// Undo that
    Disable(Disable),
    /// Say which .repo files are in a registry, and whether the bridge serves them
    Status(Status),
}

#[derive(Debug, Args)]
struct Enable {
    /// The file, such as /etc/yum.repos.d/me.repo
    file: PathBuf,
    /// Where the bridge is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7413")]
    bridge: Url,
    /// Present the secret in this file, for what only the bridge's credentials unlock
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Where the bridge reads what it serves
    #[arg(long, value_name = "DIR", default_value = SETTINGS)]
    settings: PathBuf,
}

#[derive(Debug, Args)]
struct Disable {
    /// The file
    file: PathBuf,
    /// Where the bridge reads what it serves
    #[arg(long, value_name = "DIR", default_value = SETTINGS)]
    settings: PathBuf,
}

#[derive(Debug, Args)]
struct Status {
    /// Where the .repo files are
    #[arg(default_value = "/etc/yum.repos.d")]
    directory: PathBuf,
}

/// Where the packaged bridge looks.
const SETTINGS: &str = "/etc/ocirepo/serve.d";

/// How long the bridge may take to answer: it may have to ask a registry.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    match command.action {
        Action::Enable(enable) => enable.run(global),
        Action::Disable(disable) => disable.run(global),
        Action::Status(status) => status.run(global).await,
    }
}

impl Enable {
    fn run(&self, global: &Global) -> Result<(), Failure> {
        let text = read(&self.file)?;
        let aside = aside(&self.file)?;
        if repo_file::is_rewritten(&text) {
            return Err(Failure::usage(format!(
                "{} points at a bridge already; change {} and run `ocirepo dnf disable` first",
                self.file.display(),
                aside.display()
            )));
        }
        if aside.exists() {
            return Err(Failure::usage(format!(
                "{} is there already, and nothing is written over it; move it away",
                aside.display()
            )));
        }
        let bridge = authority(&self.bridge)?;
        let secret = self.secret_file.as_deref().map(read).transpose()?;
        let secret = secret.as_deref().map(str::trim);
        let name = aside.file_name().unwrap_or_default().to_string_lossy();
        let rewritten = repo_file::rewrite(&text, &bridge, secret, &name)
            .map_err(|failure| Failure::usage(format!("{}: {failure}", self.file.display())))?;
        let settings = settings_file(&self.settings, &self.file);
        let served = replace(&settings, settings_text(&rewritten).as_bytes(), 0o644);
        served.map_err(|error| {
            let place = settings.display();
            Failure::failed(format!("cannot tell the bridge in {place}: {error}"))
        })?;
        // A secret is for whoever may read the file now and nobody else.
        let mode = if secret.is_some() { 0o600 } else { 0o644 };
        let moved = fs::rename(&self.file, &aside).and_then(|()| {
            replace(&self.file, rewritten.text.as_bytes(), mode)
                .inspect_err(|_| drop(fs::rename(&aside, &self.file)))
        });
        moved.map_err(|error| {
            Failure::failed(format!("cannot replace {}: {error}", self.file.display()))
        })?;
        for (section, option) in &rewritten.left_out {
            note(
                "warning",
                &format!(
                    "`{option}` of [{section}] is for the way to the registry, which the bridge \
                     goes: see docs/serve.md for its settings"
                ),
            );
        }
        tell(
            global,
            &json!({ "enabled": self.file, "aside": aside, "settings": settings }),
            &format!(
                "{} points at the bridge; what it was is in {}.\nThe bridge serves it once it \
                 read {}: systemctl reload-or-restart ocirepo.service",
                self.file.display(),
                aside.display(),
                settings.display()
            ),
        )
    }
}

impl Disable {
    fn run(&self, global: &Global) -> Result<(), Failure> {
        let aside = aside(&self.file)?;
        if !repo_file::is_rewritten(&read(&self.file)?) {
            return Err(Failure::usage(format!(
                "{} was not written by `ocirepo dnf enable`, so there is nothing to undo",
                self.file.display()
            )));
        }
        fs::rename(&aside, &self.file).map_err(|error| {
            Failure::failed(format!(
                "cannot put {} back in its place: {error}",
                aside.display()
            ))
        })?;
        let settings = settings_file(&self.settings, &self.file);
        match fs::remove_file(&settings) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let place = settings.display();
                note("warning", &format!("{place} is still there: {error}"));
            }
            _ => {}
        }
        tell(
            global,
            &json!({ "disabled": self.file }),
            &format!("{} is as it was.", self.file.display()),
        )
    }
}

impl Status {
    async fn run(&self, global: &Global) -> Result<(), Failure> {
        let failed = |error: io::Error| {
            Failure::failed(format!("cannot read {}: {error}", self.directory.display()))
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "repo")
            {
                files.push(path);
            }
        }
        files.sort();
        for file in files {
            let text = read(&file)?;
            let rewritten = repo_file::is_rewritten(&text);
            for found in repo_file::base_urls(&text) {
                let BaseUrl {
                    section,
                    url,
                    password,
                } = found;
                let state = if rewritten {
                    probe(&url, password.as_deref()).await
                } else if repo_file::is_oci(&url) {
                    "not enabled: read by the plugin of dnf 4 only".to_owned()
                } else {
                    continue;
                };
                tell(
                    global,
                    &json!({ "file": file, "repository": section, "baseurl": url,
                             "enabled": rewritten, "state": state }),
                    &format!("{} [{section}] {url}: {state}", file.display()),
                )?;
            }
        }
        Ok(())
    }
}

/// What the bridge says to a request for `repomd.xml`, in a few words.
async fn probe(base: &str, secret: Option<&str>) -> String {
    if base.contains('$') {
        return "enabled; whether it is served depends on its variables".to_owned();
    }
    match timeout(PATIENCE, ask(base, secret)).await {
        Ok(Ok(200)) => "enabled, and served".to_owned(),
        Ok(Ok(401)) => "enabled; the bridge wants its secret".to_owned(),
        Ok(Ok(403)) => {
            "enabled, but the bridge does not serve it: has it read its settings?".to_owned()
        }
        Ok(Ok(status)) => format!("enabled, but the bridge answers {status}; its log says why"),
        Ok(Err(error)) => format!("enabled, but there is no bridge: {error}"),
        Err(_) => "enabled, but the bridge does not answer".to_owned(),
    }
}

async fn ask(base: &str, secret: Option<&str>) -> io::Result<u16> {
    let url = Url::parse(base).map_err(io::Error::other)?;
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let path = format!("{}/repodata/repomd.xml", url.path().trim_end_matches('/'));
    let secret = secret.map(|secret| {
        let token = STANDARD.encode(format!("ocirepo:{secret}"));
        format!("Authorization: Basic {token}\r\n")
    });
    let secret = secret.unwrap_or_default();
    let request =
        format!("HEAD {path} HTTP/1.1\r\nHost: {host}\r\n{secret}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    stream.take(4096).read_to_end(&mut head).await?;
    let head = String::from_utf8_lossy(&head);
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::other("what answers there speaks no HTTP"))
}

fn tell(global: &Global, value: &serde_json::Value, text: &str) -> Result<(), Failure> {
    let mut out = Out::new();
    if global.json {
        out.json(value)?;
    } else {
        for line in text.lines() {
            out.line(line)?;
        }
    }
    out.flush()?;
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    String::from_utf8(client::read(path)?)
        .map_err(|_| Failure::failed(format!("{} is not UTF-8", path.display())))
}

/// Where a file is while another one is in its place. dnf and zypper read `*.repo` only.
fn aside(file: &Path) -> Result<PathBuf, Failure> {
    if file.extension().is_none_or(|extension| extension != "repo") {
        return Err(Failure::usage(format!(
            "{} does not end in .repo, so no client reads it",
            file.display()
        )));
    }
    let mut name = file.as_os_str().to_owned();
    name.push(".oci");
    Ok(name.into())
}

fn settings_file(directory: &Path, file: &Path) -> PathBuf {
    let name = file.file_stem().unwrap_or_default();
    directory.join(format!("{}.toml", name.to_string_lossy()))
}

fn settings_text(rewritten: &Rewritten) -> String {
    let list = |values: &[String]| json!(values).to_string();
    let (repositories, prefixes) = (&rewritten.repositories, &rewritten.prefixes);
    format!(
        "# Written by `ocirepo dnf enable`.\nrepositories = {}\nallow = {}\n",
        list(repositories),
        list(prefixes)
    )
}

/// `HOST[:PORT]` of the bridge.
fn authority(bridge: &Url) -> Result<String, Failure> {
    let refused = || {
        Failure::usage(format!(
            "the bridge `{bridge}` must be written http://HOST[:PORT]"
        ))
    };
    let host = bridge.host_str().filter(|_| bridge.scheme() == "http");
    let host = host.filter(|_| bridge.path() == "/").ok_or_else(refused)?;
    Ok(match bridge.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// Puts a file in place at once, with these permissions where there are such.
fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = mode;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_enabled_can_be_disabled_and_is_then_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("me.repo");
        let settings = directory.path().join("serve.d");
        let text = "[me]\nbaseurl=oci://ghcr.io/me/repo\n";
        fs::write(&file, text).unwrap();
        let enable = Enable {
            file: file.clone(),
            bridge: Url::parse("http://127.0.0.1:7413").unwrap(),
            secret_file: None,
            settings: settings.clone(),
        };
        let global = Global::default();
        enable.run(&global).unwrap();
        let rewritten = fs::read_to_string(&file).unwrap();
        assert!(rewritten.contains("baseurl=http://127.0.0.1:7413/ghcr.io/me/repo:latest/"));
        let told = fs::read_to_string(settings.join("me.toml")).unwrap();
        assert!(
            told.contains("repositories = [\"oci://ghcr.io/me/repo\"]"),
            "{told}"
        );
        let error = enable.run(&global).unwrap_err().to_string();
        assert!(error.contains("already"), "{error}");

        let disable = Disable {
            file: file.clone(),
            settings: settings.clone(),
        };
        disable.run(&global).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        assert_eq!(fs::read_dir(&settings).unwrap().count(), 0);
        assert!(disable.run(&global).is_err());
    }
}
