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

    /// A small file as it is, if one of the mirrors has it and `accept` takes it.
    pub(super) async fn bytes<T>(
        &self,
        path: &Href,
        limit: u64,
        accept: impl Fn(Vec<u8>) -> Result<T, String>,
    ) -> Result<T, ImportError> {
        self.each(path, async |web, base| {
            let bytes = web.bytes(&below(base, path), limit).await?;
            accept(bytes).map_err(|message| Failed::new(Why::Wrong, message))
        })
        .await
    }

    /// Fetches a file to a place of its own. What is there when this ends with an error
    /// is of no use.
    pub(super) async fn file(
        &self,
        path: &Href,
        expected: &Expected,
        to: &Path,
    ) -> Result<Fetched, ImportError> {
        self.each(path, async |web, base| {
            one(web, &below(base, path), expected, Some(to)).await
        })
        .await
    }

    /// Reads a file only to find out its digest and size.
    pub(super) async fn measure(
        &self,
        path: &Href,
        expected: &Expected,
    ) -> Result<Fetched, ImportError> {
        self.each(path, async |web, base| {
            one(web, &below(base, path), expected, None).await
        })
        .await
    }

    /// Asks one mirror after the other until one gives what is wanted; once more, later,
    /// where one of them may do better then.
    ///
    /// `path` is what it is about.
    pub(super) async fn each<T>(
        &self,
        path: &Href,
        ask: impl AsyncFn(&Web, &Url) -> Result<T, Failed>,
    ) -> Result<T, ImportError> {
        let mut failures: Vec<(String, Failed)> = Vec::new();
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(pause(round)).await;
            }
            failures.clear();
            let first = self.first.load(Ordering::Relaxed);
            let (before, after) = self.bases.split_at(first.min(self.bases.len()));
            let mut silent = false;
            for (at, base) in after.iter().chain(before).enumerate() {
                match ask(&self.web, base).await {
                    Ok(got) => {
                        if silent {
                            let count = self.bases.len().max(1);
                            self.first.store((first + at) % count, Ordering::Relaxed);
                        }
                        return Ok(got);
                    }
                    Err(failed) => {
                        let url = shown(&below(base, path));
                        tracing::info!("{url}: {}", failed.message);
                        silent |= failed.why == Why::Passing;
                        let here = failed.why == Why::Here;
                        failures.push((url, failed));
                        if here {
                            return Err(said(path, &failures));
                        }
                    }
                }
            }
            if !silent {
                break;
            }
        }
        Err(said(path, &failures))
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
            "https://u:p@h/a%20b/os/Packages/g%2B%2B-1%5E2~3%20%23%2541%3F.rpm?key=1"
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
