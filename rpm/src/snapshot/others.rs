//! The files of a snapshot that no metadata names: keys, `.treeinfo`, images.

use std::collections::{BTreeMap, BTreeSet};

use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;

use super::{Content, List, Snapshot};
use crate::href::Href;
use crate::layout::format::{REPODATA, ROLE, ROLE_OTHER, TITLE};

impl Snapshot {
    /// Manifests that list files which are neither packages nor metadata, and were not
    /// read yet: pull them for [`Snapshot::other_files`].
    pub fn other_lists(&self) -> Vec<List> {
        let Content::Index { root, .. } = &self.content else {
            return Vec::new();
        };
        root.children()
            .iter()
            .filter(|child| child.annotation(ROLE) == Some(ROLE_OTHER))
            .map(|child| List {
                repository: self.repository.clone(),
                selector: child.digest.into(),
            })
            .collect()
    }

    /// The files that manifests list and metadata does not name, by path: those of the
    /// manifests that were read, and of these, which [`Snapshot::other_lists`] named.
    ///
    /// The packages must have been learnt. A `tree` has no list of its files, so there
    /// are none.
    pub fn other_files(&self, lists: &[Manifest]) -> Vec<(Href, Descriptor)> {
        let titles = match &self.content {
            Content::Tree => return Vec::new(),
            Content::Files { titles, .. }
            | Content::Index { titles, .. }
            | Content::Native { titles, .. } => titles,
        };
        let names = titles.are_base_names().then(|| {
            let path = self.named.keys();
            path.map(|path| path.rsplit('/').next().unwrap_or(path))
                .chain(["repomd.xml", "repomd.xml.asc"])
                .collect::<BTreeSet<_>>()
        });
        let is_named = |path: &str| match &names {
            Some(names) => names.contains(path),
            None => self.named.contains_key(path),
        };
        let archive = titles.archive().map(|layer| layer.digest);
        let read = titles
            .iter()
            .filter(|(_, layer)| Some(layer.digest) != archive);
        let listed = lists.iter().flat_map(Manifest::layers);
        let listed = listed.filter_map(|layer| Some((layer.annotation(TITLE)?, layer)));
        let mut found = BTreeMap::new();
        for (path, layer) in read.chain(listed) {
            // A title that leads out of the repository names no file of it.
            if let Ok(href) = Href::from_path(path)
                && !path.starts_with(REPODATA)
                && !is_named(path)
            {
                found.insert(href, layer.clone());
            }
        }
        found.into_iter().collect()
    }
}
