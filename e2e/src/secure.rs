//! A registry behind TLS.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::certificates::Authority;
use crate::curl::Login;
use crate::nginx::Nginx;
use crate::program::Program;
use crate::publish;
use crate::registry::{Access, DockerRegistry};
use crate::scratch::Scratch;
use crate::world::sample;

/// A registry with the sample in `files`, and nginx before it with a certificate of its own
/// authority.
#[derive(Debug)]
pub struct Secure {
    /// What is before the registry.
    pub nginx: Nginx,
    /// Who vouches for it.
    pub authority: Authority,
    _registry: DockerRegistry,
    _directory: Scratch,
}

impl Secure {
    /// Starts both and publishes the sample.
    ///
    /// # Errors
    /// When something does not start, or publishing fails.
    pub fn new(wants_client_certificate: bool) -> io::Result<Secure> {
        let directory = Scratch::new("tls")?;
        let authority = Authority::new(directory.path())?;
        let registry = DockerRegistry::start(&Access::Open)?;
        let host = registry.host();
        let home = directory.path();
        publish::files_by_oras(sample(), &host, "lab/secure:el9", &Login::None, home)?;
        let identity = authority.server()?;
        let clients = wants_client_certificate.then(|| authority.certificate());
        let nginx = Nginx::tls(&registry.url(), &identity, clients)?;
        Ok(Secure {
            nginx,
            authority,
            _registry: registry,
            _directory: directory,
        })
    }

    /// The published sample as the program takes it.
    pub fn location(&self) -> String {
        format!("oci+https://{}/lab/secure:el9", self.nginx.host())
    }

    /// Where a user's certificates for this registry are looked for, as other container tools do.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn certificates_of(&self, program: &Program) -> io::Result<PathBuf> {
        let directory = program
            .path("config")
            .join("containers/certs.d")
            .join(self.nginx.host());
        fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// Has a user trust the authority, for this registry.
    ///
    /// # Errors
    /// When its certificate cannot be copied.
    pub fn trust(&self, program: &Program) -> io::Result<()> {
        let place = self.certificates_of(program)?.join("ca.crt");
        fs::copy(self.authority.certificate(), place).map(|_| ())
    }
}
