//! A certificate authority of the lab's own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

/// An authority nobody trusts unless told.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    certificate: PathBuf,
    directory: PathBuf,
}

/// A key with its certificate, as PEM files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Authority {
    /// Makes a new authority, and writes its certificate into a directory.
    ///
    /// # Errors
    /// When the certificate cannot be made or written.
    pub fn new(directory: &Path) -> io::Result<Authority> {
        let mut params = named("Lab authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        let certificate = directory.join("authority.crt");
        fs::write(&certificate, issuer.pem())?;
        Ok(Authority {
            issuer,
            certificate,
            directory: directory.to_path_buf(),
        })
    }

    /// The certificate to trust, as a PEM file.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// Makes a certificate for a server at 127.0.0.1 and localhost.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn server(&self) -> io::Result<Identity> {
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue("server", params)
    }

    /// Makes a certificate for a client.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn client(&self) -> io::Result<Identity> {
        let mut params = named("Lab client");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue("client", params)
    }

    fn issue(&self, name: &str, params: CertificateParams) -> io::Result<Identity> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(io::Error::other)?;
        let identity = Identity {
            certificate: self.directory.join(format!("{name}.crt")),
            key: self.directory.join(format!("{name}.key")),
        };
        fs::write(&identity.certificate, certificate.pem())?;
        fs::write(&identity.key, key.serialize_pem())?;
        Ok(identity)
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
