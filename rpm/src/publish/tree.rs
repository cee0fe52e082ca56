//! The plan of `tree`: a repository for each file.

use ocirepo::descriptor::Descriptor;
use ocirepo::reference::{Repository, Tag};

use super::error::{Problem, PublishError};
use super::{
    BlobPush, Destination, File, ManifestPush, Parent, Plan, Source, Stage, artifact, empty_config,
    layer, rank,
};
use crate::layout::Layout;
use crate::layout::format::FILE;
use crate::name;

/// Packages and other files first, then hashed metadata, the signature, `repomd.xml`:
/// a reader in the middle of it finds the old `repomd.xml` with everything under it.
pub(super) fn plan(
    files: &[&File],
    to: &Destination,
    parent: Option<&Parent>,
) -> Result<Plan, PublishError> {
    let mut stages: Vec<Stage> = Vec::new();
    for stage in [3, 2, 1, 0] {
        let files: Vec<&File> = (files.iter().copied())
            .filter(|file| rank(file.path.path()) == stage)
            .collect();
        if !files.is_empty() {
            stages.push(of(&files, to, parent)?);
        }
    }
    Ok(Plan {
        layout: Layout::Tree,
        stages,
        root: None,
        sequence: None,
        unchanged: false,
    })
}

fn of(files: &[&File], to: &Destination, parent: Option<&Parent>) -> Result<Stage, PublishError> {
    let mut stage = Stage::default();
    for file in files {
        let path = file.path.path();
        let name = name::encode_path(to.repository.name(), path)?;
        let repository = Repository::new(to.repository.registry.clone(), &name)
            .map_err(|_| Problem::Repository(name))?;
        let known =
            parent.is_some_and(|parent| parent.has_file(&to.repository, path, &file.digest));
        let layer = layer(file);
        let push = |descriptor: Descriptor, source| BlobPush {
            repository: repository.clone(),
            descriptor,
            source,
            known,
        };
        let (config, content) = empty_config();
        if config.digest != layer.digest {
            stage.blobs.push(push(config, Source::Bytes(content)));
        }
        let source = Source::File(file.path.clone());
        stage.blobs.push(push(layer.clone(), source));
        stage.manifests.push(ManifestPush {
            repository: repository.clone(),
            selector: Tag::latest().into(),
            manifest: artifact(FILE, vec![layer]).to_manifest(),
            // What the tag points at now is more than the last snapshot can tell: it may be
            // what is left of a push that was interrupted.
            known: false,
        });
    }
    Ok(stage)
}
