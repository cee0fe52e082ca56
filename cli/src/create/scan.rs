//! Reading packages, on all cores.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use ocirepo::digest::{Algorithm, Digest, Hasher};
use ocirepo_rpm::create::New;
use ocirepo_rpm::header::{self, Facts, HeaderOptions};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::publish;
use ocirepo_rpm::write::{filelists_element, other_element, primary_element};

use super::find::{Files, unreadable};
use super::spool::{Elements, Spool};
use crate::exit::Failure;
use crate::output::progress;

/// Size of the pieces in which files are read, in bytes.
const PIECE: usize = 256 << 10;

/// Where the content of a package is.
#[derive(Debug)]
pub(crate) enum Content {
    /// In a file on this side.
    Here(PathBuf),
    /// In the registry only.
    Registry(publish::File),
}

/// Files that were read.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// The packages.
    pub(crate) new: Vec<New>,
    /// Their content, in the same order.
    pub(crate) contents: Vec<Content>,
    /// What the metadata has of them, in the same order.
    pub(crate) spool: Spool,
    /// All others.
    pub(crate) others: BTreeMap<Href, (publish::File, PathBuf)>,
}

/// Reads every file once. With `extended`, what `filelists-ext` has of packages as well.
pub(crate) fn scan(
    found: Files,
    options: &HeaderOptions,
    extended: bool,
) -> Result<Scanned, Failure> {
    let Files { packages, others } = found;
    let total = packages.len() + others.len();
    let bar = progress::items(total as u64, "reading");
    let mut spool = Spool::new(packages.len())?;
    let mut new: Vec<Option<New>> = vec![None; packages.len()];
    let work = |(location, path): &(Href, PathBuf)| {
        let facts = package(path, location, options)?;
        let elements = Elements {
            primary: primary_element(&facts.package),
            filelists: filelists_element(&facts.files, false),
            other: other_element(&facts.changes),
            extended: extended.then(|| filelists_element(&facts.files, true)),
        };
        let entry = New {
            entry: (&facts.package).into(),
            file: path.display().to_string(),
        };
        Ok((entry, elements))
    };
    on_all_cores(&packages, work, |at, (entry, elements)| {
        spool.put(at, &elements)?;
        if let Some(place) = new.get_mut(at) {
            *place = Some(entry);
        }
        bar.inc(1);
        Ok(())
    })?;
    let others: Vec<(Href, PathBuf)> = others.into_iter().collect();
    let mut read = BTreeMap::new();
    let work = |(_, path): &(Href, PathBuf)| hash(path).map_err(|error| unreadable(path, &error));
    on_all_cores(&others, work, |at, (digest, size)| {
        if let Some((location, path)) = others.get(at) {
            let file = publish::File {
                path: location.clone(),
                digest,
                size,
            };
            read.insert(location.clone(), (file, path.clone()));
        }
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    let contents = packages.into_iter().map(|(_, path)| Content::Here(path));
    Ok(Scanned {
        new: new.into_iter().flatten().collect(),
        contents: contents.collect(),
        spool,
        others: read,
    })
}

/// Works on all items, on as many threads as there are cores, and takes the results on
/// this one, as they come. Of several errors the one of the first item counts, so that
/// the same input fails the same way.
fn on_all_cores<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, Failure> + Sync,
    mut take: impl FnMut(usize, R) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    // What was read and not taken yet is held in memory: little of it.
    let (sender, receiver) = mpsc::sync_channel(2 * cores);
    let mut failed: Option<(usize, Failure)> = None;
    std::thread::scope(|scope| {
        for _ in 0..cores.min(items.len()) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    if sender.send((at, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (at, result) in &receiver {
            if let Err(error) = result.and_then(|result| take(at, result)) {
                // Items before it are under way; none behind it needs to be begun.
                next.store(items.len(), Ordering::Relaxed);
                if failed.as_ref().is_none_or(|(first, _)| at < *first) {
                    failed = Some((at, error));
                }
            }
        }
    });
    failed.map_or(Ok(()), |(_, error)| Err(error))
}

/// Reads one package, from its beginning to its end.
fn package(path: &Path, location: &Href, options: &HeaderOptions) -> Result<Facts, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let name = path.display().to_string();
    // When a copy of the file was written on this machine is nobody's concern; on another
    // machine it would make other metadata.
    header::scan(file, &name, location.clone(), None, options).map_err(Failure::failed)
}

/// The SHA-256 and the size of a file.
pub(crate) fn hash(path: &Path) -> io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let (mut piece, mut size) = (vec![0; PIECE], 0);
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok((hasher.finish(), size));
        }
        hasher.update(piece.get(..count).unwrap_or_default());
        size += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_cores_are_all_taken() {
        let items: Vec<usize> = (0..1000).collect();
        let mut sum = 0;
        on_all_cores(
            &items,
            |item| Ok(item * 2),
            |at, twice| {
                assert_eq!(at * 2, twice);
                sum += twice;
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(sum, 999_000);
    }

    #[test]
    fn the_first_item_that_fails_is_the_one_told() {
        let items: Vec<usize> = (0..100).collect();
        for _ in 0..20 {
            let work = |item: &usize| match item {
                7.. => Err(Failure::failed(item)),
                _ => Ok(()),
            };
            let error = on_all_cores(&items, work, |_, ()| Ok(())).unwrap_err();
            assert_eq!(error.to_string(), "7");
        }
    }
}
