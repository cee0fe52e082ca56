//! Blobs from memory into sinks: `sinks BYTES BLOBS THREADS`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use ocirepo::digest::{Algorithm, Hasher};
use ocirepo::sink::{BlobSink, Content};

/// The bytes of a chunk.
const PIECE: usize = 64 << 10;

fn main() -> ExitCode {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok())
        .collect();
    let [bytes, blobs, threads] = numbers[..] else {
        eprintln!("usage: sinks BYTES BLOBS THREADS");
        return ExitCode::from(2);
    };
    let piece: Vec<u8> = (0..PIECE).map(|at| (at * 31) as u8).collect();
    let (next, right) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < blobs {
                    // Wrong on purpose: what it would be is not known, and finding out that it
                    // is wrong takes as long.
                    let content = Content {
                        digest: Hasher::new(Algorithm::Sha256).finish(),
                        size: Some(bytes as u64),
                    };
                    let mut sink = BlobSink::new(content);
                    let mut left = bytes;
                    while left > 0 {
                        let length = left.min(PIECE);
                        if sink.chunk(&piece[..length]).is_err() {
                            return;
                        }
                        left -= length;
                    }
                    if !sink.is_verified() && sink.remaining() == Some(0) {
                        right.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    if right.into_inner() == blobs {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
