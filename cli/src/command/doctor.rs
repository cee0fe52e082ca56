//! `ocirepo doctor`: what a registry can do, and what its operator should change.

use std::io::Write;

use clap::Args;
use ocirepo::reference::{Registry, Repository};
use ocirepo_native::client::doctor::{Diagnosis, Examination, Finding, Verdict};
use serde_json::json;

use crate::arguments::Global;
use crate::client;
use crate::command::login;
use crate::exit::Failure;
use crate::output::Out;
use crate::output::style::{self, Stream};

/// Look a registry over: what it supports, and what to change
///
/// Reads only, unless --write is given. Ends with 0 when the registry can be used, though
/// there may be things to improve.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The registry: HOST[:PORT], oci://HOST or oci+http://HOST
    #[arg(value_name = "REGISTRY")]
    registry: String,
    /// Look into this repository, not the first that is listed
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// Try uploads too, in a repository of their own
    #[arg(long)]
    write: bool,
    /// That repository; one with `-mount` after this name is written to as well
    #[arg(
        long,
        value_name = "NAME",
        default_value = "ocirepo-doctor",
        requires = "write"
    )]
    scratch: String,
    /// The origin of the web page that is to read the registry
    #[arg(long, value_name = "URL", default_value = "https://inspector.example")]
    origin: String,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let registry = login::registry(&command.registry)?;
    let examination = Examination {
        repository: match &command.repository {
            Some(name) => Some(repository(&registry, name)?),
            None => None,
        },
        scratch: match command.write {
            true => Some(repository(&registry, &command.scratch)?),
            false => None,
        },
        origin: command.origin,
    };
    let client = client::client(global)?;
    let diagnosis = client.diagnose(&registry, &examination).await;
    print(&diagnosis, global)?;
    match diagnosis.broken() {
        Some(Finding {
            subject,
            verdict: Verdict::Broken(kind),
            found,
            ..
        }) => Err(Failure::new(
            (*kind).into(),
            format!("{registry} cannot be used as it is: {subject}: {found}"),
        )),
        _ => Ok(()),
    }
}

fn repository(registry: &Registry, name: &str) -> Result<Repository, Failure> {
    Repository::new(registry.clone(), name)
        .map_err(|error| Failure::usage(format!("`{name}`: {error}")))
}

fn print(diagnosis: &Diagnosis, global: &Global) -> Result<(), Failure> {
    let mut out = Out::new();
    for finding in &diagnosis.findings {
        let (word, colour) = match finding.verdict {
            Verdict::Good => ("ok", style::GOOD),
            Verdict::Poor => ("warn", style::WARNING),
            Verdict::Broken(_) => ("fail", style::BAD),
        };
        if global.json {
            out.json(&json!({
                "subject": finding.subject,
                "verdict": word,
                "found": finding.found,
                "advice": finding.advice,
            }))?;
            continue;
        }
        let word = style::paint(Stream::Stdout, colour, &format!("{word:<4}"));
        write!(out, "{word}  ")?;
        out.line(format!("{:<14}  {}", finding.subject, finding.found))?;
        if let Some(advice) = &finding.advice {
            out.line(format!("      {:<14}  {advice}", ""))?;
        }
    }
    out.flush()?;
    Ok(())
}
