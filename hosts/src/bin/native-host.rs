//! `ocirepo-native` as a host of the suite.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use ocirepo::reference::{Registry, Scheme};
use ocirepo::sink::Content;
use ocirepo::{ErrorKind, Manifest};
use ocirepo_hosts::protocol::{Ask, Batch, Job, Settings, answers};
use ocirepo_native::environment::Environment;
use ocirepo_native::{Client, ClientBuilder, Error};
use tokio::sync::Notify;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    say("host native")?;
    while let Some(batch) = Batch::read(&mut input)? {
        let home = tempfile::tempdir()?;
        let client = client(home.path(), &batch.settings)?;
        let jobs = batch.jobs.into_iter().map(|job| play(&client, job));
        for played in join_all(jobs).await {
            played?;
        }
        say("end")?;
    }
    Ok(())
}

/// A client that sees nothing of the machine's configuration.
fn client(home: &Path, settings: &Settings) -> io::Result<Client> {
    let environment = Environment::empty(home).set("HOME", home);
    let session = settings.session.clone();
    let mut builder = ClientBuilder::new(environment)
        .seed(7)
        .parallel(session.concurrency)
        .read_timeout(settings.stall)
        .session(move |config| *config = session)
        .on_event(|event| {
            if let Some(line) = answers::event(event) {
                // Nobody listens any more.
                let _ = say(&line);
            }
        });
    if let Some(file) = &settings.authorities {
        builder = builder.authority(file, fs::read(file)?);
    }
    for (authority, credentials) in &settings.logins {
        // The lines do not say how the registry is spoken to.
        for scheme in [Scheme::Http, Scheme::Https] {
            let registry = Registry::new(scheme, authority).map_err(io::Error::other)?;
            builder = builder.credentials(registry, credentials.clone());
        }
    }
    for (registry, realm) in &settings.trusted {
        builder = builder.trust_realm(registry, realm.clone());
    }
    builder.build().map_err(io::Error::other)
}

/// Performs one job and tells what came of it.
async fn play(client: &Client, job: Job) -> io::Result<()> {
    let Job { id, ask, cancel } = job;
    let due = Arc::new(Notify::new());
    let client = match cancel {
        None => client.clone(),
        Some(most) => {
            let due = Arc::clone(&due);
            client.on_progress(move |progress| {
                if progress.done >= most {
                    due.notify_one();
                }
            })
        }
    };
    let result = tokio::select! {
        result = perform(&client, ask) => result,
        // Dropping the future cancels the operation.
        () = due.notified(), if cancel.is_some() => {
            // What the session has to do after that, it does in the background.
            tokio::time::sleep(Duration::from_millis(300)).await;
            return say(&answers::error(&id, ErrorKind::Cancelled, "it was cancelled"));
        }
    };
    say(&match result {
        Ok(told) => answers::ok(&id, &told),
        Err(error) => answers::error(&id, kind(&error), &error.to_string()),
    })
}

fn kind(error: &Error) -> ErrorKind {
    error.kind().unwrap_or(ErrorKind::Local)
}

async fn perform(client: &Client, ask: Ask) -> Result<String, Error> {
    Ok(match ask {
        Ask::Ping(at) => client.ping(&at.registry).await.map(|()| String::new())?,
        Ask::Resolve(at, which) => answers::descriptor(&client.resolve(&at, which).await?),
        Ask::PullManifest(at, which, file) => {
            let manifest = client.pull_manifest(&at, which).await?;
            fs::write(&file, manifest.raw()).map_err(failed)?;
            answers::manifest(&manifest)
        }
        Ask::PullBlob(at, content, file) => {
            let partial = partial(&file, &content);
            // Where the client keeps what is not complete is its own affair; here it is the
            // file that the suite looks at.
            if file.exists() {
                fs::rename(&file, &partial).map_err(failed)?;
            }
            let pulled = client.pull_to_file(&at, content, &file).await;
            if pulled.is_err() && partial.exists() {
                fs::rename(&partial, &file).map_err(failed)?;
            }
            answers::blob(&pulled?)
        }
        Ask::PullRange(at, digest, range, file) => {
            let part = client.pull_range(&at, digest, range).await?;
            fs::write(&file, &part.bytes).map_err(failed)?;
            answers::range(&part.bytes)
        }
        Ask::Exists(at, digest) => answers::exists(client.blob_exists(&at, digest).await?.as_ref()),
        Ask::PushBlob(at, file, digest, upload) => {
            answers::pushed(&client.push_file(&at, file, digest, upload).await?)
        }
        Ask::PushManifest(at, which, file) => {
            let raw = fs::read(file).map_err(failed)?;
            let manifest = Manifest::parse(None, raw).map_err(failed)?;
            answers::pushed_manifest(&client.push_manifest(&at, which, manifest).await?)
        }
        Ask::Tags(at) => answers::tags(&client.tags(&at).await?),
        Ask::Repositories(at) => answers::repositories(&client.repositories(&at.registry).await?),
        Ask::Referrers(at, digest, kind) => {
            answers::referrers(&client.referrers(&at, digest, kind.as_deref()).await?)
        }
        Ask::DeleteManifest(at, which) => {
            let deleted = client.delete_manifest(&at, which).await;
            deleted.map(|()| String::new())?
        }
        Ask::DeleteBlob(at, digest) => {
            let deleted = client.delete_blob(&at, digest).await;
            deleted.map(|()| String::new())?
        }
    })
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Stream {
        doing: "do what the suite asks for",
        source: io::Error::other(error),
    }
}

/// The file beside `path` in which the client keeps what it has of a blob.
fn partial(path: &Path, content: &Content) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hex = content.digest.hex();
    path.with_file_name(format!(".{name}.{}.partial", &hex[..12]))
}

fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}
