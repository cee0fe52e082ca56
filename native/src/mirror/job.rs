//! One copy: the walk, carried out, and then the tags.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, FuturesUnordered, StreamExt as _, TryStreamExt as _};
use ocirepo::reference::Tag;
use ocirepo::{Descriptor, Digest};
use ocirepo_rpm::layout::{format, tags};
use ocirepo_rpm::mirror::walk::{Step, Walk};
use tokio::sync::Mutex;

use super::blobs::Blobs;
use super::place::Place;
use super::roots::{Roots, bare};
use super::transfer::{Outcome, Task, Transfer, Waiting};
use super::{Copied, Options, too_many};
use crate::error::Result;
use crate::file::blocking;

/// Manifests, or tags, dealt with at a time.
const AT_ONCE: usize = 16;

/// Copies what some roots reach.
pub(super) async fn run(
    from: &Place,
    to: &Place,
    mut roots: Roots,
    options: &Options,
) -> Result<Copied> {
    let known = match options.recheck {
        true => BTreeSet::new(),
        false => std::mem::take(&mut roots.known),
    };
    let transfer = Transfer {
        from,
        to,
        options,
        there: std::mem::take(&mut roots.there),
        blobs: Blobs::new(from.clone(), to.clone(), known),
        about: Mutex::new(()),
    };
    let mut progress = Progress {
        copied: Copied {
            root: roots.root,
            ..Copied::default()
        },
        roots,
        ..Progress::default()
    };
    progress.begin()?;
    progress.manifests(&transfer).await?;
    match to {
        Place::Registry { .. } => progress.tags(&transfer).await?,
        Place::Directory(directory) => {
            let layout = directory.layout.clone();
            let (tags, untagged) = progress.list();
            blocking(move || layout.list(&tags, &untagged)).await?;
        }
    }
    progress.copied.blobs = transfer.blobs.counted();
    Ok(progress.copied)
}

/// How far the copy is.
#[derive(Default)]
struct Progress {
    roots: Roots,
    walk: Walk,
    /// Read, but not written yet.
    waiting: BTreeMap<Digest, Waiting>,
    /// Manifests about others. Their lists may lack them although they are there.
    about: BTreeSet<Digest>,
    /// The same, for the list of a directory.
    untagged: Vec<Descriptor>,
    /// Tags of what was found below others, for the list of a directory.
    below: Vec<(Tag, Descriptor)>,
    copied: Copied,
}

impl Progress {
    fn begin(&mut self) -> Result<()> {
        let roots = &self.roots;
        let moving = roots.moving.iter().map(|(_, to, _)| to);
        let fixed = roots.fixed.iter().map(|(_, to)| to);
        for root in roots.untagged.iter().chain(fixed).chain(moving) {
            self.walk.add(root.clone()).map_err(too_many)?;
        }
        Ok(())
    }

    /// Copies everything but the tags of roots.
    async fn manifests(&mut self, transfer: &Transfer<'_>) -> Result<()> {
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < AT_ONCE
                && let Some(step) = self.walk.step()
            {
                if let Some(task) = self.task(step) {
                    running.push(transfer.perform(task));
                }
            }
            let Some(outcome) = running.next().await else {
                return Ok(());
            };
            self.take(outcome?)?;
            if let Some(tell) = &transfer.options.on_progress {
                let done = self.copied.written + self.copied.present;
                tell(done, self.walk.found() as u64);
            }
        }
    }

    fn task(&mut self, step: Step) -> Option<Task> {
        let early = |digest| self.roots.early.get(digest).cloned().unwrap_or_default();
        match step {
            Step::Read(descriptor) => {
                let digest = descriptor.digest;
                let tags = early(&digest);
                let below = tags.iter().map(|tag| (tag.clone(), bare(&descriptor)));
                self.below.extend(below);
                Some(Task::Read {
                    tags,
                    attached: self.roots.attached.remove(&digest).unwrap_or_default(),
                    always: self.about.contains(&digest),
                    descriptor: Box::new(descriptor),
                })
            }
            Step::Write(digest) => {
                let tags = early(&digest);
                let waiting = self.waiting.remove(&digest)?;
                if waiting.manifest.subject().is_some() {
                    self.untagged.push(waiting.manifest.referrer());
                }
                Some(Task::Write(waiting, tags))
            }
        }
    }

    fn take(&mut self, outcome: Outcome) -> Result<()> {
        match outcome {
            Outcome::Read {
                digest,
                read,
                referrers,
                attached,
            } => {
                for found in referrers {
                    self.about.insert(found.digest);
                    self.walk.add(found).map_err(too_many)?;
                }
                for (tag, found) in attached {
                    self.walk.add(found.clone()).map_err(too_many)?;
                    self.roots.fixed.push((tag, found));
                }
                match read {
                    Some(read) => {
                        let children = read.manifest.children();
                        if read.manifest.annotations().contains_key(format::LAYOUT) {
                            self.tag_children(children);
                        }
                        self.walk.read(&digest, children).map_err(too_many)?;
                        self.waiting.insert(digest, read);
                    }
                    None => {
                        self.walk.written(&digest);
                        self.copied.present += 1;
                    }
                }
            }
            Outcome::Written { digest, present } => {
                self.walk.written(&digest);
                match present {
                    true => self.copied.present += 1,
                    false => self.copied.written += 1,
                }
            }
        }
        Ok(())
    }

    /// What is below an index of ours has tags that keep it, though whoever copied the
    /// index to where we find it may have left them behind.
    fn tag_children(&mut self, children: &[Descriptor]) {
        for child in children {
            let tags = self.roots.early.entry(child.digest).or_default();
            if let Some(tag) = tags::child(&child.digest)
                && !tags.contains(&tag)
            {
                tags.push(tag);
            }
        }
    }

    /// Puts the tags of roots, those that move last.
    async fn tags(&mut self, transfer: &Transfer<'_>) -> Result<()> {
        let mut fixed: BTreeMap<Digest, BTreeSet<Tag>> = BTreeMap::new();
        for (tag, to) in std::mem::take(&mut self.roots.fixed) {
            fixed.entry(to.digest).or_default().insert(tag);
        }
        let puts = fixed
            .iter()
            .map(|(digest, tags)| transfer.tag(digest, tags));
        let put: Vec<Vec<Tag>> = stream::iter(puts.collect::<Vec<_>>())
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        self.copied.tags.extend(put.into_iter().flatten());
        for (tag, to, before) in std::mem::take(&mut self.roots.moving) {
            if before.is_none_or(|before| before.digest != to.digest) {
                let manifest = transfer.from.required(&to.digest).await?;
                transfer.to.put(tag.clone().into(), manifest).await?;
                self.copied.tags.push(tag);
            }
        }
        // What was asked for is done; a mark that cannot be put is no failure of it.
        for (tag, old) in std::mem::take(&mut self.roots.superseded) {
            match transfer.to.put(tag.clone().into(), old).await {
                Ok(_) => self.copied.tags.push(tag),
                Err(_) => self.copied.unmarked.push(tag),
            }
        }
        Ok(())
    }

    /// Everything that a directory lists.
    fn list(&mut self) -> (Vec<(Tag, Descriptor)>, Vec<Descriptor>) {
        let roots = std::mem::take(&mut self.roots);
        let moving = roots.moving.into_iter().map(|(tag, to, _)| (tag, to));
        let superseded = (roots.superseded.into_iter()).map(|(tag, old)| (tag, old.descriptor()));
        let mut tags = std::mem::take(&mut self.below);
        tags.extend(roots.fixed.into_iter().chain(moving).chain(superseded));
        self.copied.tags = tags.iter().map(|(tag, _)| tag.clone()).collect();
        (tags, std::mem::take(&mut self.untagged))
    }
}
