//! `primary`, `filelists` and `other` of the new snapshot, out of the old ones and the new
//! packages.

use std::io;
use std::path::Path;

use ocirepo_rpm::create::{Entry, Identified, Merge, New, Selection, Step};
use ocirepo_rpm::error::MetadataError;
use ocirepo_rpm::filelists::Filelists;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata::{self, Opened};
use ocirepo_rpm::other::Other;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::write::{FilelistsWriter, OtherWriter, PrimaryWriter};

use super::before::Old;
use super::file::{Compression, Making, Written, make, not_written};
use super::spool::{Document, Spool};
use crate::exit::Failure;

/// What metadata is made of.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) selection: &'a Selection,
    pub(super) old: &'a [Entry],
    pub(super) new: &'a [New],
    pub(super) spool: &'a Spool,
    /// Where to write.
    pub(super) directory: &'a Path,
    pub(super) compression: Compression,
}

/// The old files, where there was a repository.
#[derive(Default)]
pub(super) struct Olds {
    pub(super) primary: Option<Old>,
    pub(super) filelists: Option<Old>,
    pub(super) other: Option<Old>,
    /// Whether `filelists-ext` is written, and the old one.
    pub(super) extended: Option<Option<Old>>,
}

/// A package to be written: one that was there, or what is to be written of a new one.
enum Item<'a, T> {
    Old(&'a T),
    New(&'a str),
}

impl Parts<'_> {
    /// Writes the documents, each in a thread of its own.
    pub(super) fn write(self, olds: Olds) -> Result<Vec<Written>, Failure> {
        let Olds {
            primary,
            filelists,
            other,
            extended,
        } = olds;
        let results = std::thread::scope(|scope| {
            let threads = [
                Some(scope.spawn(move || self.primary(primary))),
                Some(scope.spawn(move || self.filelists(filelists, false))),
                extended.map(|old| scope.spawn(move || self.filelists(old, true))),
                Some(scope.spawn(move || self.other(other))),
            ];
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                let panicked = |_| Err(Failure::failed("a thread panicked"));
                thread.join().unwrap_or_else(panicked)
            };
            threads
                .into_iter()
                .flatten()
                .map(join)
                .collect::<Vec<Result<Written, Failure>>>()
        });
        results.into_iter().collect()
    }

    fn count(&self) -> u64 {
        self.selection.count() as u64
    }

    fn primary(&self, old: Option<Old>) -> Result<Written, Failure> {
        self.document(Document::Primary, "primary", |making| {
            let mut writer = PrimaryWriter::new(making, self.count())?;
            let stream = opened(old)?.map(|(opened, file)| {
                Primary::open(opened, &file, Limits::default()).map(|stream| (stream, file))
            });
            self.merge(stream.transpose()?, Document::Primary, |item| match item {
                Item::Old(package) => writer.write(package),
                Item::New(element) => writer.write_element(element),
            })?;
            Ok(writer.finish()?)
        })
    }

    fn filelists(&self, old: Option<Old>, extended: bool) -> Result<Written, Failure> {
        let (document, kind) = match extended {
            true => (Document::Extended, "filelists-ext"),
            false => (Document::Filelists, "filelists"),
        };
        self.document(document, kind, |making| {
            let mut writer = match extended {
                true => FilelistsWriter::with_checksums(making, self.count())?,
                false => FilelistsWriter::new(making, self.count())?,
            };
            let stream = opened(old)?.map(|(opened, file)| {
                Filelists::open(opened, &file, Limits::default()).map(|stream| (stream, file))
            });
            self.merge(stream.transpose()?, document, |item| match item {
                Item::Old(package) => writer.write(package),
                Item::New(element) => writer.write_element(element),
            })?;
            Ok(writer.finish()?)
        })
    }

    fn other(&self, old: Option<Old>) -> Result<Written, Failure> {
        self.document(Document::Other, "other", |making| {
            let mut writer = OtherWriter::new(making, self.count())?;
            let stream = opened(old)?.map(|(opened, file)| {
                Other::open(opened, &file, Limits::default()).map(|stream| (stream, file))
            });
            self.merge(stream.transpose()?, Document::Other, |item| match item {
                Item::Old(package) => writer.write(package),
                Item::New(element) => writer.write_element(element),
            })?;
            Ok(writer.finish()?)
        })
    }

    fn document(
        &self,
        document: Document,
        kind: &str,
        fill: impl FnOnce(Making) -> Result<Making, Failure>,
    ) -> Result<Written, Failure> {
        tracing::debug!(?document, "writing");
        let name = format!("{kind}.xml");
        make(self.directory, kind, &name, self.compression, fill)
    }

    /// Gives every package to `put`, in its order.
    fn merge<T, I>(
        &self,
        stream: Option<(I, String)>,
        document: Document,
        mut put: impl FnMut(Item<'_, T>) -> io::Result<()>,
    ) -> Result<(), Failure>
    where
        T: Identified,
        I: Iterator<Item = Result<T, MetadataError>>,
    {
        let (stream, file) = match stream {
            Some((stream, file)) => (Some(stream), file),
            None => (None, String::new()),
        };
        let stream = stream.into_iter().flatten();
        for step in Merge::new(self.selection, self.old, self.new, stream, &file) {
            let put = match step? {
                Step::Old(package) => put(Item::Old(&package)),
                Step::New(at) => {
                    let element = self.spool.get(document, at);
                    element.and_then(|element| put(Item::New(&element)))
                }
            };
            put.map_err(|error| not_written(self.directory, error))?;
        }
        Ok(())
    }
}

/// An old metadata file that verifies itself, and what errors call it.
type Named = (Opened<Box<dyn io::Read + Send>>, String);

fn opened(old: Option<Old>) -> Result<Option<Named>, Failure> {
    let Some(Old { record, source }) = old else {
        return Ok(None);
    };
    let opened = metadata::open(&record, source, Limits::default())?;
    Ok(Some((opened, record.location.path().to_owned())))
}
