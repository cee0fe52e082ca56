//! Publishing with other people's tools.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use ocirepo::Digest;
use serde_json::json;

use crate::curl::{Login, curl, token};
use crate::process::Run;
use crate::registry::{PASSWORD, USER};
use crate::sample::Sample;

/// The empty JSON document every artifact of these has as its config.
const EMPTY: &[u8] = b"{}";

/// The client of the Python package index, which has no program of its own. It asks for a token
/// to pull with and never for another one, so it is given a token that will do.
const ORAS: &str = "\
import sys, oras.client
host, target, user, secret = sys.argv[1:5]
backend = 'basic' if user else 'token'
client = oras.client.OrasClient(hostname=host, insecure=True, auth_backend=backend)
if user:
    client.login(username=user, password=secret, hostname=host)
elif secret:
    client.auth.set_token_auth(secret)
client.push(target=target, files=sys.argv[5:], disable_path_validation=True)
";

/// Publishes in `files` with the Python oras client, which titles each layer with the base name
/// of its file.
///
/// # Errors
/// When it fails; with what it printed.
pub fn files_by_oras(
    sample: &Sample,
    host: &str,
    reference: &str,
    login: &Login,
    home: &Path,
) -> io::Result<()> {
    let repository = reference.split(':').next().unwrap_or(reference);
    let (user, secret) = match login {
        Login::None => ("", String::new()),
        Login::Basic => (USER, PASSWORD.to_owned()),
        Login::Bearer(realm) => ("", token(realm, repository)?),
    };
    let target = format!("{host}/{reference}");
    let mut command = Command::new(python()?);
    command
        .args(["-c", ORAS, host, &target, user, &secret])
        .args(sample.files()?)
        .current_dir(sample.path())
        .env("HOME", home)
        .env("DOCKER_CONFIG", home);
    Run::of(&mut command)?.well().map(|_| ())
}

/// The same client, pulling into a directory.
const ORAS_PULL: &str = "\
import sys, oras.client
host, target, outdir = sys.argv[1:4]
client = oras.client.OrasClient(hostname=host, insecure=True)
client.pull(target=target, outdir=outdir)
";

/// Pulls an artifact into a directory with the Python oras client.
///
/// # Errors
/// When it fails; with what it printed.
pub fn pull_by_oras(host: &str, reference: &str, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let target = format!("{host}/{reference}");
    let mut command = Command::new(python()?);
    command
        .args(["-c", ORAS_PULL, host, &target])
        .arg(to)
        .env("HOME", to)
        .env("DOCKER_CONFIG", to);
    Run::of(&mut command)?.well().map(|_| ())
}

/// The Python that has the client.
fn python() -> io::Result<OsString> {
    std::env::var_os("OCIREPO_LAB_PYTHON")
        .ok_or_else(|| io::Error::other("OCIREPO_LAB_PYTHON is not set; `cargo xtask e2e` does"))
}

/// Publishes in `tree` with plain curl: one repository below `name` for each file.
///
/// # Errors
/// When curl fails; with what it printed.
pub fn tree_by_curl(sample: &Sample, base: &str, name: &str, login: &Login) -> io::Result<()> {
    for file in sample.files()? {
        let repository = format!("{name}/{}", tree_name(&file));
        let login = login.arguments(&repository)?;
        let path = sample.path().join(&file);
        let content = fs::read(&path)?;
        let layer = push_blob(base, &repository, &login, &content)?;
        let config = push_blob(base, &repository, &login, EMPTY)?;
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": kind,
            "artifactType": "application/vnd.example.file",
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": config.to_string(),
                "size": EMPTY.len(),
            },
            "layers": [{
                "mediaType": "application/octet-stream",
                "digest": layer.to_string(),
                "size": content.len(),
                "annotations": {"org.opencontainers.image.title": file},
            }],
        });
        let url = format!("{base}/v2/{repository}/manifests/latest");
        let (kind, body) = (format!("Content-Type: {kind}"), manifest.to_string());
        let mut arguments = login.clone();
        arguments.extend(["--request", "PUT", "--header", &kind].map(str::to_owned));
        arguments.extend(["--data-binary".to_owned(), body, url]);
        curl(arguments)?;
    }
    Ok(())
}

/// Uploads one blob: POST for a place, PUT of the whole.
fn push_blob(base: &str, repository: &str, login: &[String], content: &[u8]) -> io::Result<Digest> {
    let digest = Digest::of(content);
    let mut arguments = login.to_vec();
    let post = [
        "--request",
        "POST",
        "--output",
        "/dev/null",
        "--write-out",
        "%header{location}",
    ];
    arguments.extend(post.map(str::to_owned));
    arguments.push(format!("{base}/v2/{repository}/blobs/uploads/"));
    let location = curl(&arguments)?;
    let joint = if location.contains('?') { '&' } else { '?' };
    let file = crate::scratch::Scratch::new("blob")?;
    let body = file.join("content");
    fs::write(&body, content)?;
    let mut arguments = login.to_vec();
    let kind = "Content-Type: application/octet-stream";
    arguments.extend(["--request", "PUT", "--header", kind, "--data-binary"].map(str::to_owned));
    arguments.push(format!("@{}", body.display()));
    arguments.push(format!("{location}{joint}digest={digest}"));
    curl(&arguments)?;
    Ok(digest)
}

/// The repository name of a file in the `tree` layout, written from its description alone.
///
/// A component that may be a component of a repository name, and does not look encoded, stands
/// for itself; another is `z--` and then, byte by byte, itself where that is legal, or `z` and
/// two hexadecimal digits.
pub fn tree_name(path: &str) -> String {
    let components: Vec<String> = path.split('/').map(component).collect();
    components.join("/")
}

fn component(name: &str) -> String {
    if is_legal(name) && !name.starts_with("z--") {
        return name.to_owned();
    }
    let mut encoded = String::from("z--");
    let bytes = name.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let plain = byte.is_ascii_digit() || matches!(byte, b'a'..=b'y');
        // A single separator between two characters that stand for themselves is legal wherever
        // it is; the sample has no other.
        let separator = matches!(byte, b'.' | b'_' | b'-') && at > 0 && at + 1 < bytes.len();
        if plain || separator {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("z{byte:02x}"));
        }
    }
    encoded
}

/// Whether a repository name may have this component: runs of letters and digits, apart by one
/// `.`, one or two `_`, or any number of `-`.
fn is_legal(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    let bytes = name.as_bytes();
    let ends_plain =
        bytes.first().copied().is_some_and(plain) && bytes.last().copied().is_some_and(plain);
    ends_plain
        && bytes.split(|&byte| plain(byte)).all(|between| {
            matches!(between, b"" | b"." | b"_" | b"__") || between.iter().all(|&b| b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_components_stand_for_themselves() {
        assert_eq!(tree_name("repodata/repomd.xml"), "repodata/repomd.xml");
    }

    #[test]
    fn other_bytes_are_escaped() {
        assert_eq!(
            tree_name("Packages/gtk+-1.2.10-1.x86_64.rpm"),
            "z--z50ackages/z--gtkz2b-1.2.10-1.x86_64.rpm"
        );
    }
}
