//! `ocirepo blob`: one blob, verified.

use std::path::PathBuf;

use clap::Args;
use ocirepo::sink::Content;
use serde_json::json;
use std::io::Write;

use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::output::Out;

/// Pull a blob, verified against its digest
///
/// A pull that was interrupted, even by killing the program, goes on where it was when
/// it is started again.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The blob: oci://HOST/NAME@DIGEST
    #[arg(value_name = "REPO@DIGEST")]
    reference: String,
    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let reference = client::reference(&command.reference)?;
    let Some(digest) = reference.digest() else {
        return Err(Failure::usage(format!(
            "`{}` names no blob; write the digest after an `@`: {}@sha256:…",
            command.reference,
            reference.repository()
        )));
    };
    let content = Content { digest, size: None };
    let client = client::client(global)?;
    let repository = reference.repository();
    if command.output.as_os_str() == "-" {
        let mut stdout = tokio::io::stdout();
        client
            .pull_to_writer(repository, content, &mut stdout)
            .await?;
        return Ok(());
    }
    let shown = command.output.display().to_string();
    let blob = client::watched(&client, &shown, None)
        .pull_to_file(repository, content, &command.output)
        .await?;
    if global.json {
        let mut out = Out::new();
        out.json(&json!({ "file": shown, "digest": blob.digest, "size": blob.size }))?;
        out.flush()?;
    }
    Ok(())
}
