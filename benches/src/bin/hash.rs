//! One pass of SHA-256 over so many bytes in memory: `hash BYTES`.

use std::process::ExitCode;

use sha2::{Digest as _, Sha256};

/// The bytes hashed at a time, as many as a reader of files would have.
const PIECE: usize = 64 << 10;

fn main() -> ExitCode {
    let bytes = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let Some(mut left): Option<usize> = bytes else {
        eprintln!("usage: hash BYTES");
        return ExitCode::from(2);
    };
    let piece: Vec<u8> = (0..PIECE).map(|at| (at * 31) as u8).collect();
    let mut hasher = Sha256::new();
    while left > 0 {
        let length = left.min(PIECE);
        hasher.update(&piece[..length]);
        left -= length;
    }
    let text: String = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    println!("{text}");
    ExitCode::SUCCESS
}
