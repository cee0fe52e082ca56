//! `ocirepo manifest`: a manifest as the registry has it.

use clap::Args;
use ocirepo::platform::Platform;
use ocirepo::reference::Selector;
use serde_json::json;
use std::io::Write;

use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::output::Out;

/// Print a manifest or index, byte for byte
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// What to print: oci://HOST/NAME[:TAG|@DIGEST]
    #[arg(value_name = "REF")]
    reference: String,
    /// Of an index, print the manifest for this platform (linux/arm64/v8)
    #[arg(long, value_name = "PLATFORM")]
    resolve: Option<Platform>,
    /// Print media type, digest and size only, without pulling it where the registry
    /// says them
    #[arg(long, conflicts_with = "resolve")]
    digest: bool,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let reference = client::reference(&command.reference)?;
    let repository = reference.repository();
    let client = client::client(global)?;
    let mut out = Out::new();
    if command.digest {
        let found = client.resolve(repository, reference.selector()).await?;
        if global.json {
            out.json(&json!({
                "mediaType": found.media_type,
                "digest": found.digest,
                "size": found.size,
            }))?;
        } else {
            out.line(format!(
                "{}  {}  {}",
                found.digest, found.size, found.media_type
            ))?;
        }
        out.flush()?;
        return Ok(());
    }
    let mut manifest = client
        .pull_manifest(repository, reference.selector())
        .await?;
    if let (Some(platform), Some(index)) = (&command.resolve, manifest.as_index()) {
        let Some(child) = index.select(platform) else {
            let there: Vec<String> = index
                .manifests
                .iter()
                .filter_map(|m| m.platform.as_ref().map(ToString::to_string))
                .collect();
            return Err(Failure::not_found(format!(
                "{reference} has nothing for {platform}; there is: {}",
                there.join(", ")
            )));
        };
        let digest = child.digest;
        manifest = client
            .pull_manifest(repository, Selector::Digest(digest))
            .await?;
    }
    // The very bytes: their digest is the point of them.
    out.write_all(manifest.raw())?;
    out.flush()?;
    Ok(())
}
