//! How much a metadata file may ask of its reader.
//!
//! Metadata is hostile input. Nothing is allocated from a size it declares; what
//! grows with its content is capped by these.

/// Caps on reading one metadata file.
///
/// The defaults leave room for distributions ten times the size of today's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes a file may decompress to.
    pub open_size: u64,
    /// Most decompressed bytes for each compressed byte, once more than
    /// [`Limits::ratio_free`] came out.
    pub ratio: u64,
    /// How many decompressed bytes are not held against the ratio: short files of
    /// repetitive text compress well.
    pub ratio_free: u64,
    /// Largest window (zstd) or dictionary (xz) in bytes. The decompressor allocates
    /// up to this much, as a stream asks.
    pub window: u32,
    /// Most bytes of one text, comment or other stretch of XML between two tags.
    pub text: usize,
    /// Most bytes of one tag with its attributes.
    pub tag: usize,
    /// Most elements inside each other.
    pub depth: usize,
    /// Most entries of one list: files, dependencies or change log of one package,
    /// packages of one advisory, groups of one comps file.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open_size: 8 << 30,
            ratio: 400,
            ratio_free: 64 << 20,
            window: 128 << 20,
            text: 8 << 20,
            tag: 64 << 10,
            depth: 16,
            entries: 2_000_000,
        }
    }
}
