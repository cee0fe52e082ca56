//! RPM repositories as OCI content: layouts, rpm-md and signatures, without I/O.

pub mod name;
pub mod signature;
