//! Metadata files as they arrive: compressed in every form, whole and in pieces, under small caps.

use std::io::{self, BufReader, Read, Write};

use ocirepo_rpm::compression::{Compression, Decompressor};
use ocirepo_rpm::error::MetadataError;
use ocirepo_rpm::limits::Limits;

/// Small, so that a fuzzer reaches them.
pub(crate) const LIMITS: Limits = Limits {
    open_size: 1 << 20,
    ratio: 50,
    ratio_free: 64 << 10,
    window: 8 << 20,
    text: 4 << 10,
    tag: 2 << 10,
    depth: 8,
    entries: 200,
};

/// One byte at a time.
pub(crate) struct Trickle<R>(pub(crate) R);

impl<R: Read> Read for Trickle<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = into.len().min(1);
        self.0.read(&mut into[..len])
    }
}

/// What a reader of metadata reads from.
pub(crate) type Source<'a> = BufReader<Decompressor<BufReader<Box<dyn Read + 'a>>>>;

/// `content` as it would lie in a registry, by the choice of one byte: plain, in one of the four
/// forms, or, from 5 on, as it is, whatever that may be.
pub(crate) fn packed(choice: u8, content: &[u8]) -> Vec<u8> {
    let packed = match choice % 8 {
        1 => {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            to.write_all(content).and_then(|()| to.finish())
        }
        2 => {
            let mut to = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            to.write_all(content).and_then(|()| to.finish())
        }
        3 => {
            let mut options = lzma_rust2::XzOptions::with_preset(0);
            options.lzma_options.dict_size = 1 << 16;
            lzma_rust2::XzWriter::new(Vec::new(), options).and_then(|mut to| {
                to.write_all(content)?;
                to.finish()
            })
        }
        4 => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            Ok(ruzstd::encoding::compress_to_vec(content, level))
        }
        _ => Ok(content.to_vec()),
    };
    packed.expect("memory takes everything")
}

/// Reads metadata whole and byte by byte, holds both to be the same, and gives what was read.
///
/// The first byte of `data` chooses how the rest is [`packed`]. What was packed must also read as
/// what was not: compression is no part of the content.
pub(crate) fn read<T: PartialEq + std::fmt::Debug>(
    data: &[u8],
    reader: impl Fn(Source<'_>) -> Result<T, MetadataError>,
) -> Option<T> {
    let (choice, content) = data.split_first()?;
    let raw = packed(*choice, content);
    let read = |raw: &[u8], trickles: bool| {
        let source: Box<dyn Read + '_> = match trickles {
            true => Box::new(Trickle(raw)),
            false => Box::new(raw),
        };
        let capacity = if trickles { 1 } else { 8 << 10 };
        let source = BufReader::with_capacity(capacity, source);
        let opened = Decompressor::new(source, FILE, LIMITS)?;
        reader(BufReader::with_capacity(capacity, opened))
    };
    let whole = read(&raw, false);
    let pieces = read(&raw, true);
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces, "whole and in pieces"),
        (Err(whole), Err(pieces)) => {
            // Damage beneath is met with more or less of the document seen.
            if Compression::detect(&raw) == Compression::None {
                assert_eq!(whole.to_string(), pieces.to_string(), "whole and in pieces");
                assert_eq!(whole.kind(), pieces.kind());
            }
            assert_eq!(whole.file(), FILE);
            assert!(
                whole.to_string().len() < 2000,
                "errors quote only an excerpt"
            );
        }
        _ => panic!("whole {whole:?}, in pieces {pieces:?}"),
    }
    if (1..5).contains(&(choice % 8)) {
        let plain = read(content, false);
        // Plain text may happen to be compressed itself, and small caps on the ratio do not
        // apply to it.
        if let (Ok(plain), Ok(whole)) = (&plain, &whole) {
            assert_eq!(plain, whole, "compression is no part of the content");
        }
    }
    whole.ok()
}

/// What errors call the file. It promises no compression.
const FILE: &str = "a.xml";

/// All items of a reader, or its first error; nothing may come after an error.
pub(crate) fn all<T>(
    items: Result<impl Iterator<Item = Result<T, MetadataError>>, MetadataError>,
) -> Result<Vec<T>, MetadataError> {
    let mut items = items?;
    let mut read = Vec::new();
    loop {
        match items.next() {
            None => {
                assert!(items.next().is_none(), "the end is the end");
                return Ok(read);
            }
            Some(Ok(item)) => read.push(item),
            Some(Err(error)) => {
                assert!(
                    items.next().is_none_or(|next| next.is_err()),
                    "after an error"
                );
                return Err(error);
            }
        }
    }
}
