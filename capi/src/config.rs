//! The settings of a session.

use ocirepo::auth::Credentials;
use ocirepo::capabilities::Capabilities;
use ocirepo::retry::RetryPolicy;
use ocirepo::session::{Config, Limits};
use url::Url;

use crate::status::{Misuse, ocirepo_status, outside};
use crate::text::{list, ocirepo_str};
use crate::versioned::{self, Versioned};

/// The host follows redirects by itself and reports the final URL with the head; it drops
/// `Authorization` when a redirect leads to another origin.
pub const OCIREPO_FOLLOWS_REDIRECTS: u32 = 1;
/// Response header fields may be missing that the server sent.
pub const OCIREPO_HIDES_HEADERS: u32 = 2;
/// Bodies arrive without their `Content-Encoding`.
pub const OCIREPO_DECODES_BODIES: u32 = 4;

/// The settings of a session. `ocirepo_config_init` fills it with what suits a native host.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_config {
    /// `sizeof(ocirepo_config)`.
    pub size: usize,
    /// `OCIREPO_FOLLOWS_REDIRECTS` and its like, or'ed: what the host does otherwise than one
    /// that shows everything. 0 for libcurl without `CURLOPT_FOLLOWLOCATION` and for libsoup
    /// with `SOUP_MESSAGE_NO_REDIRECT`.
    pub capabilities: u32,
    /// The most requests under way at one registry.
    pub concurrency: u32,
    /// The most bytes of a source the host can send with one request.
    pub largest_upload: u64,
    /// How long the head of a response may take from the moment the request was sent, in
    /// milliseconds.
    pub head_timeout_ms: u64,
    /// How often an exchange is tried again without any progress in between.
    pub retries: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
    /// The wait before the first retry, in milliseconds; it doubles with each further one.
    pub first_wait_ms: u64,
    /// The longest wait the session chooses by itself, in milliseconds.
    pub longest_wait_ms: u64,
    /// The longest wait a registry may ask for with `Retry-After`, in milliseconds.
    pub longest_retry_after_ms: u64,
    /// The largest manifest, in bytes.
    pub manifest_limit: u64,
    /// The largest token response, in bytes.
    pub token_limit: u64,
    /// How much of the body of an error is looked at, in bytes.
    pub error_limit: u64,
    /// The largest page of a list, in bytes.
    pub page_limit: u64,
    /// The most entries of a list.
    pub entries_limit: u64,
    /// Token servers on other sites than their registry that may have the user's password.
    pub trusted_realms: *const ocirepo_trusted_realm,
    /// How many they are.
    pub trusted_realms_len: usize,
}

/// A token server that may have the user's password for a registry of another site.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_trusted_realm {
    /// The registry, `host[:port]`.
    pub registry: ocirepo_str,
    /// A URL with the scheme, host and port of the token server.
    pub realm: ocirepo_str,
}

// SAFETY: numbers and pointers, its size first.
unsafe impl Versioned for ocirepo_config {}

pub(crate) fn defaults() -> ocirepo_config {
    let config = Config::default();
    ocirepo_config {
        size: size_of::<ocirepo_config>(),
        capabilities: 0,
        concurrency: u32::try_from(config.concurrency).unwrap_or(u32::MAX),
        largest_upload: config.capabilities.largest_upload,
        head_timeout_ms: config.head_timeout_ms,
        retries: config.retry.retries,
        reserved: 0,
        first_wait_ms: config.retry.first_wait_ms,
        longest_wait_ms: config.retry.longest_wait_ms,
        longest_retry_after_ms: config.retry.longest_retry_after_ms,
        manifest_limit: config.limits.manifest,
        token_limit: config.limits.token,
        error_limit: config.limits.error,
        page_limit: config.limits.page,
        entries_limit: config.limits.entries as u64,
        trusted_realms: std::ptr::null(),
        trusted_realms_len: 0,
    }
}

/// Fills a config with the defaults. Its `size` must be set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_config_init(config: *mut ocirepo_config) -> ocirepo_status {
    let work = || {
        // SAFETY: the caller's promise for a struct with a size.
        unsafe { versioned::write(config, defaults()) }?;
        Ok(ocirepo_status::Ok)
    };
    outside(work).0
}

/// The core's settings.
///
/// # Safety
/// The lists in it are as they say.
pub(crate) unsafe fn to_config(config: &ocirepo_config) -> Result<Config, Misuse> {
    let known = OCIREPO_FOLLOWS_REDIRECTS | OCIREPO_HIDES_HEADERS | OCIREPO_DECODES_BODIES;
    if config.capabilities & !known != 0 {
        return Err(Misuse::invalid("there is no such capability"));
    }
    let has = |flag| config.capabilities & flag != 0;
    let mut settings = Config {
        capabilities: Capabilities {
            follows_redirects: has(OCIREPO_FOLLOWS_REDIRECTS),
            hides_headers: has(OCIREPO_HIDES_HEADERS),
            decodes_bodies: has(OCIREPO_DECODES_BODIES),
            largest_upload: config.largest_upload,
        },
        concurrency: config.concurrency as usize,
        retry: RetryPolicy {
            retries: config.retries,
            first_wait_ms: config.first_wait_ms,
            longest_wait_ms: config.longest_wait_ms,
            longest_retry_after_ms: config.longest_retry_after_ms,
        },
        head_timeout_ms: config.head_timeout_ms,
        limits: Limits {
            manifest: config.manifest_limit,
            token: config.token_limit,
            error: config.error_limit,
            page: config.page_limit,
            entries: usize::try_from(config.entries_limit).unwrap_or(usize::MAX),
        },
        ..Config::default()
    };
    // SAFETY: the caller's promise for lists.
    for trusted in unsafe { list(config.trusted_realms, config.trusted_realms_len) }? {
        // SAFETY: the caller's promise for text.
        let registry = unsafe { trusted.registry.text() }?;
        // SAFETY: as above.
        let realm = unsafe { trusted.realm.text() }?;
        let realm = Url::parse(realm).map_err(Misuse::malformed)?;
        settings.trusted_realms.insert(registry, &realm);
    }
    Ok(settings)
}

/// What a user shows a registry to be let in.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ocirepo_credentials_kind {
    /// A user name and a password or personal access token.
    Basic = 1,
    /// An OAuth2 refresh token, which Docker calls identity token.
    IdentityToken = 2,
    /// An access token that goes to the registry as it is.
    Bearer = 3,
}

/// Credentials for a registry.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_credentials {
    /// `sizeof(ocirepo_credentials)`.
    pub size: usize,
    /// An `ocirepo_credentials_kind`.
    pub kind: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
    /// The user name; for tokens it may be left out.
    pub username: ocirepo_str,
    /// The password or token.
    pub secret: ocirepo_str,
}

// SAFETY: numbers and pointers, its size first.
unsafe impl Versioned for ocirepo_credentials {}

/// # Safety
/// The caller's promise for structs and text.
pub(crate) unsafe fn to_credentials(
    from: *const ocirepo_credentials,
) -> Result<Option<Credentials>, Misuse> {
    if from.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not NULL; the rest is the caller's promise.
    let read = unsafe { versioned::read(from, versioned::zeroed()) }?;
    // SAFETY: the caller's promise for text.
    let username = unsafe { read.username.text() }?;
    // SAFETY: as above.
    let secret = unsafe { read.secret.text() }?;
    Ok(Some(match read.kind {
        1 => Credentials::basic(username, secret),
        2 => Credentials::IdentityToken {
            token: secret.into(),
            username: Some(username.to_owned()).filter(|name| !name.is_empty()),
        },
        3 => Credentials::Bearer(secret.into()),
        _ => return Err(Misuse::invalid("there is no such kind of credentials")),
    }))
}
