//! What the manifest at the root turns out to be.

use std::collections::BTreeMap;

use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;

use super::{Opening, Parts, State};
use crate::layout::format::{
    CATALOGUE, REPOMD, ROLE, ROLE_METADATA, ROLE_OTHER, ROLE_PACKAGES, SHARD,
};
use crate::layout::shard::{Prefix, Shards};
use crate::layout::titles::Titles;
use crate::layout::unpack::{MAX_PACKED, unpack};
use crate::native::{Catalogue, MAX_CONFIG};
use crate::repomd::Repomd;
use crate::snapshot::error::{Problem, SnapshotError};
use crate::snapshot::{Content, List, Snapshot};

/// What errors call the config of a catalogue.
pub(super) const CONFIG: &str = "the config of the catalogue";

impl Opening {
    pub(super) fn trusted_root(
        &mut self,
        root: Manifest,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        if let Some(index) = root.as_index() {
            let Some(first) = index.manifests.first() else {
                return Err(self.error(Problem::BadIndex("it is empty")));
            };
            // An index of images has no roles; what its first child holds will tell.
            if first
                .annotation(ROLE)
                .is_some_and(|role| role != ROLE_METADATA)
            {
                return Err(self.error(Problem::BadIndex("it does not begin with the metadata")));
            }
            let list = List {
                repository: self.repository.clone(),
                selector: first.digest.into(),
            };
            let first = first.digest;
            return self.go_manifest(State::Metadata { root, first }, list);
        }
        if let Some(config) = root.config().filter(|c| c.media_type == CATALOGUE) {
            let config = config.clone();
            let state = State::Catalogue {
                config: config.digest,
                root,
            };
            let repository = self.repository.clone();
            return self.go_blob(state, repository, config, MAX_CONFIG, CONFIG);
        }
        let titles = Titles::new(root.layers());
        if let Some(layer) = self.find(&titles, REPOMD)? {
            let layer = layer.clone();
            let unpacked = BTreeMap::new();
            let content = Content::Files {
                root,
                titles,
                unpacked,
            };
            return self.go_repomd(content, None, &self.repository.clone(), layer);
        }
        if let Some(layer) = titles.archive() {
            let layer = layer.clone();
            let state = State::Archive {
                root,
                titles,
                layer: layer.digest,
            };
            let repository = self.repository.clone();
            return self.go_blob(
                state,
                repository,
                layer,
                MAX_PACKED,
                "the archive of repodata",
            );
        }
        Err(self.not_a_repository(&root))
    }

    pub(super) fn metadata(
        &mut self,
        root: Manifest,
        first: Digest,
        found: Option<Manifest>,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        let Some(metadata) = found else {
            return Err(self.error(Problem::MissingManifest { digest: first }));
        };
        let titles = Titles::new(metadata.layers());
        let Some(layer) = self.find(&titles, REPOMD)?.cloned() else {
            return Err(self.not_a_repository(&root));
        };
        let shards = |role| shards(&root, role).map_err(|why| self.error(Problem::BadIndex(why)));
        let (packages, other) = (shards(ROLE_PACKAGES)?, shards(ROLE_OTHER)?);
        let content = Content::Index {
            root,
            metadata,
            titles,
            packages,
            other,
        };
        self.go_repomd(content, None, &self.repository.clone(), layer)
    }

    pub(super) fn archive(
        &mut self,
        root: Manifest,
        titles: Titles,
        packed: &[u8],
    ) -> Result<Option<Snapshot>, SnapshotError> {
        let mut unpacked = unpack(packed).map_err(|error| self.error(Problem::Archive(error)))?;
        let Some(raw) = unpacked.remove(REPOMD) else {
            return Err(self.error(Problem::NoFile(
                "the archive of repodata holds no repomd.xml",
            )));
        };
        let content = Content::Files {
            root,
            titles,
            unpacked,
        };
        self.repomd(content, None, raw)
    }

    pub(super) fn catalogue(
        &mut self,
        root: Manifest,
        config: &[u8],
    ) -> Result<Option<Snapshot>, SnapshotError> {
        let catalogue = Catalogue::parse(config, root.layers())
            .map_err(|error| self.error(Problem::Metadata(error)))?;
        let raw_repomd = catalogue.raw_repomd().into_bytes();
        let repomd =
            Repomd::parse(&raw_repomd).map_err(|error| self.error(Problem::Metadata(error)))?;
        let signature = catalogue.signature().map(|text| text.as_bytes().to_vec());
        let parts = Parts {
            content: Content::Native {
                titles: Titles::of_paths(root.layers()),
                root,
                catalogue,
            },
            tree: None,
            raw_repomd,
            repomd,
        };
        self.finish(parts, signature).map(Some)
    }
}

/// The shards of one role in an index.
fn shards(root: &Manifest, role: &str) -> Result<Shards<Descriptor>, &'static str> {
    let of_role = |child: &&Descriptor| child.annotation(ROLE) == Some(role);
    let shards: Option<Vec<_>> = root
        .children()
        .iter()
        .filter(of_role)
        .map(|child| Some((Prefix::parse(child.annotation(SHARD)?)?, child.clone())))
        .collect();
    Shards::new(shards.ok_or("the bits of a shard are missing or malformed")?)
        .ok_or("two of its shards overlap")
}
