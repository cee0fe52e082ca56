//! A `repodata` folder that was published as one archive.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Take};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::format::REPODATA;
use crate::name::check_path;

/// The largest archive that is fetched, in bytes.
pub(crate) const MAX_PACKED: u64 = 128 << 20;

/// The most bytes an archive may unpack to: what it holds is compressed already.
const MAX_UNPACKED: u64 = 512 << 20;

/// The most files an archive may hold.
const MAX_ENTRIES: usize = 2000;

/// How many bytes may come out for each byte of the archive, beyond [`FREE`].
const MAX_RATIO: u64 = 100;

/// Bytes that may come out of the smallest archive.
const FREE: u64 = 16 << 20;

/// Unpacks a tar archive, gzipped or not, into paths of the repository below `repodata/`.
///
/// Entries are taken with or without the folder's name before them. Folders are passed
/// over. Links, devices, names that leave the folder, and names that come twice make the
/// whole archive unusable.
pub(crate) fn unpack(packed: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, UnpackError> {
    let limit = (packed.len() as u64)
        .saturating_mul(MAX_RATIO)
        .saturating_add(FREE)
        .min(MAX_UNPACKED);
    // One byte more tells an archive that is too large from one that is cut off.
    if packed.starts_with(&[0x1f, 0x8b]) {
        entries(MultiGzDecoder::new(packed).take(limit + 1))
    } else {
        entries(packed.take(limit + 1))
    }
}

fn entries(mut tar: Take<impl Read>) -> Result<BTreeMap<String, Vec<u8>>, UnpackError> {
    let mut files = BTreeMap::new();
    let read = read_entries(&mut tar, &mut files);
    // What follows the last entry must be whole, too: it ends in a checksum.
    let rest = read.and_then(|()| io::copy(&mut tar, &mut io::sink()).map_err(UnpackError::read));
    if tar.limit() == 0 {
        return Err(UnpackError::TooLarge);
    }
    rest.map(|_| files)
}

fn read_entries(tar: impl Read, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), UnpackError> {
    let mut archive = Archive::new(tar);
    for (count, entry) in archive.entries().map_err(UnpackError::read)?.enumerate() {
        let mut entry = entry.map_err(UnpackError::read)?;
        if count >= MAX_ENTRIES {
            return Err(UnpackError::TooMany);
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory => continue,
            _ => return Err(UnpackError::NotAFile(shorten(name))),
        }
        let path = path(&name).ok_or_else(|| UnpackError::Outside(shorten(name.clone())))?;
        let mut content = Vec::new();
        let read = entry.read_to_end(&mut content).map_err(UnpackError::read)?;
        if read as u64 != entry.size() {
            return Err(UnpackError::Read("it ends in the middle of a file".into()));
        }
        if files.insert(path, content).is_some() {
            return Err(UnpackError::Twice(shorten(name)));
        }
    }
    Ok(())
}

/// The path in the repository of an entry's name.
fn path(name: &str) -> Option<String> {
    let name = name.strip_prefix("./").unwrap_or(name);
    let path = match name.strip_prefix(REPODATA) {
        Some(_) => name.to_owned(),
        None => format!("{REPODATA}{name}"),
    };
    check_path(&path).is_ok().then_some(path)
}

fn shorten(name: String) -> String {
    name.chars().take(120).collect()
}

/// Why an archive cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UnpackError {
    Read(String),
    TooMany,
    TooLarge,
    NotAFile(String),
    Outside(String),
    Twice(String),
}

impl UnpackError {
    fn read(error: io::Error) -> Self {
        Self::Read(shorten(error.to_string()))
    }
}

impl fmt::Display for UnpackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(cause) => write!(f, "it does not unpack: {cause}"),
            Self::TooMany => write!(f, "it holds more than {MAX_ENTRIES} entries"),
            Self::TooLarge => write!(
                f,
                "it unpacks to more than {MAX_UNPACKED} bytes, or {MAX_RATIO} times its size"
            ),
            Self::NotAFile(name) => write!(f, "its entry {name:?} is neither file nor folder"),
            Self::Outside(name) => write!(f, "its entry {name:?} leaves the folder"),
            Self::Twice(name) => write!(f, "it holds {name:?} twice"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    fn header(size: u64, kind: EntryType) -> Header {
        let mut header = Header::new_ustar();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_entry_type(kind);
        header
    }

    fn pack(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, content) in entries {
            let mut header = header(content.len() as u64, EntryType::Regular);
            // As a hostile writer would: without the checks of the library.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn files_come_out_with_or_without_the_name_of_the_folder() {
        for prefix in ["", "./", "repodata/", "./repodata/"] {
            let name = format!("{prefix}repomd.xml");
            let other = format!("{prefix}1-primary.xml.gz");
            let tar = pack(&[(&name, "<repomd/>"), (&other, "")]);
            for packed in [gzip(&tar), tar] {
                let files = unpack(&packed).unwrap();
                assert_eq!(files["repodata/repomd.xml"], b"<repomd/>");
                assert_eq!(files["repodata/1-primary.xml.gz"], b"");
                assert_eq!(files.len(), 2);
            }
        }
    }

    #[test]
    fn hostile_archives_are_refused() {
        for name in [
            "../x",
            "/etc/passwd",
            "repodata/../../x",
            "a//b",
            "repodata/./x",
        ] {
            let refused = unpack(&pack(&[(name, "")]));
            assert_eq!(refused, Err(UnpackError::Outside(name.to_owned())));
        }
        let twice = unpack(&pack(&[("a", "1"), ("repodata/a", "2")]));
        assert_eq!(twice, Err(UnpackError::Twice("repodata/a".to_owned())));

        let mut builder = Builder::new(Vec::new());
        let mut link = header(0, EntryType::Symlink);
        builder.append_link(&mut link, "a", "/etc/passwd").unwrap();
        let refused = unpack(&builder.into_inner().unwrap());
        assert_eq!(refused, Err(UnpackError::NotAFile("a".to_owned())));
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let packed = gzip(&pack(&[("repomd.xml", &"<repomd/>".repeat(1000))]));
        for length in [9, 20, packed.len() / 2, packed.len() - 9] {
            assert!(unpack(&packed[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn an_archive_that_explodes_is_refused() {
        let bomb = gzip(&pack(&[("bomb", &"0".repeat(40 << 20))]));
        assert!(bomb.len() < 1 << 20);
        assert_eq!(unpack(&bomb), Err(UnpackError::TooLarge));
    }

    proptest::proptest! {
        #[test]
        fn no_archive_makes_it_panic(
            at in 0usize..1600,
            with in proptest::collection::vec(0u8.., 1..40),
        ) {
            let mut tar = pack(&[("repomd.xml", "<repomd/>"), ("b", "")]);
            let end = (at + with.len()).min(tar.len());
            tar.splice(at.min(end)..end, with);
            let _ = unpack(&tar);
        }
    }
}
