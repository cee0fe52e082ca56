//! The places a repository is at, tried one after the other.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ocirepo::digest::{Algorithm, Digest, Hasher};
use ocirepo_rpm::checksum::{Checksum, ChecksumHasher};
use ocirepo_rpm::href::Href;
use tokio::io::AsyncWriteExt as _;
use url::Url;

use super::error::{ImportError, ImportErrorKind};
use super::web::{Failed, Web, Why, shown};

/// How often all mirrors are tried while a failure may pass.
pub(super) const ROUNDS: u32 = 4;

/// How long to wait before the second round; twice as long before each next one.
const WAIT: Duration = Duration::from_millis(500);

/// Mirrors of one repository, best first.
#[derive(Clone, Debug)]
pub(super) struct Mirrors {
    web: Web,
    bases: Vec<Url>,
    /// The one that is asked first: a mirror that is down is not asked for each file.
    first: Arc<AtomicUsize>,
}

/// What a file must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) checksum: Checksum,
    pub(super) size: Option<u64>,
}

/// A file that was read to its end and is what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its SHA-256.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl Mirrors {
    pub(super) fn new(web: Web, bases: Vec<Url>) -> Self {
        Self {
            web,
            bases,
            first: Arc::default(),
        }
    }

    /// The place that is asked first, as it may be shown.
    pub(super) fn shown(&self) -> String {
        let first = self.first.load(Ordering::Relaxed);
        self.bases.get(first).map(shown).unwrap_or_default()
    }

    /// A small file as it is.
    pub(super) async fn bytes(&self, path: &Href, limit: u64) -> Result<Vec<u8>, ImportError> {
        let mut turns = self.turns(path);
        while let Some((web, base)) = turns.next().await {
            match web.bytes(&below(base, path), limit).await {
                Ok(bytes) => return Ok(turns.worked(bytes)),
                Err(failed) => turns.failed(failed)?,
            }
        }
        Err(turns.said())
    }

    /// Fetches a file to a place of its own. What is there when this ends with an error
    /// is of no use.
    pub(super) async fn file(
        &self,
        path: &Href,
        expected: &Expected,
        to: &Path,
    ) -> Result<Fetched, ImportError> {
        self.read(path, expected, Some(to)).await
    }

    /// Reads a file only to find out its digest and size.
    pub(super) async fn measure(
        &self,
        path: &Href,
        expected: &Expected,
    ) -> Result<Fetched, ImportError> {
        self.read(path, expected, None).await
    }

    async fn read(
        &self,
        path: &Href,
        expected: &Expected,
        to: Option<&Path>,
    ) -> Result<Fetched, ImportError> {
        let mut turns = self.turns(path);
        while let Some((web, base)) = turns.next().await {
            match one(web, &below(base, path), expected, to).await {
                Ok(fetched) => return Ok(turns.worked(fetched)),
                Err(failed) => turns.failed(failed)?,
            }
        }
        Err(turns.said())
    }

    /// Begins to ask one mirror after the other for a file.
    pub(super) fn turns<'a>(&'a self, path: &'a Href) -> Turns<'a> {
        Turns {
            mirrors: self,
            path,
            round: 0,
            first: self.first.load(Ordering::Relaxed),
            asked: 0,
            passing: false,
            failures: Vec::new(),
        }
    }
}

/// One mirror after the other, until one gives what is wanted; all of them again, later,
/// where one may do better then.
pub(super) struct Turns<'a> {
    mirrors: &'a Mirrors,
    path: &'a Href,
    round: u32,
    /// The one that is asked first.
    first: usize,
    /// How many were asked in this round.
    asked: usize,
    /// Whether one of this round may do better later.
    passing: bool,
    /// What became of those asked in this round.
    failures: Vec<(String, Failed)>,
}

impl<'a> Turns<'a> {
    /// The next to ask.
    pub(super) async fn next(&mut self) -> Option<(&'a Web, &'a Url)> {
        let mirrors = self.mirrors;
        if self.asked >= mirrors.bases.len() {
            if !self.passing || self.round + 1 >= ROUNDS {
                return None;
            }
            self.round += 1;
            tokio::time::sleep(pause(self.round)).await;
            (self.asked, self.passing) = (0, false);
            self.failures.clear();
        }
        let base = mirrors.bases.get(self.index())?;
        self.asked += 1;
        Some((&mirrors.web, base))
    }

    fn index(&self) -> usize {
        (self.first + self.asked) % self.mirrors.bases.len().max(1)
    }

    /// The one asked last gave what is wanted.
    pub(super) fn worked<T>(mut self, got: T) -> T {
        if self.passing {
            self.asked = self.asked.saturating_sub(1);
            self.mirrors.first.store(self.index(), Ordering::Relaxed);
        }
        got
    }

    /// The one asked last did not. It is an error where no other one can.
    pub(super) fn failed(&mut self, failed: Failed) -> Result<(), ImportError> {
        self.asked = self.asked.saturating_sub(1);
        let url = self.mirrors.bases.get(self.index());
        let url = url.map_or_else(String::new, |base| shown(&below(base, self.path)));
        self.asked += 1;
        tracing::info!("{url}: {}", failed.message);
        self.passing |= failed.why == Why::Passing;
        let here = failed.why == Why::Here;
        self.failures.push((url, failed));
        match here {
            true => Err(self.said()),
            false => Ok(()),
        }
    }

    /// What became of a file that nobody gave.
    pub(super) fn said(&self) -> ImportError {
        said(self.path, &self.failures)
    }
}

/// Reads a file of one place, to a place of its own if one is given.
async fn one(
    web: &Web,
    url: &Url,
    expected: &Expected,
    to: Option<&Path>,
) -> Result<Fetched, Failed> {
    let here = |error: std::io::Error| Failed::new(Why::Here, error.to_string());
    let mut checksum = ChecksumHasher::new(expected.checksum.kind())
        .map_err(|error| Failed::new(Why::Wrong, error.to_string()))?;
    // One hash tells both where the metadata has it.
    let digest = expected.checksum.to_digest();
    let mut hasher = digest.is_none().then(|| Hasher::new(Algorithm::Sha256));
    let mut file = match to {
        Some(to) => Some(tokio::fs::File::create(to).await.map_err(here)?),
        None => None,
    };
    let mut body = web.get(url).await?;
    let mut size: u64 = 0;
    while let Some(piece) = web.piece(&mut body).await? {
        size += piece.len() as u64;
        if let Some(expected) = expected.size
            && size > expected
        {
            let message = format!("it is larger than the {expected} bytes the metadata says");
            return Err(Failed::new(Why::Wrong, message));
        }
        checksum.update(&piece);
        if let Some(hasher) = &mut hasher {
            hasher.update(&piece);
        }
        if let Some(file) = &mut file {
            file.write_all(&piece).await.map_err(here)?;
        }
    }
    if let Some(mut file) = file {
        file.flush().await.map_err(here)?;
    }
    if let Some(expected) = expected.size
        && size != expected
    {
        let message = format!("it has {size} bytes, the metadata says {expected}");
        return Err(Failed::new(Why::Wrong, message));
    }
    let found = checksum.finish();
    if found != expected.checksum {
        let message = format!(
            "its checksum is {found}, the metadata says {}",
            expected.checksum
        );
        return Err(Failed::new(Why::Wrong, message));
    }
    let digest = digest.or_else(|| hasher.map(Hasher::finish));
    let digest = digest.ok_or_else(|| Failed::new(Why::Here, "it was not hashed"))?;
    Ok(Fetched { digest, size })
}

/// How long to wait before a round, counted from 1.
pub(super) fn pause(round: u32) -> Duration {
    WAIT * 2_u32.saturating_pow(round.saturating_sub(1))
}

/// What became of a file that nobody gave.
fn said(path: &Href, failures: &[(String, Failed)]) -> ImportError {
    // A wrong file is told before a missing one: it is what somebody has to look into.
    let weight = |why: Why| match why {
        Why::Here => 4,
        Why::Wrong => 3,
        Why::Passing => 2,
        Why::Refused => 1,
        Why::Absent => 0,
    };
    let worst = failures.iter().max_by_key(|(_, failed)| weight(failed.why));
    let Some((url, failed)) = worst else {
        let message = format!("cannot get {path}: there is no mirror that could be asked");
        return ImportError::new(ImportErrorKind::Unavailable, message);
    };
    let others = match failures.len() {
        1 => String::new(),
        count => format!(" (and {} other mirrors do not give it either)", count - 1),
    };
    let next = match failed.why {
        Why::Wrong => "; the repository changed meanwhile, or the mirror is damaged: try again",
        _ => "",
    };
    ImportError::new(
        failed.why.kind(),
        format!("cannot get {url}: {}{others}{next}", failed.message),
    )
}

/// The URL of a file below that of its repository. A query, which some content delivery
/// networks want with every request, stays.
pub(super) fn below(base: &Url, path: &Href) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.path().split('/'));
    }
    // Some object stores read a plus sign as a space.
    let encoded = url.path().replace('+', "%2B");
    url.set_path(&encoded);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_and_queries_stay() {
        let base = Url::parse("https://u:p@h/a%20b/os/?key=1").unwrap();
        let path = Href::from_path("Packages/g++-1^2~3 #%41?.rpm").unwrap();
        let url = below(&base, &path);
        assert_eq!(
            url.as_str(),
            "https://u:p@h/a%20b/os/Packages/g%2B%2B-1^2~3%20%23%2541%3F.rpm?key=1"
        );
        assert!(!shown(&url).contains("key"));
        assert!(!shown(&url).contains("u:p"));
        let base = Url::parse("file:///srv/repo").unwrap();
        assert_eq!(
            below(&base, &path).to_file_path().unwrap(),
            Path::new("/srv/repo/Packages/g++-1^2~3 #%41?.rpm")
        );
    }
}
