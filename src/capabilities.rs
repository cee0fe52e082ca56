//! What the host can do and see.

/// How a host differs from one that shows and does everything. The default is a
/// native HTTP client that follows no redirect and decodes no body.
///
/// ```
/// use ocirepo::capabilities::Capabilities;
///
/// let browser = Capabilities::fetch();
/// assert!(browser.follows_redirects && browser.hides_headers);
/// assert!(!Capabilities::default().hides_headers);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The host follows redirects and reports the final URL with the head; it drops
    /// `Authorization` when a redirect leads to another origin, as fetch does.
    pub follows_redirects: bool,
    /// Response headers that the server does not expose are missing (CORS).
    pub hides_headers: bool,
    /// Bodies arrive without their `Content-Encoding`.
    pub decodes_bodies: bool,
    /// The most bytes of a source the host can send with one request.
    pub largest_upload: u64,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            follows_redirects: false,
            hides_headers: false,
            decodes_bodies: false,
            largest_upload: u64::MAX,
        }
    }
}

impl Capabilities {
    /// A browser's fetch: redirects are followed, headers hidden, bodies decoded.
    /// Request bodies are blobs, which the browser reads from disk by itself.
    pub fn fetch() -> Self {
        Self {
            follows_redirects: true,
            hides_headers: true,
            decodes_bodies: true,
            largest_upload: u64::MAX,
        }
    }
}
