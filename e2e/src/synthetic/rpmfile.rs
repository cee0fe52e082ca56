//! RPM files, written by hand: fast, and the same every time.
//!
//! A lead, a signature header that says only how large the rest is, the header, and a payload
//! of no files. They are read and indexed, never installed.

/// Tags of the header, as rpm numbers them.
pub(crate) mod tag {
    pub(crate) const I18N_TABLE: u32 = 100;
    pub(crate) const NAME: u32 = 1000;
    pub(crate) const VERSION: u32 = 1001;
    pub(crate) const RELEASE: u32 = 1002;
    pub(crate) const SUMMARY: u32 = 1004;
    pub(crate) const DESCRIPTION: u32 = 1005;
    pub(crate) const BUILD_TIME: u32 = 1006;
    pub(crate) const BUILD_HOST: u32 = 1007;
    pub(crate) const SIZE: u32 = 1009;
    pub(crate) const VENDOR: u32 = 1011;
    pub(crate) const LICENSE: u32 = 1014;
    pub(crate) const PACKAGER: u32 = 1015;
    pub(crate) const GROUP: u32 = 1016;
    pub(crate) const URL: u32 = 1020;
    pub(crate) const OS: u32 = 1021;
    pub(crate) const ARCH: u32 = 1022;
    pub(crate) const FILE_SIZES: u32 = 1028;
    pub(crate) const FILE_MODES: u32 = 1030;
    pub(crate) const FILE_MTIMES: u32 = 1034;
    pub(crate) const FILE_FLAGS: u32 = 1037;
    pub(crate) const FILE_USERS: u32 = 1039;
    pub(crate) const FILE_GROUPS: u32 = 1040;
    pub(crate) const SOURCE_RPM: u32 = 1044;
    pub(crate) const PROVIDE_NAMES: u32 = 1047;
    pub(crate) const REQUIRE_FLAGS: u32 = 1048;
    pub(crate) const REQUIRE_NAMES: u32 = 1049;
    pub(crate) const REQUIRE_VERSIONS: u32 = 1050;
    pub(crate) const CHANGELOG_TIMES: u32 = 1080;
    pub(crate) const CHANGELOG_NAMES: u32 = 1081;
    pub(crate) const CHANGELOG_TEXTS: u32 = 1082;
    pub(crate) const PROVIDE_FLAGS: u32 = 1112;
    pub(crate) const PROVIDE_VERSIONS: u32 = 1113;
    pub(crate) const DIR_INDEXES: u32 = 1116;
    pub(crate) const BASE_NAMES: u32 = 1117;
    pub(crate) const DIR_NAMES: u32 = 1118;
    pub(crate) const PAYLOAD_FORMAT: u32 = 1124;
    pub(crate) const PAYLOAD_COMPRESSOR: u32 = 1125;
}

/// The region of the signature header, and its only other tag.
const SIGNATURE_REGION: u32 = 62;
const SIGNATURE_SIZE: u32 = 1000;

/// The region of the header.
const HEADER_REGION: u32 = 63;

/// The end of a cpio archive, which is all there is of it.
const PAYLOAD: &[u8] = b"07070100000000000000000000000000000000000000010000000000000000\
    000000000000000000000000000000000000000b00000000TRAILER!!!\0\0\0\0";

/// A header while it is filled. Tags are to be added in rising order.
pub(crate) struct Header {
    region: u32,
    entries: Vec<[u32; 4]>,
    store: Vec<u8>,
}

impl Header {
    pub(crate) fn new() -> Self {
        Self::of(HEADER_REGION)
    }

    fn of(region: u32) -> Self {
        Self {
            region,
            entries: Vec::new(),
            store: Vec::new(),
        }
    }

    fn add(&mut self, tag: u32, kind: u32, align: usize, count: usize, data: &[u8]) {
        while !self.store.len().is_multiple_of(align) {
            self.store.push(0);
        }
        self.entries
            .push([tag, kind, small(self.store.len()), small(count)]);
        self.store.extend_from_slice(data);
    }

    pub(crate) fn string(&mut self, tag: u32, value: &str) {
        self.add(tag, 6, 1, 1, &strings([value]));
    }

    /// A text that is there in one language only.
    pub(crate) fn text(&mut self, tag: u32, value: &str) {
        self.add(tag, 9, 1, 1, &strings([value]));
    }

    pub(crate) fn strings<'a>(&mut self, tag: u32, values: impl IntoIterator<Item = &'a str>) {
        let values: Vec<&str> = values.into_iter().collect();
        if !values.is_empty() {
            let count = values.len();
            self.add(tag, 8, 1, count, &strings(values));
        }
    }

    pub(crate) fn numbers(&mut self, tag: u32, values: &[u32]) {
        if !values.is_empty() {
            let data: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_be_bytes())
                .collect();
            self.add(tag, 4, 4, values.len(), &data);
        }
    }

    pub(crate) fn shorts(&mut self, tag: u32, values: &[u16]) {
        if !values.is_empty() {
            let data: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_be_bytes())
                .collect();
            self.add(tag, 3, 2, values.len(), &data);
        }
    }

    /// The header as it lies in the file: magic, counts, index, store.
    fn to_bytes(&self) -> Vec<u8> {
        let entries = self.entries.len() + 1;
        let mut bytes = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
        let word = |bytes: &mut Vec<u8>, word: u32| bytes.extend_from_slice(&word.to_be_bytes());
        word(&mut bytes, small(entries));
        word(&mut bytes, small(self.store.len() + 16));
        // The region is everything: its first entry points at a trailer that points back.
        let region = [self.region, 7, small(self.store.len()), 16];
        for entry in std::iter::once(&region).chain(&self.entries) {
            entry.iter().for_each(|value| word(&mut bytes, *value));
        }
        bytes.extend_from_slice(&self.store);
        let back = small(entries * 16).wrapping_neg();
        for value in [self.region, 7, back, 16] {
            word(&mut bytes, value);
        }
        bytes
    }

    /// The file of a package that has this header.
    pub(crate) fn to_package(&self, nevr: &str) -> Vec<u8> {
        let header = self.to_bytes();
        let mut signature = Self::of(SIGNATURE_REGION);
        signature.numbers(SIGNATURE_SIZE, &[small(header.len() + PAYLOAD.len())]);
        let mut file = lead(nevr);
        file.extend(signature.to_bytes());
        while !file.len().is_multiple_of(8) {
            file.push(0);
        }
        file.extend(header);
        file.extend_from_slice(PAYLOAD);
        file
    }
}

/// The lead, which nothing but `file` looks at any more.
fn lead(nevr: &str) -> Vec<u8> {
    let mut lead = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0, 0, 1];
    let name = nevr.as_bytes();
    lead.extend_from_slice(&name[..name.len().min(65)]);
    lead.resize(76, 0);
    lead.extend_from_slice(&[0, 1, 0, 5]);
    lead.resize(96, 0);
    lead
}

fn strings<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut data = Vec::new();
    for value in values {
        data.extend_from_slice(value.as_bytes());
        data.push(0);
    }
    data
}

/// What is made here is small.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
