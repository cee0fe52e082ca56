//! Pulls and pushes with `oci-client`, as its documentation shows, with the arguments of the
//! helper `client` of `ocirepo-benches`, and besides
//!
//! - `oci-client blob HOST/NAME DIGEST FILE`: one blob into a file.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::{OciDescriptor, OciImageManifest, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};

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
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        use_monolithic_push: arguments.first() == Some(&"push-many"),
        ..ClientConfig::default()
    });
    match arguments {
        ["blob", reference, digest, file] => {
            let reference: Reference = reference.parse()?;
            get(&client, &reference, digest, Path::new(file)).await
        }
        ["blobs", reference, to] => {
            let reference: Reference = reference.parse()?;
            let layers = layers(&client, &reference).await?;
            let pulls = layers.iter().enumerate().map(|(number, layer)| {
                let (client, reference) = (&client, &reference);
                let file = Path::new(to).join(number.to_string());
                async move { get(client, reference, &layer.digest, &file).await }
            });
            stream::iter(pulls)
                .buffer_unordered(PARALLEL)
                .try_for_each(async |()| Ok(()))
                .await
        }
        ["tree", host, list, to] => {
            let names = std::fs::read_to_string(list)?;
            let pulls = names.lines().enumerate().map(|(number, name)| {
                let client = &client;
                let file = Path::new(to).join(number.to_string());
                async move {
                    let reference: Reference = format!("{host}/{name}:latest").parse()?;
                    let layers = layers(client, &reference).await?;
                    let layer = layers.first().ok_or("no layer")?;
                    get(client, &reference, &layer.digest, &file).await
                }
            });
            stream::iter(pulls)
                .buffer_unordered(PARALLEL)
                .try_for_each(async |()| Ok(()))
                .await
        }
        ["push", reference, file, ..] => {
            let reference: Reference = reference.parse()?;
            write_access(&client, &reference).await?;
            // What `push()` is given: all of it in memory.
            let content = std::fs::read(file)?;
            let digest = ocirepo::Digest::of(&content).to_string();
            client.push_blob(&reference, content, &digest).await?;
            Ok(())
        }
        ["push-many", reference, from] => push_many(&client, &reference.parse()?, from).await,
        _ => Err("see the beginning of the source for its arguments".into()),
    }
}

async fn layers(client: &Client, reference: &Reference) -> Outcome<Vec<OciDescriptor>> {
    let auth = RegistryAuth::Anonymous;
    let (manifest, _) = client.pull_image_manifest(reference, &auth).await?;
    Ok(manifest.layers)
}

async fn get(client: &Client, reference: &Reference, digest: &str, to: &Path) -> Outcome<()> {
    let file = tokio::fs::File::create(to).await?;
    client.pull_blob(reference, digest, file).await?;
    Ok(())
}

async fn write_access(client: &Client, reference: &Reference) -> Outcome<()> {
    let auth = RegistryAuth::Anonymous;
    client.auth(reference, &auth, RegistryOperation::Push).await?;
    Ok(())
}

async fn push_many(client: &Client, reference: &Reference, from: &str) -> Outcome<()> {
    write_access(client, reference).await?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(from)? {
        files.push(entry?.path());
    }
    files.sort();
    let pushes = files.iter().map(|file| async move {
        let content = std::fs::read(file)?;
        let digest = ocirepo::Digest::of(&content).to_string();
        let size = content.len().try_into()?;
        client.push_blob(reference, content, &digest).await?;
        Outcome::Ok(descriptor("application/octet-stream", digest, size))
    });
    let layers: Vec<OciDescriptor> = stream::iter(pushes)
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let digest = ocirepo::Digest::of(b"{}").to_string();
    client.push_blob(reference, &b"{}"[..], &digest).await?;
    let manifest = OciImageManifest {
        config: descriptor("application/vnd.oci.empty.v1+json", digest, 2),
        layers,
        artifact_type: Some("application/vnd.example.blobs".to_owned()),
        annotations: Some(BTreeMap::new()),
        ..OciImageManifest::default()
    };
    let manifest = OciManifest::Image(manifest);
    client.push_manifest(reference, &manifest).await?;
    Ok(())
}

fn descriptor(media_type: &str, digest: String, size: i64) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.to_owned(),
        digest,
        size,
        ..OciDescriptor::default()
    }
}
