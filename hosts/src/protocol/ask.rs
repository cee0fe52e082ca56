//! One operation, as a line asks for it.

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use ocirepo::operation::Upload;
use ocirepo::reference::{Reference, Repository, Selector};
use ocirepo::sink::Content;
use ocirepo::{Digest, Location};

use super::{number, unknown};

/// One operation of a batch.
#[derive(Debug)]
pub struct Job {
    /// What answers name it by.
    pub id: String,
    /// What is asked for.
    pub ask: Ask,
    /// Cancel it when so many bytes of the blob were moved.
    pub cancel: Option<u64>,
}

/// What can be asked for.
#[derive(Debug)]
#[expect(
    missing_docs,
    reason = "each is the operation of the session of that name"
)]
pub enum Ask {
    Ping(Repository),
    Resolve(Repository, Selector),
    PullManifest(Repository, Selector, PathBuf),
    PullBlob(Repository, Content, PathBuf),
    PullRange(Repository, Digest, Range<u64>, PathBuf),
    Exists(Repository, Digest),
    PushBlob(Repository, PathBuf, Option<Digest>, Upload),
    PushManifest(Repository, Selector, PathBuf),
    Tags(Repository),
    Repositories(Repository),
    Referrers(Repository, Digest, Option<String>),
    DeleteManifest(Repository, Selector),
    DeleteBlob(Repository, Digest),
}

impl Job {
    pub(super) fn parse(words: &[&str]) -> io::Result<Self> {
        let [id, operation, at, rest @ ..] = words else {
            return Err(unknown(words));
        };
        let place: Location = at.parse().map_err(io::Error::other)?;
        let place = place.into_reference();
        let mut cancel = None;
        let ask = match (*operation, rest) {
            ("ping", []) => Ask::Ping(repository(&place)),
            ("resolve", []) => Ask::Resolve(repository(&place), selector(&place)?),
            ("pull-manifest", [file]) => {
                Ask::PullManifest(repository(&place), selector(&place)?, file.into())
            }
            ("pull-blob", [size, file, options @ ..]) => {
                cancel = pull_options(options)?;
                let digest = digest(&place)?;
                let content = match *size {
                    "-" => Content::from(digest),
                    size => Content {
                        size: Some(number(size)?),
                        ..Content::from(digest)
                    },
                };
                Ask::PullBlob(repository(&place), content, file.into())
            }
            ("pull-range", [first, end, file]) => {
                let range = number(first)?..number(end)?;
                Ask::PullRange(repository(&place), digest(&place)?, range, file.into())
            }
            ("exists", []) => Ask::Exists(repository(&place), digest(&place)?),
            ("push-blob", [file, options @ ..]) => {
                let mut upload = Upload::default();
                let mut known = None;
                for option in options {
                    match option.split_once('=').unwrap_or((option, "")) {
                        ("digest", digest) => {
                            known = Some(digest.parse().map_err(io::Error::other)?);
                        }
                        ("chunk", bytes) => upload.chunk = Some(number(bytes)?),
                        ("single", "") => upload.single_request = true,
                        ("check", "") => upload.check = true,
                        ("mount", name) => {
                            let registry = place.repository().registry.clone();
                            let from = Repository::new(registry, name).map_err(io::Error::other)?;
                            upload.mount_from = Some(from);
                        }
                        ("cancel", bytes) => cancel = Some(number(bytes)?),
                        _ => return Err(unknown(words)),
                    }
                }
                Ask::PushBlob(repository(&place), file.into(), known, upload)
            }
            ("push-manifest", [file]) => {
                Ask::PushManifest(repository(&place), selector(&place)?, file.into())
            }
            ("tags", []) => Ask::Tags(repository(&place)),
            ("repositories", []) => Ask::Repositories(repository(&place)),
            ("referrers", options) => {
                let kind = match options {
                    [] => None,
                    [option] => Some(option.strip_prefix("type=").ok_or_else(|| unknown(words))?),
                    _ => return Err(unknown(words)),
                };
                Ask::Referrers(repository(&place), digest(&place)?, kind.map(str::to_owned))
            }
            ("delete-manifest", []) => Ask::DeleteManifest(repository(&place), selector(&place)?),
            ("delete-blob", []) => Ask::DeleteBlob(repository(&place), digest(&place)?),
            _ => return Err(unknown(words)),
        };
        Ok(Self {
            id: (*id).to_owned(),
            ask,
            cancel,
        })
    }
}

fn pull_options(options: &[&str]) -> io::Result<Option<u64>> {
    match options {
        [] => Ok(None),
        [option] => match option.strip_prefix("cancel=") {
            Some(bytes) => number(bytes).map(Some),
            None => Err(unknown(options)),
        },
        _ => Err(unknown(options)),
    }
}

fn repository(place: &Reference) -> Repository {
    place.repository().clone()
}

fn digest(place: &Reference) -> io::Result<Digest> {
    place
        .digest()
        .ok_or_else(|| io::Error::other(format!("{place} has no digest")))
}

fn selector(place: &Reference) -> io::Result<Selector> {
    match (place.digest(), place.tag()) {
        (Some(digest), _) => Ok(digest.into()),
        (None, Some(tag)) => Ok(tag.clone().into()),
        (None, None) => Err(io::Error::other(format!("{place} has no tag or digest"))),
    }
}
