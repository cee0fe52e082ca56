//! The lab: real servers and clients on free ports of the loopback, each in a directory of its
//! own, gone when it is dropped.

pub mod process;
pub mod registry;
pub mod scratch;
