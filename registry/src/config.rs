//! How a registry is set up.

use crate::auth::Auth;
use crate::cors::Cors;

/// How a [`Registry`](crate::Registry) behaves. `Config::default()` is open to
/// everybody, accepts everything the specification allows, and deletes on request.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether a manifest may name blobs and manifests the repository does not hold.
    /// When it may not, such a manifest is refused with `MANIFEST_BLOB_UNKNOWN`, which
    /// shows a client that pushes in the wrong order. Subjects may always be missing,
    /// and layers that carry `urls` are never looked for.
    pub sparse: bool,
    /// Whether blobs, manifests and tags can be deleted; otherwise `DELETE` answers 405.
    pub delete: bool,
    /// The largest manifest accepted, in bytes; a larger one is answered 413.
    pub manifest_limit: usize,
    /// The largest blob accepted, in bytes; a larger one is answered 413.
    pub blob_limit: u64,
    /// The smallest chunk but the last, in bytes, announced as `OCI-Chunk-Min-Length`
    /// and enforced.
    pub chunk_min: Option<u64>,
    /// The largest page of tags, repositories or referrers; more come by `Link`.
    pub page_limit: Option<usize>,
    /// How long an upload nobody touches is kept, in seconds.
    pub upload_lifetime: u64,
    /// Who may do what; `None` lets everybody do everything.
    pub auth: Option<Auth>,
    /// What browsers on other origins may see; `None` sends no CORS header at all.
    pub cors: Option<Cors>,
    /// The origin under which clients reach the registry (`https://registry.example`),
    /// for the token realm. Without it the request's own URL or `Host` header tells.
    pub origin: Option<String>,
    /// What upload identifiers and tokens are derived from. The same seed gives the
    /// same ones; a registry that is reachable by others wants a secret one.
    pub seed: [u8; 32],
    /// How many requests the log keeps; the oldest go first.
    pub log_limit: usize,
    /// Whether [`take_changes`](crate::Registry::take_changes) has something to tell.
    pub journal: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sparse: true,
            delete: true,
            manifest_limit: 16 << 20,
            blob_limit: u64::MAX,
            chunk_min: None,
            page_limit: None,
            upload_lifetime: 24 * 60 * 60,
            auth: None,
            cors: None,
            origin: None,
            seed: [0; 32],
            log_limit: 100_000,
            journal: false,
        }
    }
}
