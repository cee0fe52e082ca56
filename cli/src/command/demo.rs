//! `ocirepo demo`: shows the whole way of a repository.

use std::io::Write;

use clap::Args;
use ocirepo_native::WorkDir;
use serde_json::json;

use crate::arguments::Global;
use crate::client;
use crate::command::serve::nobody;
use crate::demo::{self, Demo};
use crate::exit::Failure;
use crate::http_server::interrupted;
use crate::inspect;
use crate::output::Out;
use crate::output::style::{self, Stream};

/// Show the whole way of a repository, on this machine alone
///
/// Starts a registry, builds and signs a small repository, publishes it, reads it back,
/// verifies it, serves it to dnf and shows it in the inspector until Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// Exit after the checks
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let stop = interrupted();
    let directory = WorkDir::new()?;
    let json = global.json;
    let told = |text: &str| {
        let mut out = Out::new();
        let line = if json {
            out.json(&json!({ "check": text, "ok": true }))
        } else {
            let good = style::paint(Stream::Stdout, style::GOOD, "ok");
            writeln!(out, "{good}  {text}")
        };
        // A reader that went away misses the rest, too.
        let _ = line.and_then(|()| out.flush());
    };
    let client = |cache: &std::path::Path| {
        let builder = client::builder(global)?;
        Ok(builder
            .credential_store(nobody())
            .cache_dir(cache)
            .build()?)
    };
    let demo = demo::start(directory.path(), client, told).await?;
    let mut out = Out::new();
    if json {
        out.json(&json!({
            "checks": demo.checks.len(),
            "location": demo.location.to_string(),
            "baseurl": demo.base_url,
            "key": demo.key,
            "inspector": demo.inspector.as_ref().map(inspect::Running::url),
        }))?;
    } else {
        out.line(format!("\n{} checks passed.", demo.checks.len()))?;
    }
    if !command.once {
        if !json {
            next_steps(&mut out, &demo)?;
        }
        out.flush()?;
        drop(out);
        if let Some(inspector) = &demo.inspector {
            inspector.show();
        }
        stop.await;
    } else {
        out.flush()?;
    }
    if let Some(inspector) = demo.inspector {
        inspector.stop().await;
    }
    demo.bridge.stop().await;
    demo.registry.stop().await;
    Ok(())
}

fn next_steps(out: &mut Out, demo: &Demo) -> std::io::Result<()> {
    let Demo {
        location,
        base_url,
        key,
        inspector,
        ..
    } = demo;
    let key = key.display();
    out.line("\nThe registry and the bridge stay until Ctrl-C. In another terminal:\n")?;
    out.line(format!("  ocirepo ls {location}"))?;
    out.line(format!(
        "  ocirepo get {location} ocirepo-hello --key {key}"
    ))?;
    out.line(format!("  ocirepo tags {location}"))?;
    if let Some(inspector) = inspector {
        out.line(format!("\nIn a browser:\n\n  {}", inspector.url()))?;
    }
    out.line("\nand, as root, with dnf as it is:\n")?;
    out.line(format!(
        "  dnf --repofrompath demo,{base_url} --repo demo \\\n      \
         --setopt demo.gpgcheck=1 --setopt demo.repo_gpgcheck=1 \\\n      \
         --setopt demo.gpgkey=file://{key} install ocirepo-hello\n"
    ))
}
