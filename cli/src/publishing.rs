//! How to publish, and what is told meanwhile and afterwards.

use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use ocirepo::digest::Digest;
use ocirepo::reference::{Reference, Repository};
use ocirepo_native::Client;
use ocirepo_native::publish::{self, Event, Lost, OnEvent, Options};
use ocirepo_rpm::snapshot::Snapshot;

use crate::client;
use crate::exit::Failure;
use crate::output::note;
use crate::publish::tag_of;

/// The longest that a command waits for the list of tags once it has done everything else.
const PATIENCE: Duration = Duration::from_secs(5);

/// How to publish.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Publishing")]
pub(crate) struct Publishing {
    /// Publish only on top of this snapshot: the digest that the tag points at (in a tree,
    /// that of repomd.xml). Without, whoever publishes meanwhile is published on top of
    #[arg(long, value_name = "DIGEST")]
    expect: Option<Digest>,
    /// Take content that this repository of the same registry has from there
    #[arg(long, value_name = "REPO")]
    mount_from: Option<String>,
}

impl Publishing {
    /// The options to publish with; the bar shows how far it is.
    pub(crate) fn options(&self, to: &Reference, bar: &ProgressBar) -> Result<Options, Failure> {
        let mount_from = self.mount_from.as_deref();
        let mount_from = mount_from.map(|from| mounted(from, to)).transpose()?;
        Ok(Options {
            now: crate::clock::now(),
            expect: self.expect,
            mount_from,
            on_event: Some(told(bar)),
            ..Options::default()
        })
    }
}

fn mounted(from: &str, to: &Reference) -> Result<Repository, Failure> {
    let from = client::reference(from)?.into_repository();
    if from.registry != to.repository().registry {
        return Err(Failure::usage(format!(
            "content can be taken from another repository of {} only, not from {from}",
            to.repository().registry.authority()
        )));
    }
    Ok(from)
}

/// Shows what happens while publishing.
pub(crate) fn told(bar: &ProgressBar) -> OnEvent {
    let bar = bar.clone();
    Box::new(move |event| match event {
        Event::Broken(error) => note("warning", &format!("{error}; publishing over it")),
        Event::Overtaken(there) => {
            let there = there.map_or_else(
                || "took the tag away".to_owned(),
                |digest| format!("published {digest}"),
            );
            note(
                "note",
                &format!("somebody else {there}; doing it again on top"),
            );
        }
        Event::Unmarked(error) => note(
            "warning",
            &format!("{error}; prune will keep the snapshot before for longer"),
        ),
        Event::Begin { blobs } => {
            bar.set_position(0);
            bar.set_length(blobs);
        }
        Event::Blob { .. } => bar.inc(1),
        _ => {}
    })
}

/// Says which snapshots are not in the history of a tag that was read.
pub(crate) async fn look_for_lost(client: &Client, reference: &Reference, snapshot: &Snapshot) {
    if reference.digest().is_some() {
        return;
    }
    let tag = tag_of(reference);
    let found = tokio::time::timeout(PATIENCE, publish::lost(client, &tag, snapshot)).await;
    match found {
        Ok(Ok(lost)) => warn_of_lost(reference, &lost),
        Ok(Err(error)) => tracing::debug!(%error, "cannot look for lost publishes"),
        Err(_) => tracing::debug!("the list of tags takes too long to look for lost publishes"),
    }
}

/// Says which snapshots are not in the history of a tag.
pub(crate) fn warn_of_lost(reference: &Reference, lost: &[Lost]) {
    let Some(newest) = lost.first() else { return };
    let tag = tag_of(reference);
    let others = match lost.len() - 1 {
        0 => String::new(),
        1 => ", and one more,".to_owned(),
        others => format!(", and {others} more,"),
    };
    let is = if lost.len() == 1 { "is" } else { "are" };
    note(
        "warning",
        &format!(
            "the snapshot {}{others} {is} not in the history of {tag}: its publisher was \
             overwritten or interrupted, or is still at work; if it is not, \
             `ocirepo push --merge {} {reference}` does again what it changed",
            newest.tag, newest.tag
        ),
    );
}
