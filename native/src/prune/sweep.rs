//! Carrying out what a survey found.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use ocirepo::reference::{Selector, Tag};
use ocirepo::{Digest, ErrorKind, media_type};
use ocirepo_rpm::layout::tags;
use ocirepo_rpm::mirror::names::Role;
use ocirepo_rpm::mirror::retention;

use super::reach::{self, Reach};
use super::{AT_ONCE, Doomed, Pruned, Survey, roots};
use crate::error::{Error, Result};
use crate::mirror::packages;

/// What is told how far it is: manifests deleted, and how many there are to delete.
pub type OnProgress<'a> = &'a (dyn Fn(u64, u64) + Sync);

impl Survey {
    /// Deletes what was found.
    ///
    /// # Errors
    /// [`Error::Impossible`] when the registry does not delete manifests; whatever the
    /// exchanges fail with. What was deleted by then is gone, what stays is whole, and
    /// another run goes on.
    pub async fn carry_out(mut self, tell: OnProgress<'_>) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        for (mark, digest) in std::mem::take(&mut self.marks) {
            self.mark(mark, &digest).await?;
            pruned.marked += 1;
        }
        pruned.rescued += self.rescue(&BTreeSet::new()).await?;
        self.mark_doomed().await?;
        let roots: BTreeSet<Digest> = self.expired.iter().map(|e| e.digest).collect();
        let all = self.doomed.len() as u64;
        let mut gone = BTreeSet::new();
        // One after the other: each is a snapshot that somebody might miss.
        for digest in &roots {
            if let Some(doomed) = self.doomed.get(digest) {
                self.delete(digest, doomed).await?;
                gone.insert(*digest);
                pruned.snapshots += 1;
                tell(gone.len() as u64, all);
            }
        }
        pruned.rescued += self.rescue(&gone).await?;
        let rest = self
            .doomed
            .iter()
            .filter(|(digest, _)| !gone.contains(digest));
        let deletions = rest
            .map(|(digest, doomed)| async { self.delete(digest, doomed).await.map(|()| *digest) });
        let mut deletions = stream::iter(deletions.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        let mut deleted = BTreeSet::new();
        while let Some(digest) = deletions.try_next().await? {
            deleted.insert(digest);
            tell((gone.len() + deleted.len()) as u64, all);
        }
        drop(deletions);
        gone.extend(deleted);
        pruned.rescued += self.rescue(&gone).await?;
        pruned.manifests = gone.len() as u64;
        Ok(pruned)
    }

    /// Puts a mark on something that stays for now. What is gone meanwhile needs none.
    async fn mark(&self, mark: Tag, digest: &Digest) -> Result<()> {
        let (client, repository) = (&self.client, &self.repository);
        if let Some(manifest) = client.find_manifest(repository, *digest).await? {
            client.push_manifest(repository, mark, manifest).await?;
        }
        Ok(())
    }

    /// Says of everything below the roots that go since when it is not in use: when this
    /// run ends before its time, nothing else says that.
    async fn mark_doomed(&self) -> Result<()> {
        let marked = retention::marked(&self.listed);
        let marks = self.doomed.iter().flat_map(|(digest, doomed)| {
            let below = doomed.tags.iter().filter(|tag| {
                matches!(Role::of(tag), Role::Child(_) | Role::Package(_))
                    && !marked.contains_key(*tag)
            });
            below
                .filter_map(|tag| tags::unused(tag, doomed.since?))
                .map(|mark| (mark, *digest, doomed.media_type.as_str()))
                .collect::<Vec<_>>()
        });
        let puts = marks.map(|(mark, digest, kind)| async move {
            let manifest = self.spool.get(&digest, kind)?;
            let (client, repository) = (&self.client, &self.repository);
            client.push_manifest(repository, mark, manifest).await
        });
        stream::iter(puts.collect::<Vec<_>>())
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?;
        Ok(())
    }

    /// Reads the tags again. What they reach now, and did not before, stays; if it is gone
    /// already, it is put back. Returns how many manifests that saved.
    async fn rescue(&mut self, gone: &BTreeSet<Digest>) -> Result<u64> {
        let (client, repository) = (self.client.clone(), self.repository.clone());
        let listed: BTreeSet<Tag> = client.tags(&repository).await?.into_iter().collect();
        let now = roots(&client, &repository, &listed).await?;
        let new: BTreeSet<Digest> = now
            .iter()
            .filter(|(tag, digest)| self.roots.get(*tag) != Some(digest))
            .map(|(_, digest)| *digest)
            .collect();
        self.roots.extend(now);
        // What is gone cannot be read from the registry any more.
        let mut in_use: BTreeSet<Digest> = BTreeSet::new();
        let mut catalogues = Vec::new();
        let mut begin: Vec<Digest> = new.into_iter().collect();
        while !begin.is_empty() {
            let (lost, there): (Vec<_>, Vec<_>) =
                begin.drain(..).partition(|digest| gone.contains(digest));
            let Reach { manifests, .. } = reach::from(
                &client,
                &repository,
                there,
                |digest| self.kept.manifests.contains(digest),
                &mut |manifest| {
                    if packages::is_catalogue(manifest) {
                        catalogues.push(manifest.clone());
                    }
                    Ok(())
                },
            )
            .await?;
            for root in std::mem::take(&mut catalogues) {
                let named = packages::of(&self.place(), &root).await?;
                let saved = self
                    .doomed
                    .iter()
                    .filter(|(_, doomed)| doomed.tags.iter().any(|tag| named.contains(tag)));
                begin.extend(saved.map(|(digest, _)| *digest));
                self.packages.extend(named);
            }
            for digest in lost.into_iter().chain(manifests) {
                if !in_use.insert(digest) || !gone.contains(&digest) {
                    continue;
                }
                if let Some(doomed) = self.doomed.get(&digest) {
                    let manifest = self.spool.get(&digest, &doomed.media_type)?;
                    begin.extend(manifest.children().iter().map(|child| child.digest));
                }
            }
            let about = self
                .doomed
                .iter()
                .filter(|(_, doomed)| doomed.about.is_some_and(|about| in_use.contains(&about)));
            begin.extend(about.map(|(digest, _)| *digest));
            begin.retain(|digest| !in_use.contains(digest));
        }
        let saved: BTreeMap<Digest, Doomed> = in_use
            .iter()
            .filter_map(|digest| Some((*digest, self.doomed.remove(digest)?)))
            .collect();
        self.kept.manifests.extend(in_use);
        // Indexes after what they list.
        let (images, indexes): (Vec<_>, Vec<_>) = (saved.iter())
            .filter(|(digest, _)| gone.contains(digest))
            .partition(|(_, doomed)| media_type::is_image(&doomed.media_type));
        for (digest, doomed) in images.into_iter().chain(indexes) {
            let manifest = self.spool.get(digest, &doomed.media_type)?;
            let tags = doomed.tags.iter().cloned().map(Selector::from);
            for selector in tags.chain([Selector::from(*digest)]) {
                let manifest = manifest.clone();
                client
                    .push_manifest(&repository, selector, manifest)
                    .await?;
            }
        }
        Ok(saved.len() as u64)
    }

    /// Deletes a manifest with its tags. Some registries want the tags to go first.
    async fn delete(&self, digest: &Digest, doomed: &Doomed) -> Result<()> {
        let (client, repository) = (&self.client, &self.repository);
        let by_digest = || client.delete_manifest(repository, *digest);
        let refused = match by_digest().await {
            Err(error) if error.kind() == Some(ErrorKind::Refused) => error,
            result => return self.settled(result),
        };
        for tag in &doomed.tags {
            let deleted = client.delete_manifest(repository, tag.clone()).await;
            if deleted.is_err_and(|error| !error.is_not_found()) {
                return self.settled(Err(refused));
            }
        }
        self.settled(by_digest().await)
    }

    fn settled(&self, result: Result<()>) -> Result<()> {
        match result {
            Err(error) if error.is_not_found() => Ok(()),
            Err(error)
                if matches!(
                    error.kind(),
                    Some(ErrorKind::Unsupported | ErrorKind::Refused)
                ) =>
            {
                Err(Error::Impossible(format!(
                    "{}: the registry does not delete manifests; allow it there \
                     (distribution: `storage.delete.enabled`), or delete the snapshots that \
                     --dry-run lists in its own way: {error}",
                    self.repository
                )))
            }
            other => other,
        }
    }
}
