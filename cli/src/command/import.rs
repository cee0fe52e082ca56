//! `ocirepo import`: publishes a repository that a web server has.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ocirepo_native::import::{Address, Options, Origin};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::Layout;
use serde_json::json;
use url::Url;

use crate::arguments::Global;
use crate::client;
use crate::command::serve::keyring;
use crate::exit::Failure;
use crate::import;
use crate::output::{Out, note, progress, units};
use crate::publish;
use crate::publishing::told;

/// Publish a repository that a web server has
///
/// repomd.xml and its signature stay as they are, byte for byte. Packages are fetched one by
/// one and only those that the registry does not have, so that running it again goes on
/// where it was interrupted and brings what is new.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The repository as dnf's baseurl names it (http, https or file)
    url: String,
    /// The repository to publish it as, with the tag to move
    #[arg(value_name = "REPO")]
    repository: String,
    /// URL is a list of mirrors
    #[arg(long, conflicts_with = "metalink")]
    mirrorlist: bool,
    /// URL is a metalink, which also says what repomd.xml must be
    #[arg(long)]
    metalink: bool,
    /// Refuse the repository unless repomd.xml is signed with a key of this file
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Bring this file too, which no metadata names, such as .treeinfo or a key
    #[arg(long, value_name = "PATH")]
    also: Vec<Href>,
    /// Write the metadata anew where packages lie elsewhere (xml:base); this loses the
    /// vendor's signature
    #[arg(long)]
    allow_rewrite: bool,
    /// files, index or tree [default: files up to 400 files, then index]
    #[arg(long)]
    layout: Option<Layout>,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let reference = client::reference(&command.repository)?;
    if command.layout == Some(Layout::Native) {
        return Err(Failure::usage(
            "import keeps repomd.xml and its signature, and the layout native has a repomd.xml \
             of its own; import in another layout, or `ocirepo push` a copy with --layout native",
        ));
    }
    let to = publish::destination(&reference, command.layout)?;
    let address = command.address()?;
    let client = client::builder(global)?.cache().build()?;
    let options = Options {
        keys: keyring(&command.key)?,
        now: crate::clock::now(),
        also: command.also,
        allow_rewrite: command.allow_rewrite,
    };
    let origin = Arc::new(Origin::open(&client, &address, &options).await?);
    if origin.is_behind() {
        let place = origin.place();
        note(
            "warning",
            &format!("{place} is an earlier version than the metalink's latest"),
        );
    }
    if origin.is_rewritten() {
        note(
            "warning",
            "packages lay elsewhere, so the metadata was written anew and the vendor's \
             signature of repomd.xml is lost; sign it yourself",
        );
    }
    let bar = progress::items(0, "importing");
    let options = ocirepo_native::publish::Options {
        now: options.now,
        // What is brought is a whole repository.
        replace_broken: true,
        on_event: Some(told(&bar)),
        ..Default::default()
    };
    let published = import::publish(&client, &origin, &to, options).await;
    bar.finish_and_clear();
    let published = published?;
    let plan = &published.plan;
    let mut out = Out::new();
    if global.json {
        out.json(&json!({
            "origin": origin.place(),
            "repository": reference.repository().to_string(),
            "tag": to.tag.as_str(),
            "layout": plan.layout,
            "digest": plan.root,
            "sequence": plan.sequence,
            "unchanged": plan.unchanged,
            "packages": origin.packages().len(),
            "signed": origin.is_signed(),
            "verified": origin.signer().map(|key| key.fingerprint()),
            "rewritten": origin.is_rewritten(),
            "blobs": published.blobs,
            "bytes": published.bytes,
        }))?;
    } else if plan.unchanged {
        out.line(format!("{reference} is this already"))?;
    } else {
        let packages = origin.packages().len();
        out.line(format!(
            "{reference} published as {}: {packages} packages of {}",
            plan.layout,
            origin.place()
        ))?;
        if let Some(root) = plan.root {
            out.line(format!("  digest {root}"))?;
        }
        let size = units::size(published.bytes);
        out.line(format!("  {} blobs, {size} pushed", published.blobs))?;
    }
    out.flush()?;
    Ok(())
}

impl Command {
    fn address(&self) -> Result<Address, Failure> {
        if self.url.contains("$releasever") || self.url.contains("$basearch") {
            return Err(Failure::usage(format!(
                "{}: write out what $releasever and $basearch stand for",
                self.url
            )));
        }
        let url: Url = self.url.parse().map_err(|error| {
            let hint = match self.url.is_ascii() {
                true => "a directory is file:///PATH",
                false => "the name of a host is written in ASCII, as xn--…",
            };
            Failure::usage(format!("`{}` is no URL: {error}; {hint}", self.url))
        })?;
        Ok(match (self.mirrorlist, self.metalink) {
            (true, _) => Address::Mirrorlist(url),
            (_, true) => Address::Metalink(url),
            _ => Address::Base(url),
        })
    }
}
