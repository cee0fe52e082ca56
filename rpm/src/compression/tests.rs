use std::io::{BufReader, Write};

use proptest::prelude::*;

use super::*;

const TEXT: &[u8] = b"one small text, one small text, one small text\n";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn xz(content: &[u8]) -> Vec<u8> {
    xz_with_dictionary(content, 1 << 16)
}

fn xz_with_dictionary(content: &[u8], size: u32) -> Vec<u8> {
    let mut options = lzma_rust2::XzOptions::with_preset(1);
    options.lzma_options.dict_size = size;
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
}

fn all(content: &[u8]) -> [(Compression, Vec<u8>); 5] {
    [
        (Compression::None, content.to_vec()),
        (Compression::Gzip, gzip(content)),
        (Compression::Bzip2, bzip2(content)),
        (Compression::Xz, xz(content)),
        (Compression::Zstd, zstd(content)),
    ]
}

fn read_with(source: impl BufRead, limits: Limits) -> Result<Vec<u8>, MetadataError> {
    let mut content = Vec::new();
    Decompressor::new(source, "x", limits)?
        .read_to_end(&mut content)
        .map_err(|error| MetadataError::from_io(&error))?;
    Ok(content)
}

fn read(raw: &[u8]) -> Result<Vec<u8>, MetadataError> {
    read_with(raw, Limits::default())
}

#[test]
fn every_form_is_recognised_and_read() {
    for (form, raw) in all(TEXT) {
        let decompressor = Decompressor::new(&raw[..], "x", Limits::default()).unwrap();
        assert_eq!(decompressor.compression(), form);
        assert_eq!(read(&raw).unwrap(), TEXT, "{form:?}");
    }
    for (form, raw) in all(b"") {
        assert_eq!(read(&raw).unwrap(), b"", "{form:?}");
    }
}

#[test]
fn members_streams_and_frames_are_joined() {
    for compress in [gzip, bzip2, xz, zstd] {
        let raw = [compress(b"one, "), compress(b""), compress(b"two")].concat();
        assert_eq!(read(&raw).unwrap(), b"one, two");
    }
    let padded = [xz(b"one, "), vec![0; 8], xz(b"two"), vec![0; 4]].concat();
    assert_eq!(read(&padded).unwrap(), b"one, two");
    let skippable = [b"\x51\x2a\x4d\x18\x03\0\0\0abc".to_vec(), zstd(TEXT)].concat();
    assert_eq!(read(&skippable).unwrap(), TEXT);
    let cut = b"\x51\x2a\x4d\x18\x04\0\0\0abc";
    assert_eq!(read(cut).unwrap_err().kind(), MetadataErrorKind::Malformed);
}

#[test]
fn a_stream_that_is_cut_off_or_goes_on_is_refused() {
    for (form, raw) in all(TEXT) {
        if form == Compression::None {
            continue;
        }
        for len in MAGIC_LEN..raw.len() {
            let error = read(&raw[..len]).unwrap_err();
            assert_eq!(error.kind(), MetadataErrorKind::Malformed, "{form:?} {len}");
        }
        let error = read(&[&raw[..], b"garbage"].concat()).unwrap_err();
        assert_eq!(error.kind(), MetadataErrorKind::Malformed, "{form:?}");
    }
    let error = read(&gzip(TEXT)[..20]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read x: the gzip stream ends early: it was cut off"
    );
}

#[test]
fn a_wrong_checksum_inside_is_refused() {
    let mut raw = gzip(TEXT);
    let crc = raw.len() - 8;
    raw[crc] ^= 1;
    assert!(read(&raw).is_err());
    // One raw block with a content checksum that is not its own.
    let frame = b"\x28\xb5\x2f\xfd\x24\x01\x09\0\0a\0\0\0\0";
    let error = read(frame).unwrap_err().to_string();
    assert!(error.contains("checksum"), "{error}");
}

#[test]
fn an_error_is_final() {
    let raw = gzip(TEXT);
    let mut decompressor = Decompressor::new(&raw[..25], "x", Limits::default()).unwrap();
    let mut content = Vec::new();
    assert!(decompressor.read_to_end(&mut content).is_err());
    assert!(decompressor.read_to_end(&mut content).is_err());
}

#[test]
fn an_error_of_the_host_is_told_as_it_is() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk on fire"))
        }
    }
    for (form, raw) in all(TEXT) {
        let source = BufReader::new(raw[..10].chain(Broken));
        let error = read_with(source, Limits::default()).unwrap_err();
        assert_eq!(error.kind(), MetadataErrorKind::Source, "{form:?}");
        assert_eq!(error.to_string(), "cannot read x: disk on fire");
    }
}

#[test]
fn zchunk_and_false_names_are_refused() {
    let error = read(b"\0ZCK1 and so on").unwrap_err();
    assert_eq!(error.kind(), MetadataErrorKind::Unsupported);
    let error = Decompressor::new(TEXT, "primary.xml.gz", Limits::default())
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "cannot read primary.xml.gz: its name ends as if it was gzip, its content is not"
    );
    // Which of the forms is no matter.
    assert!(Decompressor::new(&xz(TEXT)[..], "a.gz", Limits::default()).is_ok());
}

#[test]
fn what_decompresses_to_too_much_is_refused() {
    let zeros = vec![0; 100_000];
    for (form, raw) in all(&zeros) {
        let absolute = Limits {
            open_size: 99_999,
            ..Limits::default()
        };
        let error = read_with(&raw[..], absolute).unwrap_err();
        assert_eq!(error.kind(), MetadataErrorKind::TooLarge, "{form:?}");
        let ratio = Limits {
            ratio: 20,
            ratio_free: 50_000,
            ..Limits::default()
        };
        let result = read_with(&raw[..], ratio);
        assert_eq!(result.is_ok(), form == Compression::None, "{form:?}");
        let free = Limits {
            ratio_free: 100_000,
            ..ratio
        };
        assert!(read_with(&raw[..], free).is_ok(), "{form:?}");
    }
}

#[test]
fn a_window_beyond_the_cap_is_refused_before_it_is_allocated() {
    let limits = Limits {
        window: 1 << 20,
        ..Limits::default()
    };
    let large = xz_with_dictionary(TEXT, 2 << 20);
    let error = read_with(&large[..], limits).unwrap_err();
    assert_eq!(error.kind(), MetadataErrorKind::TooLarge);
    assert!(read_with(&xz_with_dictionary(TEXT, 1 << 20)[..], limits).is_ok());
    // A frame header that asks for a window of 2 MiB.
    let frame = b"\x28\xb5\x2f\xfd\x00\x58\x01\0\0";
    let error = read_with(&frame[..], limits).unwrap_err();
    assert_eq!(error.kind(), MetadataErrorKind::TooLarge);
    assert_eq!(read(frame).unwrap(), b"");
}

proptest! {
    #[test]
    fn bytes_one_by_one_give_what_the_whole_gives(
        content in prop::collection::vec(prop::sample::select(b"ab<".to_vec()), 0..2000),
        cut in 0..100usize,
        piece in 1..50usize,
    ) {
        for (_, mut raw) in all(&content) {
            raw.truncate(raw.len().saturating_sub(cut / 10));
            let whole = read(&raw).map_err(|e| e.to_string());
            let pieces = read_with(BufReader::with_capacity(piece, &raw[..]), Limits::default());
            prop_assert_eq!(whole, pieces.map_err(|e| e.to_string()));
        }
    }

    #[test]
    fn changed_bytes_never_panic(
        content in prop::collection::vec(0..4u8, 0..300),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        for (_, mut raw) in all(&content) {
            let index = at.index(raw.len().max(1));
            if let Some(byte) = raw.get_mut(index) {
                *byte = value;
            }
            let _ = read(&raw);
        }
    }
}
