//! A pure OCI registry in memory: requests in, responses out.
//!
//! [`Registry::handle`] is the whole of it. There is no socket, no thread, no clock and
//! no randomness inside, so that tests, fuzzers and web pages can run a registry where
//! they are, and a small HTTP server makes it a real one. It implements the
//! distribution-spec 1.1 in all four categories (pull, push, content discovery, content
//! management), and on request [misbehaves](Quirk) the way real registries do.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, StatusCode};
//! use ocirepo::digest::Digest;
//! use ocirepo_registry::{Config, Registry};
//!
//! let mut registry = Registry::new(Config::default());
//! let now = 1_700_000_000; // Unix seconds
//!
//! // Push a blob in one request …
//! let digest = Digest::of(b"hello");
//! let request = Request::post(format!("/v2/me/repo/blobs/uploads/?digest={digest}"))
//!     .body(Bytes::from_static(b"hello"))?;
//! let response = registry.handle(now, request);
//! assert_eq!(response.status(), StatusCode::CREATED);
//!
//! // … and pull a part of it.
//! let request = Request::get(format!("/v2/me/repo/blobs/{digest}"))
//!     .header("Range", "bytes=1-3")
//!     .body(Bytes::new())?;
//! let response = registry.handle(now, request);
//! assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
//! assert_eq!(response.body(), "ell");
//!
//! // Everything asked is in the log.
//! assert_eq!(registry.log().len(), 2);
//! # Ok::<(), http::Error>(())
//! ```

mod auth;
mod blobs;
mod config;
mod cors;
mod error;
mod layout;
mod log;
mod manifests;
mod names;
mod profiles;
mod quirks;
mod referrers;
mod registry;
mod reply;
mod request;
mod router;
mod scope;
mod script;
pub mod simulator;
mod store;
mod tags;
mod token;
mod uploads;

/// Its examples must go on working.
#[cfg(doctest)]
#[doc = include_str!("../../docs/registry.md")]
struct Manual;

pub use auth::{Account, Auth, Rights, Scheme};
pub use config::Config;
pub use cors::Cors;
pub use layout::{Changes, LoadError, OCI_LAYOUT};
pub use log::Entry;
pub use profiles::docker_registry;
pub use registry::Registry;
pub use script::{Fault, Quirk, Rule, TokenField};
