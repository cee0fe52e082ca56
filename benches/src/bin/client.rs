//! Pulls and pushes with `ocirepo-native`, for comparison with other libraries:
//!
//! - `client blobs HOST/NAME:TAG DIR`: the manifest, and every layer into a file;
//! - `client tree HOST LIST DIR`: the first layer of each repository of a list, at `latest`;
//! - `client push HOST/NAME FILE [DIGEST]`: a file as a blob;
//! - `client push-many HOST/NAME:TAG DIR`: every file of a directory, and a manifest of them.
//!
//! Sixteen transfers at a time, over HTTP.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use ocirepo::Descriptor;
use ocirepo::manifest::ImageManifest;
use ocirepo::operation::Upload;
use ocirepo::reference::{Reference, Registry, Repository, Scheme, Tag};
use ocirepo_native::Client;

/// Transfers at a time.
const PARALLEL: usize = 16;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[&str]) -> Outcome<()> {
    let client = Client::builder().parallel(PARALLEL).build()?;
    match arguments {
        ["blobs", reference, to] => blobs(&client, &plain(reference)?, Path::new(to)).await,
        ["tree", host, list, to] => tree(&client, host, list, Path::new(to)).await,
        ["push", reference, file, rest @ ..] => {
            let digest = match rest {
                [digest] => Some(digest.parse()?),
                _ => None,
            };
            let reference = plain(reference)?;
            client
                .push_file(reference.repository(), file, digest, Upload::default())
                .await?;
            Ok(())
        }
        ["push-many", reference, from] => {
            push_many(&client, &plain(reference)?, Path::new(from)).await
        }
        _ => Err("see the beginning of the source for its arguments".into()),
    }
}

/// A reference to a registry that is spoken to over HTTP.
fn plain(text: &str) -> Outcome<Reference> {
    let reference: Reference = text.parse()?;
    let registry = Registry::new(Scheme::Http, reference.registry().authority())?;
    let repository = Repository::new(registry, reference.repository().name())?;
    Ok(match reference.tag() {
        Some(tag) => Reference::new(repository).with_tag(tag.clone()),
        None => Reference::new(repository),
    })
}

async fn blobs(client: &Client, reference: &Reference, to: &Path) -> Outcome<()> {
    let repository = reference.repository();
    let manifest = client
        .pull_manifest(repository, reference.selector())
        .await?;
    let pulls =
        manifest.layers().iter().enumerate().map(|(number, layer)| {
            client.pull_to_file(repository, layer, to.join(number.to_string()))
        });
    stream::iter(pulls)
        .buffer_unordered(PARALLEL)
        .try_for_each(async |_| Ok(()))
        .await?;
    Ok(())
}

async fn tree(client: &Client, host: &str, list: &str, to: &Path) -> Outcome<()> {
    let registry = Registry::new(Scheme::Http, host)?;
    let names = std::fs::read_to_string(list)?;
    let pulls = names.lines().enumerate().map(|(number, name)| {
        let registry = registry.clone();
        async move {
            let repository = Repository::new(registry, name)?;
            let manifest = client.pull_manifest(&repository, Tag::latest()).await?;
            let layer = manifest.layers().first().ok_or("no layer")?;
            let file = to.join(number.to_string());
            client.pull_to_file(&repository, layer, file).await?;
            Outcome::Ok(())
        }
    });
    stream::iter(pulls)
        .buffer_unordered(PARALLEL)
        .try_for_each(async |()| Ok(()))
        .await
}

async fn push_many(client: &Client, reference: &Reference, from: &Path) -> Outcome<()> {
    let repository = reference.repository();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(from)? {
        files.push(entry?.path());
    }
    files.sort();
    let pushes = files.iter().map(|file| async move {
        // They are small, and a digest that is known beforehand saves a request each.
        let content = std::fs::read(file)?;
        let upload = Upload::default();
        let pushed = client.push_bytes(repository, content, upload).await?;
        let kind = "application/octet-stream";
        Outcome::Ok(Descriptor::new(kind, pushed.digest, pushed.size))
    });
    let layers: Vec<Descriptor> = stream::iter(pushes)
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    client
        .push_bytes(repository, &b"{}"[..], Upload::default())
        .await?;
    let mut manifest = ImageManifest::artifact("application/vnd.example.blobs");
    for layer in layers {
        manifest = manifest.layer(layer);
    }
    let tag = reference.selector();
    client
        .push_manifest(repository, tag, manifest.to_manifest())
        .await?;
    Ok(())
}
