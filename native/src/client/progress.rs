//! How far transfers are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ocirepo::Digest;

use super::Client;
use crate::driver::OnBytes;

/// How far one transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Names the transfer among all of this process.
    pub transfer: u64,
    /// The blob, when its digest is known.
    pub digest: Option<Digest>,
    /// The bytes that are done, from the start of the blob. Goes back when a transfer
    /// starts over.
    pub done: u64,
    /// The size of the blob, when it is known.
    pub total: Option<u64>,
}

pub(super) type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

static TRANSFERS: AtomicU64 = AtomicU64::new(0);

impl Client {
    /// Turns reports of bytes into progress of a new transfer.
    pub(super) fn report(&self, digest: Option<Digest>, total: Option<u64>) -> Option<OnBytes> {
        let on_progress = self.on_progress.clone()?;
        let transfer = TRANSFERS.fetch_add(1, Ordering::Relaxed);
        Some(Arc::new(move |done| {
            on_progress(Progress {
                transfer,
                digest,
                done,
                total,
            });
        }))
    }
}
