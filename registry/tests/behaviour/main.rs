//! What the registry does beyond the specification's table of cases: accounts, browsers,
//! keeping, misbehaving.

#![allow(clippy::unwrap_used, reason = "all of this is a test")]

mod auth;
mod conditions;
mod cors;
mod layout;
mod limits;
mod network;
mod properties;
mod quirks;
mod scene;
mod tokens;
