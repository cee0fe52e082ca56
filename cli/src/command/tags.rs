//! `ocirepo tags`: the tags of a repository.

use clap::Args;
use serde_json::json;
use std::io::Write;

use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::output::Out;

/// List the tags of a repository
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The repository: oci://HOST/NAME
    #[arg(value_name = "REPO")]
    repository: String,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let reference = client::reference(&command.repository)?;
    let tags = client::client(global)?.tags(reference.repository()).await?;
    let mut out = Out::new();
    for tag in tags {
        if global.json {
            out.json(&json!({ "tag": tag }))?;
        } else {
            out.line(tag.as_str())?;
        }
    }
    out.flush()?;
    Ok(())
}
