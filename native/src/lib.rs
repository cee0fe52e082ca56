//! The native host of the ocirepo exchange: reqwest and tokio.
//!
//! | what | where |
//! | --- | --- |
//! | pulling, pushing, listing, deleting, copying | [`Client`] |
//! | who one is, as Docker and Podman keep it | [`credentials`] |
//! | `registries.conf`, `certs.d`, our own `config.toml` | [`config`] |
//! | content on disk by digest; what was seen last | [`cache`] |
//! | a thread that reads ahead | [`ahead`] |
//! | files that appear whole, whoever else writes them | [`file`](mod@file) |
//! | RPM repositories | [`repository`] |
//! | publishing them | [`publish`] |
//! | copying repositories | [`mirror`] |
//! | deleting snapshots nobody needs any more | [`prune`] |
//! | OCI image layouts in directories | [`oci_directory`] |
//! | plain repositories, to be moved into a registry | [`import`] |
//! | the environment as a value, for tests and sandboxes | [`environment`] |
//!
//! The core's [`Session`](ocirepo::Session) decides what is asked for; this crate
//! performs it. Each exchange is a task and a `tracing` span of its own, named
//! `exchange`, with method, status and a URL without its query; no field of any span
//! or event holds a credential. Pulled and pushed bytes are hashed where they arrive,
//! so that as many cores work as there are transfers, and a blob of any size costs the
//! memory of a few chunks.

pub mod ahead;
pub mod cache;
pub mod client;
pub mod config;
pub mod credentials;
mod driver;
pub mod environment;
pub mod error;
mod exchange;
pub mod file;
mod http;
pub mod import;
pub mod mirror;
pub mod oci_directory;
pub mod prune;
pub mod publish;
pub mod repository;
mod target;
mod throttle;
mod work_dir;

pub use client::{Client, ClientBuilder};
pub use error::{Error, Result};
pub use work_dir::WorkDir;
