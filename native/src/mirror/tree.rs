//! Copying a repository in the layout `tree`: a repository for each file.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use ocirepo::reference::{Repository, Tag};
use ocirepo_rpm::name;

use super::place::Place;
use super::{Copied, Options, copy};
use crate::client::Client;
use crate::error::{Error, Result};

/// Files copied at a time.
const AT_ONCE: usize = 8;

/// Copies the repositories of the files of a tree, one stage after the other, each stage in
/// any order. So that readers of the target always find what `repomd.xml` names, that is
/// the last stage, its signature the one before, and the other metadata the one before
/// that. Each file is named by its path.
///
/// # Errors
/// [`Error::NotFound`] when a file is not there; [`Error::Impossible`] when a path has no
/// name in the target; whatever the exchanges fail with.
pub async fn copy_tree(
    client: &Client,
    from: &Repository,
    to: &Repository,
    stages: &[Vec<String>],
    options: &Options,
) -> Result<Copied> {
    let mut all = Copied::default();
    let total = stages.iter().map(Vec::len).sum::<usize>() as u64;
    let mut done = 0;
    for stage in stages {
        let copies = stage
            .iter()
            .map(|path| file(client, from, to, path, options));
        let mut copies = stream::iter(copies.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        while let Some(copied) = copies.try_next().await? {
            all.add(&copied);
            done += 1;
            if let Some(tell) = &options.on_progress {
                tell(done, total);
            }
        }
    }
    Ok(all)
}

async fn file(
    client: &Client,
    from: &Repository,
    to: &Repository,
    path: &str,
    options: &Options,
) -> Result<Copied> {
    let place = |repository: &Repository| -> Result<Place> {
        let name = name::encode_path(repository.name(), path)
            .map_err(|error| Error::Impossible(error.to_string()))?;
        let repository = Repository::new(repository.registry.clone(), &name)
            .map_err(|error| Error::Impossible(format!("{name}: {error}")))?;
        Ok(Place::registry(client, &repository))
    };
    let latest = Tag::latest();
    let options = Options {
        // How far one file is means nothing.
        on_progress: None,
        ..*options
    };
    copy(
        &place(from)?,
        &latest.clone().into(),
        &place(to)?,
        &latest,
        options,
    )
    .await
}
