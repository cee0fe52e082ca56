//! Content on its way from a registry into the cache: fetched once, however many ask,
//! and followed by all of them while it arrives.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ocirepo::Digest;
use ocirepo_native::cache::{Cache, CacheEntry, CacheWriter};
use tokio::sync::watch;

use crate::exit::Failure;

/// How much of what came last is kept in memory, in bytes.
const RECENT: usize = 512 << 10;

/// Who compares the content with its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verified {
    /// The fetch: when it ends well, the content is right.
    ByFetch,
    /// The cache, when all is there.
    ByCache,
}

/// How far a flight is.
#[derive(Clone, Debug)]
enum Progress {
    /// So many bytes are in the file, not yet verified.
    Written(u64),
    /// All is there and verified.
    Verified,
    /// It will never be.
    Failed(Arc<Failure>),
}

/// The cache, and what is on its way into it.
#[derive(Debug)]
pub(super) struct Flights {
    cache: Cache,
    flying: Mutex<HashMap<Digest, Flight>>,
}

/// One fetch, as those see it who follow it.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// A handle of the file that is being written; it outlives the renaming into the
    /// cache, and eviction.
    file: Arc<File>,
    recent: Arc<Mutex<Recent>>,
    progress: watch::Receiver<Progress>,
}

/// What came last. Whoever keeps up with the fetch has it from here, and nothing is read back
/// that was written a moment ago.
#[derive(Debug, Default)]
struct Recent {
    /// Chunks with their positions, in order.
    chunks: VecDeque<(u64, Bytes)>,
    size: usize,
}

impl Recent {
    fn push(&mut self, at: u64, chunk: Bytes) {
        self.size += chunk.len();
        self.chunks.push_back((at, chunk));
        while self.size > RECENT
            && self.chunks.len() > 1
            && let Some((_, oldest)) = self.chunks.pop_front()
        {
            self.size -= oldest.len();
        }
    }

    fn at(&self, at: u64) -> Option<Bytes> {
        let (start, chunk) = (self.chunks.iter().rev()).find(|(start, _)| *start <= at)?;
        let passed = usize::try_from(at - start).ok()?;
        (passed < chunk.len()).then(|| chunk.slice(passed..))
    }
}

/// Where the content is to be had.
#[derive(Debug)]
pub(super) enum Found {
    /// In the cache, verified.
    Cached(CacheEntry),
    /// On its way.
    Flying(Flight),
}

impl Flights {
    pub(super) fn new(cache: Cache) -> Arc<Self> {
        Arc::new(Self {
            cache,
            flying: Mutex::default(),
        })
    }

    pub(super) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Finds content, or begins to fetch it. `fetch` writes the content to the sink it is
    /// given; it goes on when everybody who asked went away, for they will ask again.
    pub(super) async fn find<F>(
        self: &Arc<Self>,
        digest: Digest,
        verified: Verified,
        fetch: impl FnOnce(Sink) -> F,
    ) -> Result<Found, Failure>
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let flights = self.clone();
        let found = tokio::task::spawn_blocking(move || flights.look(digest, verified)).await;
        let (writer, progress, flight) = match found.map_err(Failure::failed)?? {
            Looked::Found(found) => return Ok(found),
            Looked::Begun(writer, progress, flight) => (writer, progress, flight),
        };
        let sink = Sink {
            inner: Arc::new(Mutex::new(Some(*writer))),
            recent: flight.recent.clone(),
            progress: progress.clone(),
        };
        let writer = sink.inner.clone();
        let fetched = fetch(sink);
        let landing = Landing {
            flights: self.clone(),
            digest,
            progress,
        };
        tokio::spawn(async move {
            let fetched = fetched.await;
            let writer = writer.lock().unwrap_or_else(PoisonError::into_inner).take();
            landing.land(verified, fetched, writer).await;
        });
        Ok(Found::Flying(flight))
    }

    /// Looks in the cache, then among the flights, and begins one where there is none.
    fn look(&self, digest: Digest, verified: Verified) -> Result<Looked, Failure> {
        if let Some(entry) = self.cache.get(&digest)? {
            return Ok(Looked::Found(Found::Cached(entry)));
        }
        let mut flying = self.flying.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flying.get(&digest) {
            return Ok(Looked::Found(Found::Flying(flight.clone())));
        }
        // It may have landed between the first look and the lock.
        if let Some(entry) = self.cache.get(&digest)? {
            return Ok(Looked::Found(Found::Cached(entry)));
        }
        let writer = match verified {
            Verified::ByFetch => self.cache.writer_of_verified(digest)?,
            Verified::ByCache => self.cache.writer(digest)?,
        };
        let (sender, progress) = watch::channel(Progress::Written(0));
        let flight = Flight {
            file: Arc::new(writer.reader()?),
            recent: Arc::default(),
            progress,
        };
        flying.insert(digest, flight.clone());
        Ok(Looked::Begun(Box::new(writer), sender, flight))
    }
}

enum Looked {
    Found(Found),
    Begun(Box<CacheWriter>, watch::Sender<Progress>, Flight),
}

/// Ends a flight, also when the task that fetches panics or is dropped.
struct Landing {
    flights: Arc<Flights>,
    digest: Digest,
    progress: watch::Sender<Progress>,
}

impl Landing {
    async fn land(
        self,
        verified: Verified,
        fetched: Result<(), Failure>,
        writer: Option<CacheWriter>,
    ) {
        let right = verified == Verified::ByFetch && fetched.is_ok();
        if right {
            // Nobody waits until the file has its name.
            self.progress.send_replace(Progress::Verified);
        }
        let finished = match (fetched, writer) {
            (Ok(()), Some(writer)) => tokio::task::spawn_blocking(|| writer.finish().map(drop))
                .await
                .map_err(Failure::failed)
                .and_then(|finished| finished.map_err(Failure::from)),
            (Ok(()), None) => Err(Failure::failed("the fetch was abandoned")),
            (Err(failure), _) => Err(failure),
        };
        match finished {
            Ok(()) if right => {}
            // Those who follow have it all; the next one fetches it again.
            Err(failure) if right => {
                tracing::warn!("{} does not stay in the cache: {failure}", self.digest);
            }
            Ok(()) => drop(self.progress.send_replace(Progress::Verified)),
            Err(failure) => {
                let failed = Progress::Failed(Arc::new(failure));
                self.progress.send_replace(failed);
            }
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.progress.send_if_modified(|progress| {
            let open = matches!(progress, Progress::Written(_));
            if open {
                let failure = Failure::failed("the fetch was interrupted");
                *progress = Progress::Failed(Arc::new(failure));
            }
            open
        });
        let mut flying = (self.flights.flying.lock()).unwrap_or_else(PoisonError::into_inner);
        flying.remove(&self.digest);
    }
}

impl Flight {
    /// Waits until more than `have` bytes of `size` may be passed on, and says how many.
    /// The last `hold` bytes may be only when all is verified.
    pub(super) async fn released(
        &mut self,
        have: u64,
        size: u64,
        hold: u64,
    ) -> Result<u64, Arc<Failure>> {
        let free = |written: u64| written.min(size.saturating_sub(hold.max(1)));
        let progress = self
            .progress
            .wait_for(|progress| match progress {
                Progress::Written(written) => free(*written) > have,
                Progress::Verified | Progress::Failed(_) => true,
            })
            .await;
        match progress.as_deref() {
            Ok(Progress::Written(written)) => Ok(free(*written)),
            Ok(Progress::Verified) => Ok(size),
            Ok(Progress::Failed(failure)) => Err(failure.clone()),
            Err(_) => Err(Arc::new(Failure::failed("the fetch was interrupted"))),
        }
    }

    /// Waits until all is verified.
    pub(super) async fn verified(&mut self) -> Result<(), Arc<Failure>> {
        self.released(u64::MAX, 0, 0).await.map(drop)
    }

    /// Bytes from a position that was released, where memory still has them: as many as came
    /// at once, also such that were not released.
    pub(super) fn recent(&self, at: u64) -> Option<Bytes> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.at(at)
    }

    /// The file, to read at positions that were released.
    pub(super) fn file(&self) -> Arc<File> {
        self.file.clone()
    }
}

/// Takes the bytes of one flight, in order.
#[derive(Clone, Debug)]
pub(super) struct Sink {
    /// Empty when the flight ended.
    inner: Arc<Mutex<Option<CacheWriter>>>,
    recent: Arc<Mutex<Recent>>,
    progress: watch::Sender<Progress>,
}

impl Sink {
    /// Takes the next bytes. They are written at once: to the page cache, that takes less time
    /// than to change threads.
    pub(super) fn take(&mut self, bytes: Bytes) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = inner.as_mut() else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let at = writer.size();
        writer.write(&bytes).map_err(io::Error::other)?;
        let size = writer.size();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push(at, bytes);
        drop(recent);
        self.progress.send_replace(Progress::Written(size));
        Ok(())
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(Bytes::copy_from_slice(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    fn flights() -> (tempfile::TempDir, Arc<Flights>) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), u64::MAX).unwrap();
        (dir, Flights::new(cache))
    }

    fn flying(found: Result<Found, Failure>) -> Flight {
        match found.unwrap() {
            Found::Flying(flight) => flight,
            Found::Cached(entry) => panic!("{entry:?}"),
        }
    }

    #[tokio::test]
    async fn one_fetch_serves_all_and_the_end_waits_for_the_digest() {
        let (_dir, flights) = flights();
        let content = vec![7; 1000];
        let digest = Digest::of(&content);
        let (go, gone) = oneshot::channel();
        let fetch = move |mut sink: Sink| async move {
            sink.take(Bytes::copy_from_slice(&content[..600]))?;
            gone.await.map_err(Failure::failed)?;
            sink.take(Bytes::copy_from_slice(&content[600..]))?;
            Ok(())
        };
        let mut first = flying(flights.find(digest, Verified::ByCache, fetch).await);
        let second = |_: Sink| async { panic!("fetched twice") };
        let mut second = flying(flights.find(digest, Verified::ByCache, second).await);
        assert_eq!(first.released(0, 1000, 100).await.unwrap(), 600);
        go.send(()).unwrap();
        assert_eq!(second.released(900, 1000, 100).await.unwrap(), 1000);
        first.verified().await.unwrap();
        let third = |_: Sink| async { panic!("fetched although cached") };
        let found = flights
            .find(digest, Verified::ByCache, third)
            .await
            .unwrap();
        assert!(matches!(found, Found::Cached(entry) if entry.size() == 1000));
    }

    #[tokio::test]
    async fn wrong_content_never_releases_its_end() {
        let (_dir, flights) = flights();
        let digest = Digest::of(b"right");
        let fetch = |mut sink: Sink| async move { Ok(sink.take("wrong".into())?) };
        let mut flight = flying(flights.find(digest, Verified::ByCache, fetch).await);
        assert!(flight.released(4, 5, 1).await.is_err());
        assert!(flight.verified().await.is_err());
    }

    #[tokio::test]
    async fn a_failed_fetch_is_tried_again_by_the_next_who_asks() {
        let (_dir, flights) = flights();
        let digest = Digest::of(b"right");
        let fetch = |_: Sink| async { Err(Failure::failed("down")) };
        let mut flight = flying(flights.find(digest, Verified::ByCache, fetch).await);
        assert_eq!(flight.verified().await.unwrap_err().to_string(), "down");
        let fetch = |mut sink: Sink| async move { Ok(sink.take("right".into())?) };
        let mut flight = flying(flights.find(digest, Verified::ByCache, fetch).await);
        flight.verified().await.unwrap();
    }

    #[tokio::test]
    async fn a_fetch_that_panics_ends_the_flight() {
        let (_dir, flights) = flights();
        let digest = Digest::of(b"right");
        let fetch = |_: Sink| async { panic!("as this test wants") };
        let mut flight = flying(flights.find(digest, Verified::ByCache, fetch).await);
        assert!(flight.verified().await.is_err());
    }
}
