//! What is checked before a snapshot is handed out.

use super::{Opening, Parts};
use crate::checksum::{Checksum, ChecksumHasher};
use crate::native::Part;
use crate::signature::{self, Good};
use crate::snapshot::error::{Problem, SnapshotError};
use crate::snapshot::{Content, Mark, Named, Snapshot};

impl Opening {
    /// What came out of an archive has no digest that anybody vouches for but repomd's.
    pub(super) fn check_unpacked(&self, parts: &Parts) -> Result<(), SnapshotError> {
        let Content::Files { unpacked, .. } = &parts.content else {
            return Ok(());
        };
        for record in &parts.repomd.records {
            let path = record.location.path();
            if let Some(content) = unpacked.get(path)
                && !has(content, &record.checksum)
            {
                return Err(self.error(Problem::ArchiveContent(path.to_owned())));
            }
        }
        Ok(())
    }

    pub(super) fn finish(
        &self,
        parts: Parts,
        signature: Option<Vec<u8>>,
    ) -> Result<Snapshot, SnapshotError> {
        let signer = self.verify(&parts.raw_repomd, signature.as_deref())?;
        let is_native = matches!(parts.content, Content::Native { .. });
        let records = parts.repomd.records.iter().filter(|record| {
            // What is made from the catalogue is nowhere under its digest.
            !is_native || Part::of_kind(&record.kind).is_none()
        });
        let named = records.map(|record| {
            let named = Named {
                checksum: record.checksum,
                size: record.size,
                package: false,
                shard: None,
            };
            (Box::from(record.location.path()), named)
        });
        let snapshot = Snapshot {
            repository: self.repository.clone(),
            named: named.collect(),
            content: parts.content,
            raw_repomd: parts.raw_repomd,
            repomd: parts.repomd,
            signature,
            signer,
            root_signature: self.root_signature.clone(),
            packages_learnt: false,
        };
        let found = snapshot.mark();
        if let Some(seen) = self.options.seen
            && !self.options.allow_rollback
            && !seen.allows(&found)
        {
            let describe = |mark: &Mark| match (mark.sequence, mark.revision) {
                (Some(sequence), _) => format!("number {sequence}"),
                (None, Some(revision)) => format!("revision {revision}"),
                (None, None) => "not numbered".to_owned(),
            };
            return Err(self.error(Problem::Rollback {
                seen: describe(&seen),
                found: describe(&found),
            }));
        }
        if let Some(max_age) = self.options.max_age {
            snapshot.check_age(max_age, self.options.now)?;
        }
        Ok(snapshot)
    }

    fn verify(
        &self,
        repomd: &[u8],
        signature: Option<&[u8]>,
    ) -> Result<Option<Good>, SnapshotError> {
        let Some(keys) = &self.options.keys else {
            return Ok(None);
        };
        let signature = signature.ok_or_else(|| self.error(Problem::Unsigned))?;
        signature::verify(repomd, signature, keys, self.options.now)
            .and_then(signature::Verdict::into_good)
            .map(Some)
            .map_err(|error| self.error(Problem::BadSignature(error)))
    }
}

/// Whether content has a checksum, of a kind that proves something.
fn has(content: &[u8], checksum: &Checksum) -> bool {
    ChecksumHasher::new(checksum.kind()).is_ok_and(|mut hasher| {
        hasher.update(content);
        hasher.finish() == *checksum
    })
}
