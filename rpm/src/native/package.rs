//! A package as an artifact of its own.

use std::io::{self, Read};

use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;
use ocirepo::manifest::ImageManifest;

use super::line;
use crate::date::rfc3339;
use crate::evr::Nevra;
use crate::header::{self, FileFacts, HeaderError, HeaderOptions};
use crate::href::Href;
use crate::layout::format::{CREATED, HEADER, PACKAGE, PACKAGE_CONFIG, TITLE, VERSION, media_type};

/// What is pushed of a package beside the package.
///
/// It follows from the bytes of the package alone, so that the tag of a package never
/// moves, whatever repository lists it under whatever path.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The bytes of the package up to its payload.
    pub header: Vec<u8>,
    /// What the header says, as JSON.
    pub config: Vec<u8>,
    /// The manifest, which lists config, header and package.
    pub manifest: Manifest,
}

impl Artifact {
    /// Reads the front of a package, whose digest and size are known. Errors call it by its
    /// path.
    pub fn read(
        source: impl Read,
        path: &Href,
        digest: Digest,
        size: u64,
    ) -> Result<Self, HeaderError> {
        let options = HeaderOptions::default();
        let mut tee = Tee {
            source,
            seen: Vec::new(),
        };
        let header = header::read(&mut tee, path.path(), &options)?;
        let facts = header.facts(FileFacts {
            // Neither of the two is in the config.
            location: path.clone(),
            time: 0,
            checksum: digest.into(),
            size,
            payload: None,
        })?;
        let Nevra { name, evr, arch } = &facts.package.nevra;
        let file = format!("{name}-{}-{}.{arch}.rpm", evr.version, evr.release);
        let config = line::package_config(&facts.package);
        let header = tee.seen;
        let rpm = Descriptor::new(media_type(".rpm"), digest, size).annotate(TITLE, file);
        let image = ImageManifest {
            config: Descriptor::of(PACKAGE_CONFIG, &config),
            layers: vec![Descriptor::of(HEADER, &header), rpm],
            ..ImageManifest::artifact(PACKAGE)
        };
        let built = Some(facts.package.build_time).filter(|time| *time > 0);
        let created = built.and_then(rfc3339).map(|date| (CREATED, date));
        let annotations = [(TITLE, name.to_string()), (VERSION, evr.to_string())];
        let manifest = annotations
            .into_iter()
            .chain(created)
            .fold(image, |image, (key, value)| image.annotate(key, value))
            .to_manifest();
        Ok(Self {
            header,
            config,
            manifest,
        })
    }
}

/// Keeps what is read. The reader of headers reads nothing behind the header, and caps it.
struct Tee<R> {
    source: R,
    seen: Vec<u8>,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.seen
            .extend_from_slice(into.get(..read).unwrap_or(into));
        Ok(read)
    }
}
