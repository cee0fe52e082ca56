//! A limit on bytes a second, shared by all transfers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Hands out the right to move bytes. Clones share one budget.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throttle(Option<Arc<Bucket>>);

#[derive(Debug)]
struct Bucket {
    bytes_per_second: u64,
    /// When everything that was granted so far will have been moved.
    free: Mutex<Option<Instant>>,
}

impl Throttle {
    /// At most so many bytes a second; `None` for no limit.
    pub(crate) fn new(bytes_per_second: Option<u64>) -> Self {
        Self(bytes_per_second.map(|bytes_per_second| {
            Arc::new(Bucket {
                bytes_per_second: bytes_per_second.max(1),
                free: Mutex::new(None),
            })
        }))
    }

    /// Waits until so many bytes may be moved. Grants are in the order of the calls.
    pub(crate) async fn take(&self, bytes: u64) {
        let Some(bucket) = &self.0 else {
            return;
        };
        let cost = Duration::from_secs_f64(bytes as f64 / bucket.bytes_per_second as f64);
        let start = {
            let mut free = bucket.free.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let start = free.map_or(now, |free| free.max(now));
            *free = Some(start + cost);
            start
        };
        sleep_until(start).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn transfers_share_the_bandwidth() {
        let throttle = Throttle::new(Some(1000));
        let start = Instant::now();
        let one = async {
            for _ in 0..5 {
                throttle.take(1000).await;
            }
        };
        let other = async {
            for _ in 0..5 {
                throttle.take(1000).await;
            }
        };
        tokio::join!(one, other);
        // The last grant starts when the nine before it are done.
        assert_eq!(start.elapsed().as_secs(), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_is_no_wait() {
        let start = Instant::now();
        Throttle::new(None).take(u64::MAX).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
