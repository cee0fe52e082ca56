//! Helpers of `cargo xtask bench`, each a program of its own so that nothing else is counted:
//!
//! - `measure` runs a program and says what it cost;
//! - `hash` makes one pass of SHA-256 over bytes in memory, the bar for what verifies;
//! - `sinks` verifies blobs on several threads;
//! - `load` is many clients of one bridge;
//! - `primary` reads the packages of a repository from its metadata;
//! - `client` pulls and pushes many blobs, through the host `ocirepo-native`.
