//! Packages for tests, byte by byte, so that they can be wrong in any way.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

/// What follows the header.
pub(super) const PAYLOAD: &[u8] = b"payload";

/// What the signature header says of the size of the payload.
pub(super) const ARCHIVE: u64 = 99;

/// The value of a tag.
#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    Int16(Vec<u16>),
    Int32(Vec<u32>),
    Int64(Vec<u64>),
    /// Whatever the entry is to say.
    Raw {
        kind: u32,
        offset: u32,
        count: u32,
    },
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(super) fn texts(texts: &[&str]) -> Self {
        Self::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    pub(super) fn numbers(numbers: &[u32]) -> Self {
        Self::Int32(numbers.to_vec())
    }

    /// Its type, its count, and its bytes.
    fn bytes(&self) -> (u32, u32, Vec<u8>) {
        let texts = |texts: &[String]| {
            let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
            bytes.collect::<Vec<u8>>()
        };
        let count = |len: usize| u32::try_from(len).unwrap();
        match self {
            Self::Text(text) => (6, 1, texts(std::slice::from_ref(text))),
            Self::Texts(all) => (8, count(all.len()), texts(all)),
            Self::Int16(all) => (
                3,
                count(all.len()),
                all.iter().flat_map(|n| n.to_be_bytes()).collect(),
            ),
            Self::Int32(all) => (
                4,
                count(all.len()),
                all.iter().flat_map(|n| n.to_be_bytes()).collect(),
            ),
            Self::Int64(all) => (
                5,
                count(all.len()),
                all.iter().flat_map(|n| n.to_be_bytes()).collect(),
            ),
            Self::Raw { kind, count, .. } => (*kind, *count, Vec::new()),
        }
    }
}

/// A package in the making.
#[derive(Clone)]
pub(super) struct Builder {
    header: BTreeMap<u32, Value>,
    signature: BTreeMap<u32, Value>,
    digest: bool,
    sizes: bool,
}

impl Builder {
    /// `n-1-2.noarch`, with nothing else than what every package has.
    pub(super) fn new() -> Self {
        let header = [
            (63, Value::text("")),
            (1000, Value::text("n")),
            (1001, Value::text("1")),
            (1002, Value::text("2")),
            (1004, Value::text("summary")),
            (1022, Value::text("noarch")),
            (1044, Value::text("n-1-2.src.rpm")),
        ];
        Self {
            header: header.into(),
            signature: BTreeMap::new(),
            digest: true,
            sizes: true,
        }
    }

    pub(super) fn with(&self, tag: u32, value: Value) -> Self {
        let mut changed = self.clone();
        changed.header.insert(tag, value);
        changed
    }

    pub(super) fn signed_with(&self, tag: u32, value: Value) -> Self {
        let mut changed = self.clone();
        changed.signature.insert(tag, value);
        changed
    }

    pub(super) fn without(&self, tag: u32) -> Self {
        let mut changed = self.clone();
        changed.header.remove(&tag);
        changed
    }

    pub(super) fn without_digest(&self) -> Self {
        Self {
            digest: false,
            ..self.clone()
        }
    }

    pub(super) fn without_sizes(&self) -> Self {
        Self {
            sizes: false,
            ..self.clone()
        }
    }

    /// As packages were before headers had a region that is signed.
    pub(super) fn without_region(&self) -> Self {
        self.without(63)
    }

    /// Files with their modes and flags, each in a directory of its own.
    pub(super) fn files(&self, files: &[(&str, u16, u32)]) -> Self {
        let (mut directories, mut names) = (Vec::new(), Vec::new());
        for (path, ..) in files {
            let (directory, name) = path.split_at(path.rfind('/').map_or(0, |at| at + 1));
            directories.push(directory);
            names.push(name);
        }
        let numbers: Vec<u32> = (0..).take(files.len()).collect();
        self.with(1118, Value::texts(&directories))
            .with(1117, Value::texts(&names))
            .with(1116, Value::numbers(&numbers))
            .with(1030, Value::Int16(files.iter().map(|f| f.1).collect()))
            .with(1037, Value::Int32(files.iter().map(|f| f.2).collect()))
    }

    /// Provides (1047) or requires (1049).
    pub(super) fn list(&self, names: u32, list: &[(&str, u32, &str)]) -> Self {
        match names {
            1047 => self.numbered_list([1047, 1112, 1113], list),
            _ => self.numbered_list([1049, 1048, 1050], list),
        }
    }

    /// Dependencies under the tags of names, flags and versions.
    pub(super) fn numbered_list(&self, tags: [u32; 3], list: &[(&str, u32, &str)]) -> Self {
        let names: Vec<&str> = list.iter().map(|entry| entry.0).collect();
        let versions: Vec<&str> = list.iter().map(|entry| entry.2).collect();
        self.with(tags[0], Value::texts(&names))
            .with(tags[1], Value::Int32(list.iter().map(|e| e.1).collect()))
            .with(tags[2], Value::texts(&versions))
    }

    pub(super) fn package(&self) -> Vec<u8> {
        let header = header(&self.header);
        let mut signature = self.signature.clone();
        if self.sizes {
            let size = u32::try_from(header.len() + PAYLOAD.len()).unwrap();
            signature.insert(1000, Value::numbers(&[size]));
            let archive = u32::try_from(ARCHIVE).unwrap();
            signature.insert(1007, Value::numbers(&[archive]));
        }
        if self.digest {
            let digest = Sha256::digest(&header);
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            signature.insert(273, Value::Text(hex));
        }
        let mut package = vec![0; 96];
        package[..4].copy_from_slice(&[0xed, 0xab, 0xee, 0xdb]);
        package.extend(self::header(&signature));
        package.resize(package.len().next_multiple_of(8), 0);
        package.extend(header);
        package.extend(PAYLOAD);
        package
    }
}

fn header(tags: &BTreeMap<u32, Value>) -> Vec<u8> {
    let (mut entries, mut store) = (Vec::new(), Vec::new());
    for (tag, value) in tags {
        let (kind, count, bytes) = value.bytes();
        let offset = match value {
            Value::Raw { offset, .. } => *offset,
            _ => u32::try_from(store.len()).unwrap(),
        };
        for field in [*tag, kind, offset, count] {
            entries.extend(field.to_be_bytes());
        }
        store.extend(bytes);
    }
    let mut header = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
    header.extend(u32::try_from(tags.len()).unwrap().to_be_bytes());
    header.extend(u32::try_from(store.len()).unwrap().to_be_bytes());
    header.extend(entries);
    header.extend(store);
    header
}
