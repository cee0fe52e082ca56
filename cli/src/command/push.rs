//! `ocirepo push`: publishes a directory.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use ocirepo_rpm::layout::Layout;
use serde_json::json;

use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::output::{Out, units};
use crate::publish;
use crate::signing::Signing;

/// Publish a directory that has repodata
///
/// Readers see the repository as it was until the last step, which moves the tag. What an
/// interrupted push has done is not done again.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The directory, as createrepo_c leaves it
    directory: PathBuf,
    /// The repository, with the tag to move
    repository: String,
    /// files, index or tree [default: files up to 400 files, then index]
    #[arg(long)]
    layout: Option<Layout>,
    #[command(flatten)]
    signing: Signing,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let reference = client::reference(&command.repository)?;
    let signer = command.signing.signer()?;
    let client = client::client(global)?;
    let published = publish::directory(
        &client,
        &command.directory,
        &reference,
        command.layout,
        signer.as_ref(),
    )
    .await?;
    let plan = &published.plan;
    let mut out = Out::new();
    if global.json {
        out.json(&json!({
            "repository": reference.repository().to_string(),
            "tag": publish::tag_of(&reference).as_str(),
            "layout": plan.layout,
            "digest": plan.root,
            "sequence": plan.sequence,
            "unchanged": plan.unchanged,
            "blobs": published.blobs,
            "bytes": published.bytes,
        }))?;
    } else if plan.unchanged {
        out.line(format!("{reference} is this already"))?;
    } else {
        out.line(format!("{reference} published as {}", plan.layout))?;
        if let Some(root) = plan.root {
            out.line(format!("  digest {root}"))?;
        }
        let size = units::size(published.bytes);
        out.line(format!("  {} blobs, {size} pushed", published.blobs))?;
    }
    out.flush()?;
    Ok(())
}
