//! `ocirepo logout`: forget credentials.

use clap::Args;
use serde_json::json;
use std::io::Write;

use super::login;
use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::output::Out;

/// Forget the credentials for a registry
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The registry, or a namespace of one: HOST[:PORT][/NAMESPACE]
    #[arg(value_name = "REGISTRY")]
    registry: String,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let key = login::key(&command.registry)?;
    let store = client::store(global, global.authfile.as_deref());
    let places = store.logout(&key).await?;
    if places.is_empty() {
        return Err(Failure::not_found(format!(
            "no credentials for {key} were known"
        )));
    }
    let mut out = Out::new();
    if global.json {
        out.json(&json!({ "registry": key, "forgotten": places }))?;
    } else {
        out.line(format!(
            "logged out of {key}; forgotten in {}",
            places.join(", ")
        ))?;
    }
    out.flush()?;
    Ok(())
}
