//! The native host of the ocirepo exchange: reqwest and tokio.

pub mod cache;
pub mod config;
pub mod credentials;
pub mod environment;
pub mod error;

pub use error::{Error, Result};
