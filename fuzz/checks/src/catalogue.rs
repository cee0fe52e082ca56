//! Catalogues of the `native` layout: what they become is the same however they arrive, no larger
//! than said, and rpm-md that reads.

use std::io::Read;

use ocirepo::{Descriptor, Digest};
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::native::{Catalogue, Part, Synthesis};
use ocirepo_rpm::primary::Primary;

use crate::stream::{LIMITS, Trickle, all, packed};

/// The first byte chooses the part, the second how many packages it is said to have; the rest are
/// its lines, and also the config of a catalogue.
pub fn check(data: &[u8]) {
    let [choice, packages, content @ ..] = data else {
        return;
    };
    config(content);
    let part = Part::ALL[usize::from(choice % 3)];
    let packages = u64::from(packages % 8);
    // Lines are always gzip; what claims to be is tried as it is.
    let raw = packed(
        if content.starts_with(&[0x1f, 0x8b]) {
            0
        } else {
            1
        },
        content,
    );
    let whole = made(part, packages, &raw[..], LIMITS, u64::MAX);
    let pieces = made(part, packages, Trickle(&raw[..]), LIMITS, u64::MAX);
    let Ok(document) = &whole else {
        assert_eq!(whole, pieces);
        return;
    };
    assert_eq!(whole, pieces);
    let size = document.len() as u64;
    assert_eq!(
        made(part, packages, &raw[..], LIMITS, size).as_ref(),
        Ok(document)
    );
    assert!(
        made(part, packages, &raw[..], LIMITS, size - 1).is_err(),
        "a byte too many"
    );
    if let Part::Packages = part {
        let read = all(Primary::open(&document[..], "a.xml", Limits::default()));
        assert_eq!(read.expect("it is rpm-md").len() as u64, packages);
    }
}

fn made(
    part: Part,
    packages: u64,
    source: impl Read,
    limits: Limits,
    most: u64,
) -> Result<Vec<u8>, String> {
    let synthesis = Synthesis::new(part, packages, source, limits);
    let mut synthesis = synthesis.map_err(|error| error.to_string())?.at_most(most);
    let mut document = Vec::new();
    match synthesis.read_to_end(&mut document) {
        Ok(_) => Ok(document),
        Err(error) => {
            assert!(document.len() as u64 <= most);
            Err(error.to_string())
        }
    }
}

fn config(content: &[u8]) {
    let layers: Vec<Descriptor> = (Part::ALL.iter())
        .map(|part| Descriptor::new(part.media_type(), Digest::of(b"x"), 1))
        .collect();
    let Ok(catalogue) = Catalogue::parse(content, &layers) else {
        return;
    };
    for record in &catalogue.repomd().records {
        crate::href::stays_inside(record.location.path());
    }
    let written = catalogue.to_config();
    let again = Catalogue::parse(&written, &layers).expect("what was written is legal");
    assert_eq!(again.repomd(), catalogue.repomd());
    assert_eq!(again.to_config(), written);
    assert_eq!(again.raw_repomd(), catalogue.raw_repomd());
}
