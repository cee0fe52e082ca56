//! What `ocirepo` must be seen doing with RPM repositories, real registries and the real dnf.
//!
//! Run with `cargo xtask e2e [FILTER]`.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

#[path = "repositories/answers.rs"]
mod answers;
#[path = "repositories/c_hosts.rs"]
mod c_hosts;
#[path = "repositories/createrepo.rs"]
mod createrepo;
#[path = "repositories/dnf_plugin.rs"]
mod dnf_plugin;
#[path = "repositories/dnf_plugin_faults.rs"]
mod dnf_plugin_faults;
#[path = "repositories/dnf_plugin_options.rs"]
mod dnf_plugin_options;
#[path = "repositories/importing.rs"]
mod importing;
#[path = "repositories/layouts.rs"]
mod layouts;
#[path = "repositories/librepo.rs"]
mod librepo;
#[path = "repositories/load.rs"]
mod load;
#[path = "repositories/many_packages.rs"]
mod many_packages;
#[path = "repositories/memory.rs"]
mod memory;
#[path = "repositories/mirror.rs"]
mod mirror;
#[path = "repositories/native.rs"]
mod native;
#[path = "repositories/publishing.rs"]
mod publishing;
#[path = "repositories/push.rs"]
mod push;
#[path = "repositories/readers.rs"]
mod readers;
#[path = "repositories/reading.rs"]
mod reading;
#[path = "repositories/requests.rs"]
mod requests;
#[path = "repositories/service.rs"]
mod service;
#[path = "repositories/signing.rs"]
mod signing;
#[path = "repositories/snapshots.rs"]
mod snapshots;
#[path = "repositories/strangers.rs"]
mod strangers;
#[path = "repositories/tampering.rs"]
mod tampering;
#[path = "repositories/tls.rs"]
mod tls;
#[path = "repositories/versions.rs"]
mod versions;
