//! A registry's content in a directory, as an OCI image layout.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ocirepo::Digest;
use ocirepo_registry::{Changes, OCI_LAYOUT, Registry};
use tempfile::NamedTempFile;

/// The directory: `oci-layout`, `index.json` and `blobs/<algorithm>/<hex>`.
#[derive(Debug)]
pub(super) struct Data(PathBuf);

impl Data {
    /// Opens the directory, or makes an empty layout.
    pub(super) fn open(directory: PathBuf) -> io::Result<Self> {
        let data = Self(directory);
        let marker = data.0.join("oci-layout");
        fs::create_dir_all(data.0.join("blobs"))
            .and_then(|()| match marker.exists() {
                true => Ok(()),
                false => data.replace(&marker, OCI_LAYOUT.as_bytes()),
            })
            .map_err(|error| data.explain("open", &error))?;
        Ok(data)
    }

    /// Fills an empty registry with what is there.
    pub(super) fn load(&self, registry: &mut Registry) -> io::Result<()> {
        let index = match fs::read(self.0.join("index.json")) {
            Ok(index) => index,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(self.explain("read", &error)),
        };
        registry
            .load(&index, Some("layout"), |digest| {
                fs::read(self.blob(digest)).ok().map(Bytes::from)
            })
            .map_err(|error| self.explain("load", &io::Error::other(error.to_string())))
    }

    /// Carries out changes, in their order.
    pub(super) fn write(&self, changes: Changes) -> io::Result<()> {
        let carry_out = || {
            for (digest, content) in &changes.put {
                let path = self.blob(digest);
                if !path.exists() {
                    self.replace(&path, content)?;
                }
            }
            if let Some(index) = &changes.index {
                self.replace(&self.0.join("index.json"), index)?;
            }
            for digest in &changes.delete {
                match fs::remove_file(self.blob(digest)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        };
        carry_out().map_err(|error| self.explain("write to", &error))
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        let algorithm = digest.algorithm().to_string();
        self.0.join("blobs").join(algorithm).join(digest.hex())
    }

    /// Puts a whole file in place at once.
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let directory = path.parent().unwrap_or(&self.0);
        fs::create_dir_all(directory)?;
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(content)?;
        file.as_file().sync_data()?;
        file.persist(path)?;
        Ok(())
    }

    fn explain(&self, doing: &str, error: &io::Error) -> io::Error {
        let message = format!("cannot {doing} {}: {error}", self.0.display());
        io::Error::new(error.kind(), message)
    }
}
