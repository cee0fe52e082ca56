//! What the administrator and the user configured: containers' `registries.conf` and
//! `certs.d`, and a file of our own.

mod certificates;
mod document;
mod options;
mod registries;
mod size;

pub use self::certificates::{Certificates, ClientCertificate};
pub use self::options::{Options, TrustedRealm};
pub use self::registries::{By, Endpoint, Registries};
pub use self::size::parse_size;
