//! `ocirepo copy`: a repository in another place, byte for byte.

use std::collections::BTreeSet;
use std::io::Write;

use clap::Args;
use ocirepo::reference::{Reference, Repository, Selector, Tag};
use ocirepo_native::Client;
use ocirepo_native::mirror::{self, Copied, Options};
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::layout::format::{REPODATA, REPOMD, SIGNATURE};
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::name;
use ocirepo_rpm::primary::Primary;
use serde_json::json;

use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::output::{Out, note, progress, units};
use crate::place::Place;
use crate::repository;

/// Copy a repository to another registry or to a directory, byte for byte
///
/// SRC and DST are repositories in registries, oci://HOST/NAME[:TAG|@DIGEST], or OCI
/// image layouts in directories, oci:DIR[:TAG|@DIGEST], as skopeo writes them. All that
/// belongs to the tag goes along: what its manifest lists, signatures and whatever else
/// refers to it, and its snapshots. What DST has is skipped, the tag moves last; so an
/// interrupted copy harms nobody and goes on when it is run again. Any content is copied,
/// not only RPM repositories.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// What to copy
    #[arg(value_name = "SRC")]
    from: String,
    /// Where to; without a tag, to that of SRC
    #[arg(value_name = "DST")]
    to: String,
    /// Copy all tags of SRC
    #[arg(long)]
    all_tags: bool,
    /// Leave out the superseded snapshots of the tag
    #[arg(long, conflicts_with = "all_tags")]
    no_snapshots: bool,
    /// Leave out signatures and whatever else refers to what is copied
    #[arg(long)]
    no_referrers: bool,
    /// Ask DST for everything, even for what a manifest that it has says that it has
    #[arg(long)]
    recheck: bool,
    /// Let the tag of DST go back to an older snapshot
    #[arg(long)]
    allow_rollback: bool,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let (from, to) = (Place::parse(&command.from)?, Place::parse(&command.to)?);
    if to.has_digest() {
        return Err(Failure::usage(format!(
            "{to}: content is copied to a tag, its digest follows from it"
        )));
    }
    let client = client::client(global)?;
    let bar = progress::items(0, "copying");
    let options = Options {
        snapshots: !command.no_snapshots,
        referrers: !command.no_referrers,
        recheck: command.recheck,
        allow_rollback: command.allow_rollback,
        now: crate::clock::now(),
        on_progress: Some(Box::new({
            let bar = bar.clone();
            move |done, found| {
                bar.set_length(found);
                bar.set_position(done);
            }
        })),
    };
    let (copied, tag) = if command.all_tags {
        if from.tag().is_some() || from.has_digest() || to.tag().is_some() {
            return Err(Failure::usage(
                "--all-tags copies all tags, to the same tags; leave them out of SRC and DST",
            ));
        }
        let (from, to) = (from.source(&client)?, to.target(&client)?);
        (mirror::copy_all(&from, &to, options).await?, None)
    } else {
        one(&client, &from, &to, options, global).await?
    };
    bar.finish_and_clear();
    let target = match (tag, to.tag()) {
        (Some(tag), None) => format!("{to}:{tag}"),
        _ => to.to_string(),
    };
    report(&copied, &from.to_string(), &target, global)
}

/// Copies what is at one tag or digest; in `tree`, which has no tags, everything.
async fn one(
    client: &Client,
    from: &Place,
    to: &Place,
    options: Options,
    global: &Global,
) -> Result<(Copied, Option<Tag>), Failure> {
    let what = from.selector()?;
    if let Place::Registry(reference) = from
        && what == Selector::Tag(Tag::latest())
        && is_tree(client, reference).await?
    {
        let Place::Registry(target) = to else {
            return Err(Failure::usage(format!(
                "{from} has a repository for each file, an OCI directory holds one; copy it \
                 to a registry, or `ocirepo sync` it to a plain directory"
            )));
        };
        if to.tag().is_some_and(|tag| tag != Tag::latest()) {
            return Err(Failure::usage(format!(
                "{to}: {from} has a repository for each file and no tags; leave the tag out"
            )));
        }
        let reader = client::builder(global)?.cache().build()?;
        let stages = tree(&reader, reference).await?;
        let (from, to) = (reference.repository(), target.repository());
        let copied = mirror::copy_tree(client, from, to, &stages, &options).await?;
        return Ok((copied, None));
    }
    let tag = match (to.tag(), &what) {
        (Some(tag), _) => tag,
        (None, Selector::Tag(tag)) => tag.clone(),
        (None, Selector::Digest(_)) => {
            return Err(Failure::usage(format!(
                "{to}: SRC names a digest, so DST needs a tag; registries delete what has none"
            )));
        }
    };
    let (from, to) = (from.source(client)?, to.target(client)?);
    let copied = mirror::copy(&from, &what, &to, &tag, options).await?;
    Ok((copied, Some(tag)))
}

/// Whether there is nothing at the tag `latest`, but a tree.
async fn is_tree(client: &Client, reference: &Reference) -> Result<bool, Failure> {
    let repository = reference.repository();
    let exists = async |repository: &Repository| {
        let found = client.resolve(repository, Tag::latest()).await;
        match found {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(Failure::from(error)),
        }
    };
    if exists(repository).await? {
        return Ok(false);
    }
    let name = name::encode_path(repository.name(), REPOMD).map_err(Failure::failed)?;
    match Repository::new(repository.registry.clone(), &name) {
        Ok(repomd) => exists(&repomd).await,
        Err(_) => Ok(false),
    }
}

/// The files of a tree, as they are to be copied: packages and others, hashed metadata,
/// the signature, `repomd.xml`.
async fn tree(client: &Client, reference: &Reference) -> Result<Vec<Vec<String>>, Failure> {
    let options = ocirepo_rpm::snapshot::Options {
        layout: Some(Layout::Tree),
        signature: true,
        ..repository::options()
    };
    let snapshot = repository::open(client, reference, options).await?;
    let record = snapshot.repomd().require("primary")?;
    let paths = repository::read(client, &snapshot, record, |source, file| {
        Primary::open(source, file, Limits::default())?
            .map(|package| Ok(package?.location.path().to_owned()))
            .collect::<Result<BTreeSet<String>, _>>()
    });
    let mut first = paths.await?;
    first.extend(unnamed(client, reference.repository()).await?);
    let records = snapshot.repomd().records.iter();
    let metadata: BTreeSet<String> = records
        .map(|record| record.location.path().to_owned())
        .collect();
    first.retain(|path| !metadata.contains(path));
    let mut stages = vec![first.into_iter().collect(), metadata.into_iter().collect()];
    if snapshot.signature().is_some() {
        stages.push(vec![SIGNATURE.to_owned()]);
    }
    stages.push(vec![REPOMD.to_owned()]);
    Ok(stages)
}

/// Keys, `.treeinfo` and images, which no metadata names. They are found where the
/// registry lists its repositories.
async fn unnamed(client: &Client, repository: &Repository) -> Result<Vec<String>, Failure> {
    let below = match client.repositories(&repository.registry).await {
        Ok(all) => all,
        Err(error) => {
            note(
                "warning",
                &format!(
                    "{} does not list its repositories ({error}): files that no metadata \
                     names, such as keys, stay behind",
                    repository.registry
                ),
            );
            return Ok(Vec::new());
        }
    };
    let mut paths = Vec::new();
    for found in below {
        // What is hashed cannot be told from its name; the metadata names such packages.
        if let Ok(path) = name::decode_path(repository.name(), found.name(), None)
            && !path.starts_with(REPODATA)
            && !path.ends_with(".rpm")
        {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn report(copied: &Copied, from: &str, to: &str, global: &Global) -> Result<(), Failure> {
    let blobs = &copied.blobs;
    let mut out = Out::new();
    if global.json {
        out.json(&json!({
            "from": from,
            "to": to,
            "digest": copied.root,
            "manifests": { "written": copied.written, "present": copied.present },
            "blobs": {
                "sent": blobs.sent,
                "bytes": blobs.bytes,
                "mounted": blobs.mounted,
                "present": blobs.present,
            },
            "tags": copied.tags,
            "unmarked": copied.unmarked,
        }))?;
    } else {
        out.line(format!("{from} copied to {to}"))?;
        if let Some(root) = copied.root {
            out.line(format!("  digest {root}"))?;
        }
        out.line(format!(
            "  {} manifests written, {} there already; {} tags put",
            copied.written,
            copied.present,
            copied.tags.len()
        ))?;
        out.line(format!(
            "  {} blobs sent ({}), {} mounted, {} there already",
            blobs.sent,
            units::size(blobs.bytes),
            blobs.mounted,
            blobs.present
        ))?;
    }
    out.flush()?;
    for tag in &copied.unmarked {
        note(
            "warning",
            &format!("{tag} could not be put; prune will keep the snapshot before for longer"),
        );
    }
    Ok(())
}
