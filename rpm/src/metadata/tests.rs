use super::*;
use crate::checksum::ChecksumKind;
use crate::href::Href;

const CONTENT: &[u8] = b"<metadata/>\n";

fn sum(kind: ChecksumKind, content: &[u8]) -> Checksum {
    let mut hasher = ChecksumHasher::new(kind).unwrap();
    hasher.update(content);
    hasher.finish()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn record(raw: &[u8]) -> Record {
    Record {
        kind: "primary".to_owned(),
        location: Href::parse("repodata/primary.xml.gz").unwrap(),
        checksum: sum(ChecksumKind::Sha256, raw),
        open_checksum: Some(sum(ChecksumKind::Sha1, CONTENT)),
        header_checksum: None,
        size: Some(raw.len() as u64),
        open_size: Some(CONTENT.len() as u64),
        header_size: None,
        timestamp: None,
        database_version: None,
    }
}

fn read(record: &Record, raw: &[u8]) -> Result<Vec<u8>, MetadataError> {
    let mut content = Vec::new();
    open(record, raw, Limits::default())?
        .read_to_end(&mut content)
        .map_err(|error| MetadataError::from_io(&error))?;
    Ok(content)
}

#[test]
fn a_file_that_is_as_its_record_says_is_read() {
    let raw = gzip(CONTENT);
    let full = record(&raw);
    assert_eq!(read(&full, &raw).unwrap(), CONTENT);
    verify(&full, &raw).unwrap();
    let least = Record {
        open_checksum: None,
        open_size: None,
        size: None,
        ..full
    };
    assert_eq!(read(&least, &raw).unwrap(), CONTENT);
}

#[test]
fn each_fact_of_the_record_is_checked() {
    let raw = gzip(CONTENT);
    let right = record(&raw);
    let other = Checksum::from_hash(ChecksumKind::Sha256, &[7; 32]).unwrap();
    let cases = [
        (
            Record {
                checksum: other,
                ..right.clone()
            },
            "its sha256 checksum is",
        ),
        (
            Record {
                open_checksum: Some(other),
                ..right.clone()
            },
            "uncompressed, its sha256",
        ),
        (
            Record {
                size: Some(3),
                ..right.clone()
            },
            "it is larger than the 3 bytes",
        ),
        (
            Record {
                size: Some(999),
                ..right.clone()
            },
            "bytes, repomd.xml says 999",
        ),
        (
            Record {
                open_size: Some(3),
                ..right.clone()
            },
            "uncompressed, it is larger",
        ),
        (
            Record {
                open_size: Some(999),
                ..right
            },
            "uncompressed, it has 12 bytes",
        ),
    ];
    for (wrong, message) in cases {
        let error = read(&wrong, &raw).unwrap_err();
        assert_eq!(error.kind(), MetadataErrorKind::Corrupt, "{error}");
        assert_eq!(error.file(), "repodata/primary.xml.gz");
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn md5_vouches_for_nothing() {
    let raw = gzip(CONTENT);
    let md5 = Checksum::from_hash(ChecksumKind::Md5, &[0; 16]).unwrap();
    let outer = Record {
        checksum: md5,
        ..record(&raw)
    };
    let error = read(&outer, &raw).unwrap_err();
    assert_eq!(error.kind(), MetadataErrorKind::Unsupported);
    assert!(verify(&outer, &raw).is_err());
    let inner = Record {
        open_checksum: Some(md5),
        ..record(&raw)
    };
    assert_eq!(read(&inner, &raw).unwrap(), CONTENT);
}

#[test]
fn a_failed_verification_stays_failed() {
    let raw = gzip(CONTENT);
    let wrong = Record {
        open_size: Some(13),
        ..record(&raw)
    };
    let mut opened = open(&wrong, &raw[..], Limits::default()).unwrap();
    for _ in 0..3 {
        assert!(io::copy(&mut opened, &mut io::sink()).is_err());
    }
}
