//! What the bridge did, counted for Prometheus and written down for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::header::{CONTENT_LENGTH, USER_AGENT};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;

use crate::exit::Failure;
use crate::http_server::Body;

/// The upper ends of the histogram, in milliseconds: from the cache, a small file from a
/// registry, a slow registry, one that is tried again.
const BUCKETS: [u64; 6] = [5, 50, 500, 5_000, 30_000, 120_000];

/// Counts since the start.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    responses: Mutex<BTreeMap<u16, u64>>,
    /// Requests by how long their head took; the last is for the rest.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    head_milliseconds: AtomicU64,
    bytes: AtomicU64,
    cut: AtomicU64,
    pub(super) foreign_hosts: Count,
    pub(super) wrong_secrets: Count,
    pub(super) not_allowed: Count,
    pub(super) from_cache: Count,
    pub(super) from_registry: Count,
    pub(super) fetches: Count,
    pub(super) stale: Count,
}

/// One counter.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is true at the moment.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    /// How old what is served is, in seconds, for each place whose registry cannot be
    /// reached.
    pub(super) ages: Vec<(String, u64)>,
}

impl Metrics {
    /// Counts the head of an answer.
    fn answered(&self, status: StatusCode, took: Duration) {
        let mut responses = lock(&self.responses);
        *responses.entry(status.as_u16()).or_default() += 1;
        drop(responses);
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|end| took <= *end);
        if let Some(bucket) = self.buckets.get(bucket.unwrap_or(BUCKETS.len())) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.head_milliseconds.fetch_add(took, Ordering::Relaxed);
    }

    /// All of them in the text format of Prometheus.
    pub(super) fn text(&self, gauges: &Gauges) -> String {
        let mut text = String::new();
        let head = |name: &str, kind: &str, help: &str| {
            format!("# HELP ocirepo_{name} {help}\n# TYPE ocirepo_{name} {kind}\n")
        };
        text += &head("build_info", "gauge", "The version that runs");
        let version = env!("CARGO_PKG_VERSION");
        text += &format!("ocirepo_build_info{{version=\"{version}\"}} 1\n");
        text += &head("responses_total", "counter", "Answers by status");
        for (status, count) in &*lock(&self.responses) {
            let _ = writeln!(
                text,
                "ocirepo_responses_total{{status=\"{status}\"}} {count}"
            );
        }
        let help = "How long clients waited for the head of an answer";
        text += &head("response_head_seconds", "histogram", help);
        let mut all = 0;
        for (bucket, end) in self
            .buckets
            .iter()
            .zip(BUCKETS.map(Some).iter().chain([&None]))
        {
            all += bucket.load(Ordering::Relaxed);
            let end = end.map_or("+Inf".to_owned(), seconds);
            let _ = writeln!(
                text,
                "ocirepo_response_head_seconds_bucket{{le=\"{end}\"}} {all}"
            );
        }
        let sum = seconds(self.head_milliseconds.load(Ordering::Relaxed));
        let _ = writeln!(text, "ocirepo_response_head_seconds_sum {sum}");
        let _ = writeln!(text, "ocirepo_response_head_seconds_count {all}");
        let counters = [
            (
                "sent_bytes_total",
                "Bytes of content sent",
                self.bytes.load(Ordering::Relaxed),
            ),
            (
                "cut_responses_total",
                "Answers that ended before their end: a failure, or a client that left",
                self.cut.load(Ordering::Relaxed),
            ),
            (
                "registry_fetches_total",
                "Files that registries were asked for",
                self.fetches.get(),
            ),
            (
                "stale_responses_total",
                "Answers from a snapshot whose registry could not be reached",
                self.stale.get(),
            ),
        ];
        for (name, help, count) in counters {
            text += &head(name, "counter", help);
            let _ = writeln!(text, "ocirepo_{name} {count}");
        }
        text += &head("refused_total", "counter", "Requests that were turned away");
        for (reason, count) in [
            ("host", &self.foreign_hosts),
            ("secret", &self.wrong_secrets),
            ("not_allowed", &self.not_allowed),
        ] {
            let count = count.get();
            let _ = writeln!(text, "ocirepo_refused_total{{reason=\"{reason}\"}} {count}");
        }
        let help = "Files by where their content was when they were asked for";
        text += &head("files_total", "counter", help);
        for (place, count) in [
            ("cache", &self.from_cache),
            ("registry", &self.from_registry),
        ] {
            let count = count.get();
            let _ = writeln!(text, "ocirepo_files_total{{from=\"{place}\"}} {count}");
        }
        let help = "Since when a repository could not be looked up, while its registry is away";
        text += &head("snapshot_age_seconds", "gauge", help);
        for (place, age) in &gauges.ages {
            // A place is made of names that hold neither quotes nor backslashes.
            let _ = writeln!(
                text,
                "ocirepo_snapshot_age_seconds{{repository=\"{place}\"}} {age}"
            );
        }
        text
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

/// One JSON object a line for every request.
#[derive(Debug)]
pub(crate) struct AccessLog {
    /// `None` for standard output.
    path: Option<PathBuf>,
    file: Mutex<Option<File>>,
}

impl AccessLog {
    /// Appends to a file; `-` is standard output.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let path = (path != Path::new("-")).then(|| path.to_owned());
        let log = Self {
            path,
            file: Mutex::default(),
        };
        log.reopen()?;
        Ok(log)
    }

    /// Opens the file anew, after somebody moved it away.
    pub(crate) fn reopen(&self) -> Result<(), Failure> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|error| {
            Failure::failed(format!("cannot log to {}: {error}", path.display()))
        })?;
        *lock(&self.file) = Some(file);
        Ok(())
    }

    fn write(&self, entry: &serde_json::Value) {
        let line = format!("{entry}\n");
        let written = match (&self.path, &mut *lock(&self.file)) {
            (Some(_), Some(file)) => file.write_all(line.as_bytes()),
            _ => io::stdout().lock().write_all(line.as_bytes()),
        };
        if let Err(error) = written {
            tracing::warn!("cannot write to the access log: {error}");
        }
    }
}

/// A request from its arrival to the last byte of its answer, or to the moment where the
/// client left.
pub(super) struct Exchange {
    metrics: Arc<Metrics>,
    log: Option<Arc<AccessLog>>,
    start: Instant,
    entry: serde_json::Value,
    /// The length of the body, where it is known.
    length: Option<u64>,
    sent: u64,
}

impl Exchange {
    pub(super) fn begin(
        metrics: Arc<Metrics>,
        log: Option<Arc<AccessLog>>,
        request: &Parts,
        peer: SocketAddr,
    ) -> Self {
        let agent = request.headers.get(USER_AGENT);
        let entry = json!({
            "time": crate::clock::now(),
            "peer": peer.ip().to_string(),
            "method": request.method.as_str(),
            "path": request.uri.path(),
            "agent": agent.map(|agent| String::from_utf8_lossy(agent.as_bytes())),
        });
        Self {
            metrics,
            log,
            start: Instant::now(),
            entry,
            length: None,
            sent: 0,
        }
    }

    /// Follows the answer to its end.
    pub(super) fn follow(mut self, head: bool, response: Response<Body>) -> Response<Body> {
        let status = response.status();
        self.metrics.answered(status, self.start.elapsed());
        self.entry["status"] = status.as_u16().into();
        let length = response.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        self.length = length.filter(|_| !head);
        response.map(|body| {
            body.map_frame(move |frame| {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.sent += length;
                self.metrics.bytes.fetch_add(length, Ordering::Relaxed);
                frame
            })
            .boxed_unsync()
        })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let whole = self.length.is_none_or(|length| length == self.sent);
        if !whole {
            self.metrics.cut.fetch_add(1, Ordering::Relaxed);
        }
        let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let entry = &mut self.entry;
        entry["bytes"] = self.sent.into();
        entry["whole"] = whole.into();
        entry["ms"] = ms.into();
        tracing::info!("{entry}");
        if let Some(log) = &self.log {
            log.write(entry);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_server::full;
    use http::Request;

    async fn exchange(metrics: &Arc<Metrics>, log: &Arc<AccessLog>, length: u64) {
        let request = Request::get("/a\"b").header(USER_AGENT, "dnf").body(());
        let (parts, ()) = request.unwrap().into_parts();
        let peer = ([127, 0, 0, 1], 5).into();
        let exchange = Exchange::begin(metrics.clone(), Some(log.clone()), &parts, peer);
        let response = Response::builder().header(CONTENT_LENGTH, length);
        let response = exchange.follow(false, response.body(full("12345")).unwrap());
        let _ = response.into_body().collect().await;
    }

    #[tokio::test]
    async fn an_exchange_is_counted_and_written_down_when_its_body_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let log = Arc::new(AccessLog::open(&path).unwrap());
        let metrics = Arc::<Metrics>::default();
        exchange(&metrics, &log, 5).await;
        std::fs::rename(&path, directory.path().join("old")).unwrap();
        log.reopen().unwrap();
        exchange(&metrics, &log, 6).await;

        let text = metrics.text(&Gauges {
            ages: vec![("anonymous a/b:c".into(), 7)],
        });
        for line in [
            "ocirepo_responses_total{status=\"200\"} 2",
            "ocirepo_response_head_seconds_bucket{le=\"+Inf\"} 2",
            "ocirepo_sent_bytes_total 10",
            "ocirepo_cut_responses_total 1",
            "ocirepo_snapshot_age_seconds{repository=\"anonymous a/b:c\"} 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        let read = |name: &str| {
            let text = std::fs::read(directory.path().join(name)).unwrap();
            serde_json::from_slice::<serde_json::Value>(&text).unwrap()
        };
        let (first, second) = (read("old"), read("log"));
        assert_eq!(
            (&first["path"], &first["bytes"]),
            (&"/a\"b".into(), &5.into())
        );
        assert_eq!(
            (&first["whole"], &second["whole"]),
            (&true.into(), &false.into())
        );
    }
}
