//! Decompression: caps hold, damage is found, and how the bytes arrive makes no difference.

use std::io::{BufReader, Read};

use ocirepo_rpm::compression::{Compression, Decompressor};
use ocirepo_rpm::error::{MetadataError, MetadataErrorKind};

use crate::stream::{LIMITS, Trickle, packed};

/// The first byte chooses whether the rest is compressed first, or is what is compressed already.
pub fn check(data: &[u8]) {
    let Some((choice, content)) = data.split_first() else {
        return;
    };
    let raw = packed(*choice, content);
    let (whole, out) = decompressed(&raw[..]);
    let (pieces, same) = decompressed(Trickle(&raw[..]));
    match (&whole, &pieces) {
        (Ok(()), Ok(())) => assert_eq!(out, same),
        (Err(whole), Err(pieces)) => assert_eq!(whole.kind(), pieces.kind(), "{whole}; {pieces}"),
        _ => panic!("whole {whole:?}, in pieces {pieces:?}"),
    }
    // One buffer more than the cap comes out at most, for that is how the cap is noticed.
    let most = LIMITS.ratio_free.max(LIMITS.ratio * (raw.len() as u64 + 1));
    let most = most.min(LIMITS.open_size) + CHUNK as u64;
    assert!(out.len() as u64 <= most, "{} of {}", out.len(), raw.len());
    if (1..5).contains(&(choice % 8)) {
        match whole {
            Ok(()) => assert_eq!(out, content),
            Err(error) => assert_eq!(error.kind(), MetadataErrorKind::TooLarge, "{error}"),
        }
        if let Some((_, cut)) = raw.split_last() {
            let (result, out) = decompressed(cut);
            let seen = Compression::detect(cut) == Compression::None;
            assert!(seen || result.is_err(), "cut off");
            assert!(seen || content.starts_with(&out), "nothing else comes out");
        }
    }
}

const CHUNK: usize = 4 << 10;

/// What comes out, before the end or the error.
fn decompressed(source: impl Read) -> (Result<(), MetadataError>, Vec<u8>) {
    let mut out = Vec::new();
    let mut decompressor = match Decompressor::new(BufReader::new(source), "a.xml", LIMITS) {
        Ok(decompressor) => decompressor,
        Err(error) => return (Err(error), out),
    };
    let mut chunk = vec![0; CHUNK];
    loop {
        match decompressor.read(&mut chunk) {
            Ok(0) => return (Ok(()), out),
            Ok(read) => out.extend_from_slice(&chunk[..read]),
            Err(error) => {
                assert!(decompressor.read(&mut chunk).is_err(), "an error is final");
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
                let error: &MetadataError = inner.expect("errors are of metadata");
                return (Err(error.clone()), out);
            }
        }
    }
}
