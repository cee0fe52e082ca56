//! The files of the new snapshot, and where their content is.

use ocirepo::Digest;
use ocirepo_native::publish::{Local, Sources};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::format::REPOMD;
use ocirepo_rpm::publish::File;

use crate::exit::Failure;

/// The files of the new snapshot.
pub(super) struct Files {
    pub(super) files: Vec<File>,
    pub(super) sources: Sources,
}

impl Files {
    pub(super) fn add(&mut self, path: Href, digest: Digest, size: u64, local: Option<Local>) {
        if let Some(local) = local {
            self.sources.insert(path.path(), local);
        }
        self.files.push(File { path, digest, size });
    }

    /// Adds `repomd.xml` and its signature.
    pub(super) fn add_repomd(
        &mut self,
        signature: Option<(File, Option<Local>)>,
        repomd: Vec<u8>,
    ) -> Result<(), Failure> {
        let path = Href::from_path(REPOMD).map_err(Failure::failed)?;
        for (file, local) in signature.into_iter().chain([at_hand(path, repomd)]) {
            self.add(file.path, file.digest, file.size, local);
        }
        Ok(())
    }
}

/// A file whose content is at hand.
pub(super) fn at_hand(path: Href, content: Vec<u8>) -> (File, Option<Local>) {
    (File::of(path, &content), Some(Local::Bytes(content.into())))
}
