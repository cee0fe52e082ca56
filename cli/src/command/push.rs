//! `ocirepo push`: publishes packages, or a directory that has repodata.

use std::collections::BTreeSet;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use ocirepo::reference::{Reference, Tag};
use ocirepo_native::WorkDir;
use ocirepo_native::publish::{Lost, Published, publish};
use ocirepo_rpm::checksum::Checksum;
use ocirepo_rpm::create::{Change, Removal};
use ocirepo_rpm::header::HeaderOptions;
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::publish::Plan;
use ocirepo_rpm::query::Query;
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::client;
use crate::create::{self, Compression, Found, Given, Merges, Request, Summary};
use crate::exit::Failure;
use crate::output::{Out, progress, units};
use crate::publish::{self, destination};
use crate::publishing::{self, Publishing};
use crate::signing::{self, Signers, Signing};

/// Publish RPM packages, or a directory that has repodata
///
/// Packages are added to the repository, which is begun where there is none; its metadata is
/// made here. A directory that has repodata is published as it is, in place of what is there.
/// Readers see the repository as it was until the last step, which moves the tag. What an
/// interrupted push has done is not done again.
#[derive(Debug, Args)]
#[command(override_usage = "ocirepo push [OPTIONS] [FILE.rpm|DIR]... REPO")]
pub(crate) struct Command {
    /// RPM files, and directories with RPM files (other files in them are published, too);
    /// last the repository, with the tag to move
    // One list, so that options may stand anywhere between its items.
    #[arg(value_name = "FILE.rpm|DIR|REPO", required = true)]
    arguments: Vec<PathBuf>,
    /// files, index, native or tree [default: files up to 400 files, then index]
    #[arg(long)]
    layout: Option<Layout>,
    /// Say what would be published, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    packages: Packages,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    making: Making,
    #[command(flatten)]
    publishing: Publishing,
    #[command(flatten)]
    signing: Signing,
}

/// Which packages the repository has afterwards.
#[derive(Debug, Args)]
#[command(next_help_heading = "Packages")]
struct Packages {
    /// Leave out what is there and matches: names, NEVRAs or paths, with globs
    #[arg(long, value_name = "PATTERN")]
    remove: Vec<String>,
    /// Keep the newest N versions of each name and architecture
    #[arg(long, value_name = "N")]
    keep_latest: Option<NonZeroUsize>,
    /// Let a package take the place of one with the same name, version, release and
    /// architecture and different content
    #[arg(long)]
    replace: bool,
    /// Do again what a lost publish changed: a snapshot that is not in the history of the
    /// tag, as warnings name it
    #[arg(long, value_name = "SNAPSHOT_TAG")]
    merge: Vec<Tag>,
    /// Folder for packages that are given as files; empty for none
    #[arg(long, value_name = "DIR", default_value = "Packages")]
    location_prefix: String,
}

/// How metadata is made.
#[derive(Debug, Args)]
#[command(next_help_heading = "Metadata")]
struct Making {
    /// How to compress metadata [default: gz]
    #[arg(long, value_name = "HOW")]
    compress: Option<Compression>,
    /// Keep so many entries of the change logs of new packages; 0 for all
    #[arg(long, value_name = "N", default_value_t = 10)]
    changelog_limit: usize,
    /// Write filelists-ext as well, with a checksum for each file
    #[arg(long)]
    filelists_ext: bool,
    /// Date of the repository in Unix seconds [default: when its newest package was built]
    #[arg(long, value_name = "SECONDS", visible_alias = "revision")]
    timestamp: Option<u64>,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let (reference, paths) = command.split()?;
    match create::find(paths, &command.packages.location_prefix)? {
        Found::Directory(found) => {
            command.refuse_changes()?;
            let signers = command.signing.signers()?;
            let (layout, dry_run) = (command.layout, command.dry_run);
            let how = (&signers, &command.publishing);
            directory(&found, &reference, layout, how, dry_run, global).await
        }
        Found::Files(found) => command.create(found, &reference, global).await,
    }
}

/// Publishes a directory that has repodata in place of what is there, and says so.
pub(super) async fn directory(
    directory: &Path,
    reference: &Reference,
    layout: Option<Layout>,
    (signers, publishing): (&Signers, &Publishing),
    dry_run: bool,
    global: &Global,
) -> Result<(), Failure> {
    // What is there is read, and its metadata may be large.
    let client = client::builder(global)?.cache().build()?;
    let mut planned = None;
    let published = publish::directory(
        &client,
        directory,
        reference,
        layout,
        signers,
        publishing,
        dry_run.then_some(&mut planned),
    )
    .await;
    tell(reference, global, outcome(published, planned)?, None)
}

impl Command {
    /// The repository, and what is to be published.
    fn split(&self) -> Result<(Reference, &[PathBuf]), Failure> {
        let missing = || Failure::usage("which repository? Its name comes last");
        let (last, paths) = self.arguments.split_last().ok_or_else(missing)?;
        let reference =
            client::reference(&last.to_string_lossy()).map_err(|error| match last.exists() {
                true => Failure::usage(format!(
                    "{} is a file, and the last argument must be the repository, such as \
                     oci://HOST/NAME:TAG",
                    last.display()
                )),
                false => error,
            })?;
        Ok((reference, paths))
    }

    /// A directory that has repodata is published as it is.
    fn refuse_changes(&self) -> Result<(), Failure> {
        let packages = &self.packages;
        let making = &self.making;
        let option = [
            ("--remove", !packages.remove.is_empty()),
            ("--keep-latest", packages.keep_latest.is_some()),
            ("--replace", packages.replace),
            ("--merge", !packages.merge.is_empty()),
            ("--comps", self.given.comps.is_some()),
            ("--updateinfo", self.given.updateinfo.is_some()),
            ("--modules", self.given.modules.is_some()),
            ("--compress", making.compress.is_some()),
            ("--filelists-ext", making.filelists_ext),
            ("--timestamp", making.timestamp.is_some()),
        ]
        .into_iter()
        .find_map(|(option, given)| given.then_some(option));
        match option {
            None => Ok(()),
            Some(option) => Err(Failure::usage(format!(
                "a directory that has repodata is published as it is, so {option} cannot be \
                 obeyed; take its folder repodata away to have it made anew"
            ))),
        }
    }

    /// Makes a repository of files and of what is there, and publishes it.
    async fn create(
        &self,
        found: create::Files,
        reference: &Reference,
        global: &Global,
    ) -> Result<(), Failure> {
        let nothing = self.arguments.len() < 2
            && self.packages.remove.is_empty()
            && self.packages.keep_latest.is_none()
            && self.packages.merge.is_empty()
            && self.given.is_empty()
            && self.making.compress.is_none();
        if nothing {
            return Err(Failure::usage(
                "there is nothing to publish: name RPM files or directories before the \
                 repository, or say what to change, as with --remove",
            ));
        }
        let signers = self.signing.signers()?;
        let mut destination = destination(reference, self.layout)?;
        let date = match self.making.timestamp {
            Some(date) => Some(date),
            None => signing::source_date_epoch()?,
        };
        let client = client::builder(global)?.cache().build()?;
        let directory = WorkDir::new()?;
        let options = HeaderOptions {
            changelog_limit: Some(self.making.changelog_limit).filter(|limit| *limit > 0),
            ..HeaderOptions::default()
        };
        let extended = self.making.filelists_ext;
        let compression = self.making.compress;
        // First what is quick to read and may be wrong.
        let given = self
            .given
            .write(directory.path(), compression.unwrap_or(Compression::Gz))?;
        // With what `filelists-ext` has, which is kept where it is there.
        let scanned = tokio::task::block_in_place(|| create::scan(found, &options, true));
        let mut scanned = scanned?;
        let merges = &self.packages.merge;
        let merges = create::merge(&client, merges, &destination, &mut scanned).await?;
        let Merges { roots, removed } = merges;
        destination.merges = roots;
        let mut request = Request {
            client: &client,
            scanned,
            change: self.packages.change(removed),
            given,
            compression,
            extended,
            date,
            date_is_final: self.making.timestamp.is_some(),
            signer: signers.repomd,
            directory: directory.path(),
        };
        let bar = progress::items(0, "pushing");
        // What is there and not understood would be lost, so it is no option to replace it.
        let options = self.publishing.options(reference, &bar)?;
        let (mut summary, mut planned) = (None, None);
        let published = publish(&client, &destination, options, async |snapshot, to| {
            let (mut prepared, made) = request.prepare(snapshot, to).await?;
            summary = Some(made);
            if self.dry_run {
                return Err(publish::stop_before(prepared.plan, &mut planned));
            }
            if let Some(signer) = &signers.root {
                let plan = &mut prepared.plan;
                signer.plan(&client, &to.repository, plan).await?;
            }
            Ok::<_, Failure>(prepared)
        })
        .await;
        bar.finish_and_clear();
        tell(reference, global, outcome(published, planned)?, summary)
    }
}

impl Packages {
    /// `removed` is what lost publishes removed.
    fn change(&self, removed: BTreeSet<Checksum>) -> Change {
        let removal = |pattern: &String| Removal {
            query: Query::new(pattern),
            required: true,
        };
        Change {
            remove: self.remove.iter().map(removal).collect(),
            remove_content: removed,
            keep_latest: self.keep_latest,
            replace: self.replace,
        }
    }
}

/// What was published, or would be.
struct Outcome {
    plan: Plan,
    blobs: u64,
    bytes: u64,
    attempts: u32,
    lost: Vec<Lost>,
    dry: bool,
}

fn outcome(
    published: Result<Published, Failure>,
    planned: Option<Plan>,
) -> Result<Outcome, Failure> {
    let Some(plan) = planned else {
        let published = published?;
        return Ok(Outcome {
            plan: published.plan,
            blobs: published.blobs,
            bytes: published.bytes,
            attempts: published.attempts,
            lost: published.lost,
            dry: false,
        });
    };
    let pushes = || {
        let blobs = plan.stages.iter().flat_map(|stage| &stage.blobs);
        blobs.filter(|blob| !blob.known && !plan.unchanged)
    };
    // Of packages that become artifacts: besides, a header and a config, which are not read yet.
    let packages = || {
        let packages = plan.stages.iter().flat_map(|stage| &stage.packages);
        packages.filter(|package| !package.known && !plan.unchanged)
    };
    let rpms = || packages().filter(|package| !package.known_blob);
    let bytes: u64 = pushes().map(|blob| blob.descriptor.size).sum();
    Ok(Outcome {
        blobs: (pushes().count() + 2 * packages().count() + rpms().count()) as u64,
        bytes: bytes + rpms().map(|package| package.size).sum::<u64>(),
        attempts: 0,
        lost: Vec::new(),
        dry: true,
        plan,
    })
}

fn tell(
    reference: &Reference,
    global: &Global,
    outcome: Outcome,
    summary: Option<Summary>,
) -> Result<(), Failure> {
    let mut out = Out::new();
    if global.json {
        out.json(&object(reference, &outcome, summary.as_ref()))?;
    } else {
        lines(&mut out, reference, &outcome, summary.as_ref())?;
    }
    out.flush()?;
    publishing::warn_of_lost(reference, &outcome.lost);
    Ok(())
}

fn object(reference: &Reference, outcome: &Outcome, summary: Option<&Summary>) -> Value {
    let plan = &outcome.plan;
    let mut object = json!({
        "repository": reference.repository().to_string(),
        "tag": publish::tag_of(reference).as_str(),
        "layout": plan.layout,
        "digest": plan.root,
        "sequence": plan.sequence,
        "unchanged": plan.unchanged,
        "dryRun": outcome.dry,
        "blobs": outcome.blobs,
        "bytes": outcome.bytes,
        "attempts": outcome.attempts,
        "lost": outcome.lost.iter().map(|lost| lost.tag.as_str()).collect::<Value>(),
    });
    if let (Some(summary), Some(object)) = (summary, object.as_object_mut()) {
        let names = |nevras: &[ocirepo_rpm::evr::Nevra]| {
            nevras.iter().map(ToString::to_string).collect::<Value>()
        };
        object.insert("packages".to_owned(), summary.packages.into());
        object.insert("known".to_owned(), summary.known.into());
        object.insert("added".to_owned(), names(&summary.added));
        object.insert("removed".to_owned(), names(&summary.removed));
        object.insert("replaced".to_owned(), names(&summary.replaced));
        object.insert("outdated".to_owned(), names(&summary.outdated));
    }
    object
}

fn lines(
    out: &mut Out,
    reference: &Reference,
    outcome: &Outcome,
    summary: Option<&Summary>,
) -> std::io::Result<()> {
    let plan = &outcome.plan;
    let would = if outcome.dry { "would be " } else { "" };
    if outcome.dry
        && let Some(summary) = summary
    {
        for (mark, nevras) in [
            ('+', &summary.added),
            ('-', &summary.removed),
            ('-', &summary.replaced),
            ('-', &summary.outdated),
        ] {
            for nevra in nevras {
                out.line(format!("{mark} {nevra}"))?;
            }
        }
    }
    if plan.unchanged {
        return out.line(format!("{reference} is this already"));
    }
    out.line(format!("{reference} {would}published as {}", plan.layout))?;
    if let Some(summary) = summary {
        out.line(format!("  {}", sentence(summary)))?;
    }
    if let Some(root) = plan.root {
        out.line(format!("  digest {root}"))?;
    }
    let size = units::size(outcome.bytes);
    out.line(format!("  {} blobs, {size} {would}pushed", outcome.blobs))
}

/// `3 packages: 2 added, 1 removed`
fn sentence(summary: &Summary) -> String {
    let counts = [
        (summary.added.len(), "added"),
        (summary.removed.len(), "removed"),
        (summary.replaced.len(), "replaced"),
        (summary.outdated.len(), "outdated"),
        (summary.known, "known already"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let packages = summary.packages;
    let plural = if packages == 1 { "" } else { "s" };
    match counts.is_empty() {
        true => format!("{packages} package{plural}"),
        false => format!("{packages} package{plural}: {}", counts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_what_there_is() {
        let nevra = || "a-1-1.noarch".parse().unwrap();
        let mut summary = Summary {
            packages: 1,
            ..Summary::default()
        };
        assert_eq!(sentence(&summary), "1 package");
        summary.added = vec![nevra(), nevra()];
        summary.packages = 3;
        summary.outdated = vec![nevra()];
        assert_eq!(sentence(&summary), "3 packages: 2 added, 1 outdated");
    }
}
