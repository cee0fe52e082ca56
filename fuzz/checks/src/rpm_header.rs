//! Whatever is read of a package can be written, and reads the same.

use ocirepo_rpm::filelists::Filelists;
use ocirepo_rpm::header::{self, HeaderOptions};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::other::Other;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::write::{FilelistsWriter, OtherWriter, PrimaryWriter};

/// Any bytes are a package.
pub fn check(data: &[u8]) {
    let location = Href::from_path("Packages/x.rpm").unwrap();
    let options = HeaderOptions {
        // Large enough for whatever a fuzzer comes up with.
        size: 1 << 20,
        paths: 16 << 20,
        ..HeaderOptions::default()
    };
    let facts = match header::scan(data, "x.rpm", location, None, &options) {
        Ok(facts) => facts,
        Err(error) => {
            assert!(error.to_string().starts_with("cannot read x.rpm: "));
            return;
        }
    };
    let limits = Limits::default();
    let mut primary = PrimaryWriter::new(Vec::new(), 1).unwrap();
    primary.write(&facts.package).unwrap();
    let written = primary.finish().unwrap();
    let mut read = Primary::open(&written[..], "primary", limits).unwrap();
    assert_eq!(read.next().unwrap().unwrap(), facts.package);
    let mut filelists = FilelistsWriter::with_checksums(Vec::new(), 1).unwrap();
    filelists.write(&facts.files).unwrap();
    let written = filelists.finish().unwrap();
    let mut read = Filelists::open(&written[..], "filelists-ext", limits).unwrap();
    assert_eq!(read.next().unwrap().unwrap(), facts.files);
    let mut other = OtherWriter::new(Vec::new(), 1).unwrap();
    other.write(&facts.changes).unwrap();
    let written = other.finish().unwrap();
    let mut read = Other::open(&written[..], "other", limits).unwrap();
    assert_eq!(read.next().unwrap().unwrap(), facts.changes);
}
