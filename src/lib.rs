//! The OCI registry client as a state machine that does no I/O.
//!
//! Registries are spoken to over HTTP, and every program that does so has an HTTP stack
//! already. So this crate sends nothing: it says which request to make and is told what
//! came back. What surrounds a request is in here: the challenge and the token, the
//! redirect to storage, the upload that broke off, the rate limit, the digest that does
//! not match. The sockets, the clock, the threads and the files are the host's. Nothing
//! is random, so whatever happened can be replayed.
//!
//! # Three layers
//!
//! Each can be used without the one above it.
//!
//! 1. **Values.** What registries are asked for and what they hold:
//!    [`reference`](mod@reference) (`ghcr.io/me/repo:el9`, `oci://…`), [`digest`],
//!    [`descriptor`], [`manifest`], [`platform`], [`media_type`]. What HTTP carries around
//!    them: [`auth`] (challenges, scopes, realms), [`link`], [`redirect`], [`range`], [`retry_after`].
//!    And [`endpoint`]: for every endpoint of the specification a function that builds the
//!    request and one that reads the response.
//! 2. **Operations.** What a caller wants may take many requests. Each [`operation`] is a
//!    small state machine, drawn at the top of its file.
//! 3. **[`Session`].** It runs operations side by side, shares tokens among them, follows
//!    redirects, waits and tries again, and keeps to a number of requests at a time.
//!
//! # Where to start
//!
//! | to | read |
//! | --- | --- |
//! | pull or push with an HTTP stack of your own | [`session`]: the contract beside a loop that compiles |
//! | see a whole host | `examples/ureq/src/host.rs`: one file over a blocking HTTP library |
//! | stream blobs of any size | [`sink`] and [`source`]: payload never enters the session |
//! | say what your host cannot do, such as see all headers | [`capabilities`] |
//! | build one request or read one response | [`endpoint`] |
//! | read a reference as Docker reads it | [`Reference`], [`Location`] |
//! | tell one failure from another | [`ErrorKind`] |
//!
//! A host over tokio and reqwest is the crate `ocirepo-native`; a registry that runs in
//! memory, for tests without a network, is `ocirepo-registry`.
//!
//! # A taste
//!
//! A session says what it wants. Nothing happens until somebody does it:
//!
//! ```
//! use ocirepo::session::{Config, Output, Session};
//! use ocirepo::{Location, Now};
//!
//! let place: Location = "oci://registry.example/me/repo:el9".parse()?;
//! let reference = place.reference();
//! let tag = reference.tag().ok_or("a tag")?.clone();
//!
//! let mut session = Session::new(Config::default(), 42);
//! let pull = session.pull_manifest(reference.repository(), tag);
//!
//! let Output::Request(request) = session.poll(Now::default()) else {
//!     unreachable!("the first thing to do is to ask");
//! };
//! assert_eq!(request.method, "GET");
//! assert_eq!(request.url.path(), "/v2/me/repo/manifests/el9");
//! assert!(!request.headers.contains_key("authorization"), "nobody asked for it yet");
//! assert!(session.take(pull).is_none(), "still under way");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! - What is returned as verified hashes to the digest asked for, at the declared size.
//! - A credential goes to the registry it was given for, or to a token server on its site
//!   or one the user trusts, and nowhere else.
//! - Whatever a registry answers, nothing panics, nothing is allocated from a declared
//!   size, everything collected has a cap, and every operation ends.
//! - The same inputs with the same seed give the same outputs.

pub mod annotations;
pub mod auth;
pub mod capabilities;
pub mod clock;
mod date;
pub mod descriptor;
pub mod digest;
pub mod endpoint;
pub mod error;
pub mod exchange;
mod json;
pub mod link;
pub mod manifest;
pub mod media_type;
pub mod operation;
pub mod platform;
pub mod range;
pub mod redirect;
pub mod reference;
pub mod retry;
pub mod retry_after;
pub mod session;
pub mod sink;
pub mod source;

pub use clock::Now;
pub use descriptor::Descriptor;
pub use digest::Digest;
pub use error::{Error, ErrorKind};
pub use manifest::Manifest;
pub use reference::{Location, Reference};
pub use session::Session;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
