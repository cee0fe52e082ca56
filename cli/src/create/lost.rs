//! Lost publishes that are merged: what they changed, as packages to add and to leave out.

use std::collections::{BTreeMap, BTreeSet};

use ocirepo::digest::Digest;
use ocirepo::reference::{Reference, Selector, Tag};
use ocirepo_native::Client;
use ocirepo_native::publish::lost;
use ocirepo_rpm::checksum::Checksum;
use ocirepo_rpm::create::records::is_of_packages;
use ocirepo_rpm::create::{Entry, Identified, New};
use ocirepo_rpm::error::MetadataError;
use ocirepo_rpm::filelists::Filelists;
use ocirepo_rpm::layout::format::PARENT;
use ocirepo_rpm::layout::{Layout, tags};
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::other::Other;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::publish::Destination;
use ocirepo_rpm::snapshot::{Options, Snapshot};
use ocirepo_rpm::write::{filelists_element, other_element, primary_element};

use super::before::{Before, Old};
use super::scan::{Content, Scanned};
use super::spool::{Document, Spool};
use crate::exit::{Exit, Failure};
use crate::output::note;
use crate::repository;

/// What lost publishes changed. The packages they added are among those that were scanned.
#[derive(Debug, Default)]
pub(crate) struct Merges {
    /// Their roots.
    pub(crate) roots: Vec<Digest>,
    /// The content that they removed.
    pub(crate) removed: BTreeSet<Checksum>,
}

/// Finds out what the snapshots with these tags changed, and adds their packages to those
/// that were scanned. Those that are in the history of the moving tag are passed over.
pub(crate) async fn merge(
    client: &Client,
    snapshots: &[Tag],
    to: &Destination,
    scanned: &mut Scanned,
) -> Result<Merges, Failure> {
    let mut merges = Merges::default();
    if snapshots.is_empty() {
        return Ok(merges);
    }
    let numbered = numbered(snapshots, to)?;
    let found = find(client, numbered, to).await?;
    let mut changes: Vec<Change<'_>> = Vec::new();
    // The oldest first: a later one may have been made on top of it.
    for (tag, lost) in found {
        let (change, removed) = Change::read(client, tag, lost).await?;
        for earlier in &mut changes {
            earlier.added.retain(|one| !removed.contains(&one.checksum));
        }
        merges.roots.push(change.before.snapshot.digest());
        merges.removed.extend(removed);
        changes.push(change);
    }
    for change in changes {
        change.put(scanned).await?;
    }
    Ok(merges)
}

/// The tags with their numbers, in the order of these, each once.
fn numbered(snapshots: &[Tag], to: &Destination) -> Result<BTreeSet<(u64, Tag)>, Failure> {
    let number = |tag: &Tag| match tags::Snapshot::parse(tag) {
        Some(snapshot) if snapshot.moving == to.tag.as_str() => {
            Ok((snapshot.sequence, tag.clone()))
        }
        _ => Err(Failure::usage(format!(
            "{tag} is not the tag of a snapshot of {moving}, which is such as \
             {moving}-s7-0123456789ab; `ocirepo ls` warns of those that can be merged",
            moving = to.tag
        ))),
    };
    snapshots.iter().map(number).collect()
}

/// Opens those that are not in the history of the moving tag.
async fn find(
    client: &Client,
    numbered: BTreeSet<(u64, Tag)>,
    to: &Destination,
) -> Result<Vec<(Tag, Snapshot)>, Failure> {
    if to.layout == Some(Layout::Tree) {
        return Err(tree(to));
    }
    let current = open(client, to, to.tag.clone().into()).await?;
    if current.layout() == Layout::Tree {
        return Err(tree(to));
    }
    let lost = lost(client, &to.tag, &current).await?;
    let mut found = Vec::new();
    for (_, tag) in numbered {
        let snapshot = open(client, to, tag.clone().into()).await?;
        if lost.iter().any(|lost| lost.tag == tag) {
            found.push((tag, snapshot));
        } else {
            note(
                "note",
                &format!(
                    "{tag} is in the history of {} already, or merged: there is nothing to merge",
                    to.tag
                ),
            );
        }
    }
    Ok(found)
}

fn tree(to: &Destination) -> Failure {
    Failure::usage(format!(
        "{} is a tree, which has no snapshots that could be merged",
        to.repository
    ))
}

async fn open(client: &Client, to: &Destination, selector: Selector) -> Result<Snapshot, Failure> {
    let reference = Reference::new(to.repository.clone());
    let reference = match selector {
        Selector::Tag(tag) => reference.with_tag(tag),
        Selector::Digest(digest) => reference.with_digest(digest),
    };
    repository::open(client, &reference, Options::default()).await
}

/// What a lost publish changed.
struct Change<'a> {
    tag: Tag,
    before: Before<'a>,
    /// The packages it added.
    added: Vec<Entry>,
}

impl<'a> Change<'a> {
    /// Compares a snapshot with the one it was made on. Also gives what it removed.
    async fn read(
        client: &'a Client,
        tag: Tag,
        lost: Snapshot,
    ) -> Result<(Self, BTreeSet<Checksum>), Failure> {
        let parent = parent(client, &tag, &lost).await?;
        let mut before = Before::read(client, &lost).await?;
        let mut added = std::mem::take(&mut before.entries);
        let checksums = |entries: &[Entry]| {
            let entries = entries.iter().map(|entry| entry.checksum);
            entries.collect::<BTreeSet<Checksum>>()
        };
        let had = parent.as_ref().map(|parent| checksums(&parent.entries));
        let had = had.unwrap_or_default();
        let has = checksums(&added);
        added.retain(|entry| !had.contains(&entry.checksum));
        warn_of_others(&tag, &before, parent.as_ref()).await?;
        let change = Self { tag, before, added };
        Ok((change, had.difference(&has).copied().collect()))
    }

    /// Adds the packages to those that were scanned.
    async fn put(mut self, scanned: &mut Scanned) -> Result<(), Failure> {
        let mut places = BTreeMap::new();
        for entry in self.added {
            // Of copies of a package one is added: the first, which is described first, too.
            if places.contains_key(&entry.checksum) {
                continue;
            }
            places.insert(entry.checksum, scanned.new.len());
            let content = Content::Registry(self.before.package(&entry).await?);
            scanned.contents.push(content);
            scanned.new.push(New {
                file: format!("{} of {}", entry.location, self.tag),
                entry,
            });
        }
        scanned.spool.grow(scanned.new.len());
        let mut described = Described {
            spool: &mut scanned.spool,
            places,
        };
        let mut documents = vec![
            (Document::Primary, "primary"),
            (Document::Filelists, "filelists"),
            (Document::Other, "other"),
        ];
        let repomd = self.before.snapshot.repomd();
        if repomd.record("filelists-ext").is_some() {
            documents.push((Document::Extended, "filelists-ext"));
        }
        for (document, kind) in documents {
            let old = self.before.metadata(kind).await?;
            tokio::task::block_in_place(|| described.describe(document, old))?;
        }
        Ok(())
    }
}

/// The snapshot that a lost one was made on, if there was one.
async fn parent<'a>(
    client: &'a Client,
    tag: &Tag,
    lost: &Snapshot,
) -> Result<Option<Before<'a>>, Failure> {
    let parent = lost.root().and_then(|root| root.annotations().get(PARENT));
    let Some(parent) = parent else {
        return Ok(None);
    };
    let digest: Digest = parent.parse().map_err(|error| {
        Failure::verification(format!("{tag} names {parent} as its parent: {error}"))
    })?;
    let reference = Reference::new(lost.repository().clone()).with_digest(digest);
    let opened = repository::open(client, &reference, Options::default()).await;
    let snapshot = opened.map_err(|error| match error.exit() {
        Exit::NotFound => Failure::not_found(format!(
            "{tag} was made on {digest}, which is gone, so nobody can tell what it changed; \
             push its packages again"
        )),
        _ => error,
    })?;
    Before::read(client, &snapshot).await.map(Some)
}

/// Says what else a lost publish changed, which is not merged.
async fn warn_of_others(
    tag: &Tag,
    lost: &Before<'_>,
    parent: Option<&Before<'_>>,
) -> Result<(), Failure> {
    let records = |before: &Before<'_>| -> BTreeMap<String, Checksum> {
        let records = before.snapshot.repomd().records.iter();
        let records = records.filter(|record| !is_of_packages(&record.kind));
        let records = records.map(|record| (record.kind.clone(), record.checksum));
        records.collect()
    };
    let (mut kinds, mut files) = (records(lost), lost.others().await?);
    if let Some(parent) = parent {
        let (old_kinds, old_files) = (records(parent), parent.others().await?);
        kinds.retain(|kind, checksum| old_kinds.get(kind) != Some(checksum));
        files.retain(|path, file| old_files.get(path).map(|old| old.digest) != Some(file.digest));
    }
    let files = files.into_keys().map(|path| path.to_string());
    let others: Vec<String> = kinds.into_keys().chain(files).collect();
    if !others.is_empty() {
        note(
            "warning",
            &format!(
                "{tag} also changed {}, which is not merged; give that again if it is wanted",
                others.join(", ")
            ),
        );
    }
    Ok(())
}

/// Where what the metadata says of packages goes.
struct Described<'a> {
    spool: &'a mut Spool,
    places: BTreeMap<Checksum, usize>,
}

impl Described<'_> {
    fn describe(&mut self, document: Document, old: Old) -> Result<(), Failure> {
        let file = old.record.location.path().to_owned();
        let limits = Limits::default();
        let opened = metadata::open(&old.record, old.source, limits)?;
        match document {
            Document::Primary => self.put(
                document,
                Primary::open(opened, &file, limits)?,
                primary_element,
            ),
            Document::Other => {
                self.put(document, Other::open(opened, &file, limits)?, other_element)
            }
            Document::Filelists | Document::Extended => {
                let extended = document == Document::Extended;
                self.put(document, Filelists::open(opened, &file, limits)?, |files| {
                    filelists_element(files, extended)
                })
            }
        }?;
        let lacking = self.places.values();
        let mut lacking = lacking.filter(|at| !self.spool.has(document, **at));
        match lacking.next() {
            None => Ok(()),
            Some(_) => Err(Failure::verification(format!(
                "{file} says nothing of a package that primary lists; push the packages again \
                 instead of merging"
            ))),
        }
    }

    fn put<T: Identified>(
        &mut self,
        document: Document,
        stream: impl Iterator<Item = Result<T, MetadataError>>,
        element: impl Fn(&T) -> String,
    ) -> Result<(), Failure> {
        for item in stream {
            let item = item?;
            if let Some(at) = self.places.get(&item.pkgid())
                && !self.spool.has(document, *at)
            {
                self.spool.put_one(document, *at, &element(&item))?;
            }
        }
        Ok(())
    }
}
