//! The lab: real servers and clients on free ports of the loopback, each in a directory of its
//! own, gone when it is dropped.
//!
//! Starting a registry needs only the standard library; certificates come with the feature
//! `certificates`, everything with `lab`.

pub mod process;
pub mod random;
pub mod registry;
pub mod scratch;
pub mod synthetic;

#[cfg(feature = "certificates")]
pub mod certificates;
#[cfg(feature = "lab")]
pub mod curl;
#[cfg(feature = "lab")]
pub mod damage;
#[cfg(feature = "lab")]
pub mod disturbed;
#[cfg(feature = "lab")]
pub mod dnf;
#[cfg(feature = "lab")]
pub mod faults;
#[cfg(feature = "lab")]
pub mod http;
#[cfg(feature = "lab")]
pub mod nginx;
#[cfg(feature = "lab")]
pub mod pages;
#[cfg(feature = "lab")]
pub mod plugin;
#[cfg(feature = "lab")]
pub mod program;
#[cfg(feature = "lab")]
pub mod proxy;
#[cfg(feature = "lab")]
pub mod publish;
#[cfg(feature = "lab")]
pub mod sample;
#[cfg(feature = "lab")]
pub mod secure;
#[cfg(feature = "lab")]
pub mod soak;
#[cfg(feature = "lab")]
pub mod tokens;
#[cfg(feature = "lab")]
pub mod watched;
#[cfg(feature = "lab")]
pub mod world;
