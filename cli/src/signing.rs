//! Signing what is published: `repomd.xml` with OpenPGP, by a key file or by a program of
//! the user's choice, and the root with a key of cosign.

mod root;

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use ocirepo::auth::Secret;
use ocirepo_native::Client;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::format::SIGNATURE;
use ocirepo_rpm::signature::{self, Keyring, MAX_SIGNATURE_FILE, SecretKey, Seed};
use ocirepo_rpm::snapshot::Snapshot;

pub(crate) use self::root::{CosignKey, RootSigner, no_root};
use crate::client;
use crate::exit::Failure;
use crate::repository::{self, Located};

/// How `repomd.xml` is signed.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Signing {
    /// Sign repomd.xml with the OpenPGP private key in this file
    #[arg(long, help_heading = "Signing", value_name = "FILE")]
    sign_key: Option<PathBuf>,
    /// Sign repomd.xml with a program: it reads repomd.xml and writes the armored signature
    #[arg(
        long,
        help_heading = "Signing",
        value_name = "CMD",
        conflicts_with = "sign_key"
    )]
    sign_command: Option<String>,
    /// File whose first line is the passphrase of the OpenPGP key
    #[arg(
        long,
        help_heading = "Signing",
        value_name = "FILE",
        requires = "sign_key"
    )]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    cosign: CosignKey,
}

/// Who signs what is published.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signers {
    /// Signs `repomd.xml`.
    pub(crate) repomd: Option<Signer>,
    /// Signs the root.
    pub(crate) root: Option<RootSigner>,
}

/// The environment variable with the passphrase of the OpenPGP key.
const PASSPHRASE: &str = "OCIREPO_SIGN_PASSPHRASE";

impl Signing {
    /// Who signs. Reads the keys, and asks for their passphrases where they have one, so
    /// that nothing is pushed before that is known to work.
    pub(crate) fn signers(&self) -> Result<Signers, Failure> {
        Ok(Signers {
            repomd: self.signer()?,
            root: self.cosign.signer()?,
        })
    }

    fn signer(&self) -> Result<Option<Signer>, Failure> {
        if let Some(path) = &self.sign_key {
            return Signer::of_file(path, self.passphrase_file.as_deref()).map(Some);
        }
        Ok(self.sign_command.clone().map(Signer::Command))
    }
}

/// Signs `repomd.xml`.
#[derive(Clone, Debug)]
pub(crate) enum Signer {
    /// With a key that was read.
    Key(Box<Key>),
    /// By a command line for the shell.
    Command(String),
}

/// An OpenPGP key, and what opens it.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    secret: SecretKey,
    public: Keyring,
    passphrase: Option<Secret>,
    created: u64,
}

impl Signer {
    fn of_file(path: &Path, passphrase_file: Option<&Path>) -> Result<Self, Failure> {
        let failed = |error| Failure::failed(format!("{}: {error}", path.display()));
        let secret = SecretKey::parse(&client::read(path)?).map_err(failed)?;
        let created = now()?;
        let locked = secret.is_locked(created).map_err(failed)?;
        let what = format!("the OpenPGP key in {}", path.display());
        let passphrase = match locked {
            true => Some(passphrase(
                &what,
                passphrase_file,
                PASSPHRASE,
                "--passphrase-file",
            )?),
            false => None,
        };
        let certificate = secret.certificate().map_err(failed)?;
        let public = Keyring::parse(certificate.as_bytes()).map_err(failed)?;
        let key = Key {
            secret,
            public,
            passphrase,
            created,
        };
        // A wrong passphrase should not be found out after an hour of reading packages.
        key.sign(b"").map_err(failed)?;
        Ok(Self::Key(Box::new(key)))
    }

    /// A detached signature over `repomd.xml`: the content of `repomd.xml.asc`.
    fn sign(&self, repomd: &[u8]) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Key(key) => {
                let signature = key.sign(repomd).map_err(Failure::failed)?;
                Ok(signature.into_bytes())
            }
            Self::Command(line) => run(line, repomd),
        }
    }

    /// The signature of a `repomd.xml` that is to follow a snapshot: the one that is there,
    /// if it is as good as a new one, so that the same content stays the same snapshot.
    pub(crate) async fn signature(
        &self,
        client: &Client,
        repomd: &[u8],
        before: Option<&Snapshot>,
    ) -> Result<Vec<u8>, Failure> {
        if let (Self::Key(_), Some(before)) = (self, before)
            && before.raw_repomd() == repomd
            && let Some(signature) = published(client, before).await?
            && self.made(repomd, &signature)
        {
            return Ok(signature);
        }
        let (signer, repomd) = (self.clone(), repomd.to_vec());
        tokio::task::spawn_blocking(move || signer.sign(&repomd))
            .await
            .map_err(Failure::failed)?
    }

    /// Whether the key made this signature. What a command would sign with is not known.
    fn made(&self, repomd: &[u8], signature: &[u8]) -> bool {
        let Self::Key(key) = self else {
            return false;
        };
        signature::verify(repomd, signature, &key.public, crate::clock::now())
            .is_ok_and(|verdict| verdict.good().is_some())
    }
}

/// The signature that a snapshot has.
async fn published(client: &Client, snapshot: &Snapshot) -> Result<Option<Vec<u8>>, Failure> {
    let path = Href::from_path(SIGNATURE).map_err(Failure::failed)?;
    match repository::locate(client, snapshot, &path).await? {
        // No signature is made from a catalogue: one is in it.
        Some(Located::Made(_)) | None => Ok(None),
        Some(Located::Held(signature)) => Ok(Some(signature)),
        Some(Located::Blob(blob)) => {
            let limit = MAX_SIGNATURE_FILE as u64;
            match client
                .pull_bytes(&blob.repository, &blob.descriptor, limit)
                .await
            {
                Ok(signature) => Ok(Some(signature)),
                // It is made anew.
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(error.into()),
            }
        }
    }
}

impl Key {
    fn sign(&self, data: &[u8]) -> Result<String, signature::SignatureError> {
        let passphrase = self.passphrase.as_ref().map(Secret::expose);
        // The seed blinds RSA; where it is missing, so is everything that needs the system.
        let mut seed: Seed = [0; 32];
        let _ = getrandom::fill(&mut seed);
        self.secret.sign(data, self.created, passphrase, seed)
    }
}

/// The date of signatures: now, unless the build is to be reproducible.
fn now() -> Result<u64, Failure> {
    Ok(source_date_epoch()?.unwrap_or_else(crate::clock::now))
}

/// The date that a reproducible build is to have, in Unix seconds.
pub(crate) fn source_date_epoch() -> Result<Option<u64>, Failure> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| {
            Failure::usage(format!(
                "SOURCE_DATE_EPOCH is `{text}`, which is no number of seconds"
            ))
        }),
        Err(_) => Ok(None),
    }
}

/// A passphrase: from a file, the environment, or a person.
pub(crate) fn passphrase(
    what: &str,
    file: Option<&Path>,
    variable: &str,
    option: &str,
) -> Result<Secret, Failure> {
    if let Some(path) = file {
        let content = Secret::new(String::from_utf8(client::read(path)?).map_err(|_| {
            Failure::failed(format!("{}: the passphrase is not UTF-8", path.display()))
        })?);
        let line = content.expose().lines().next().unwrap_or_default();
        return Ok(Secret::new(line));
    }
    if let Ok(text) = std::env::var(variable) {
        return Ok(Secret::new(text));
    }
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(format!("Passphrase of {what}: "))
            .map(Secret::new)
            .map_err(|error| Failure::failed(format!("cannot read the passphrase: {error}")));
    }
    Err(Failure::usage(format!(
        "{what} is encrypted, and there is no terminal to ask for the passphrase; give it with \
         {option} or in {variable}"
    )))
}

/// Runs the signer of the user's choice.
fn run(line: &str, repomd: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed = |why: String| Failure::failed(format!("the signing command `{line}` {why}"));
    let (shell, flag) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let mut child = Command::new(shell)
        .args([flag, line])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("cannot be started: {error}")))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let mut signature = Vec::new();
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| match stdin {
            Some(mut stdin) => stdin.write_all(repomd),
            None => Ok(()),
        });
        if let Some(stdout) = stdout {
            let limit = MAX_SIGNATURE_FILE as u64 + 1;
            stdout.take(limit).read_to_end(&mut signature)?;
        }
        writer
            .join()
            .unwrap_or_else(|_| Err(std::io::Error::other("panicked")))
    });
    let status = child
        .wait()
        .map_err(|error| failed(format!("cannot be waited for: {error}")))?;
    if !status.success() {
        return Err(failed(format!("ended with {status}")));
    }
    // One that signs without reading everything signs something else.
    written.map_err(|error| failed(format!("did not read repomd.xml: {error}")))?;
    if !signature.starts_with(b"-----BEGIN PGP SIGNATURE-----") {
        return Err(failed(
            "did not write an armored signature; gpg does with --armor --detach-sign".to_owned(),
        ));
    }
    signature::verify(repomd, &signature, &Keyring::default(), crate::clock::now())
        .map_err(|error| failed(format!("wrote no signature that can be read: {error}")))?;
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: Seed = [7; 32];

    fn key_file(directory: &Path) -> PathBuf {
        let created = crate::clock::now() - 1000;
        let key = SecretKey::generate("Test <test@example.org>", created, SEED).unwrap();
        let path = directory.join("secret.asc");
        std::fs::write(&path, key.to_armored().unwrap()).unwrap();
        path
    }

    fn with_key(path: PathBuf) -> Signing {
        Signing {
            sign_key: Some(path),
            ..Signing::default()
        }
    }

    #[test]
    fn a_key_file_signs_and_knows_its_own_signatures() {
        let directory = tempfile::tempdir().unwrap();
        let signer = with_key(key_file(directory.path())).signer().unwrap();
        let signer = signer.unwrap();
        let signature = signer.sign(b"<repomd/>").unwrap();
        assert!(signer.made(b"<repomd/>", &signature));
        assert!(!signer.made(b"<other/>", &signature));
    }

    #[test]
    fn a_file_that_is_no_private_key_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("public.asc");
        std::fs::write(&path, "no key").unwrap();
        let error = with_key(path.clone()).signer().unwrap_err().to_string();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_command_reads_repomd_and_writes_the_signature() {
        let directory = tempfile::tempdir().unwrap();
        let signer = with_key(key_file(directory.path())).signer().unwrap();
        let signature = signer.unwrap().sign(b"<repomd/>").unwrap();
        let (asc, seen) = (directory.path().join("asc"), directory.path().join("seen"));
        std::fs::write(&asc, &signature).unwrap();
        let command = format!("cat > {}; cat {}", seen.display(), asc.display());
        let signed = Signer::Command(command).sign(b"<repomd/>").unwrap();
        assert_eq!(signed, signature);
        assert_eq!(std::fs::read(seen).unwrap(), b"<repomd/>");
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_fails_or_writes_something_else_is_an_error() {
        for (command, expected) in [
            ("cat >/dev/null; exit 3", "exit status: 3"),
            ("cat >/dev/null; echo signed", "armored signature"),
            (
                "cat >/dev/null; echo '-----BEGIN PGP SIGNATURE-----'",
                "no signature that can be read",
            ),
        ] {
            let error = Signer::Command(command.to_owned()).sign(b"x").unwrap_err();
            let error = error.to_string();
            assert!(error.contains(expected), "{command}: {error}");
            assert!(error.contains(command), "{error}");
        }
    }

    #[test]
    fn a_passphrase_file_ends_with_its_first_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passphrase");
        std::fs::write(&path, "open sesame\nmore\n").unwrap();
        let secret = passphrase("it", Some(&path), "OCIREPO_UNSET", "--x").unwrap();
        assert_eq!(secret.expose(), "open sesame");
    }
}
