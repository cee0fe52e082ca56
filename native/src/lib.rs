//! The native host of the ocirepo exchange: reqwest and tokio.

pub mod cache;
pub mod client;
pub mod config;
pub mod credentials;
mod driver;
pub mod environment;
pub mod error;
mod exchange;
mod http;
mod partial;
pub mod repository;
mod target;
mod throttle;

pub use client::{Client, ClientBuilder};
pub use error::{Error, Result};
