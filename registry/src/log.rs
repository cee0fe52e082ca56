//! The request log, for tests that count requests and look at what they carried.

use std::collections::VecDeque;

use http::{HeaderMap, Method, StatusCode};

/// One request the registry answered.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When, in Unix seconds.
    pub at: u64,
    /// The method.
    pub method: Method,
    /// The path, percent-encoded as it came.
    pub path: String,
    /// The query, without its question mark; empty when there was none.
    pub query: String,
    /// The request's headers, `Authorization` included: the log is for tests.
    pub headers: HeaderMap,
    /// Length of the request's body, in bytes.
    pub body: u64,
    /// What was answered.
    pub status: StatusCode,
    /// Length of the answer's body, in bytes.
    pub sent: u64,
}

/// The newest entries, up to a limit.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    limit: usize,
}

impl Log {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            limit,
        }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        if self.limit == 0 {
            return;
        }
        while self.entries.len() >= self.limit {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn entries(&mut self) -> &[Entry] {
        self.entries.make_contiguous()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}
