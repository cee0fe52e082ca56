//! Servers to measure against, with everything in memory.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use ocirepo_e2e::process::{Server, free_address};
use ocirepo_e2e::scratch::Scratch;

use super::lab::Lab;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// nginx in front of a directory.
pub(crate) struct Nginx {
    // The server ends before its directory goes.
    server: Server,
    address: SocketAddr,
    directory: Scratch,
}

impl Nginx {
    /// Serves `root`. Files below `/v2/` get the media types of the OCI, those of `indexes`
    /// (paths in URLs) that of an index.
    pub(crate) fn start(lab: &Lab, root: &Path, indexes: &[String]) -> io::Result<Self> {
        let mut locations = String::new();
        for index in indexes {
            let _ = writeln!(
                locations,
                "location = {index} {{ types {{}} default_type {INDEX}; }}"
            );
        }
        Self::configured(lab, "nginx", |path, address| {
            let (path, root) = (path.display(), root.display());
            format!(
                "log_format lab '\"$request\" $status $body_bytes_sent';\n\
                 access_log {path}/access lab;\n\
                 root {root};\n\
                 server {{\nlisten {address};\n\
                 location = /v2/ {{ return 200; }}\n\
                 location ~ ^/v2/.*/manifests/ {{ types {{}} default_type {MANIFEST}; }}\n\
                 {locations}}}\n"
            )
        })
    }

    /// A cache before another server, which has nothing yet. It verifies nothing.
    pub(crate) fn cache(lab: &Lab, origin: &str) -> io::Result<Self> {
        Self::configured(lab, "nginx-cache", |path, address| {
            let path = path.display();
            format!(
                "access_log off;\n\
                 proxy_cache_path {path}/cache levels=1:2 keys_zone=lab:10m max_size=8g \
                 use_temp_path=off;\n\
                 upstream origin {{ server {origin}; keepalive 16; }}\n\
                 server {{\nlisten {address};\n\
                 location / {{\nproxy_pass http://origin; proxy_http_version 1.1;\n\
                 proxy_set_header Connection \"\"; proxy_cache lab; proxy_cache_valid 200 1h;\n\
                 }}\n}}\n"
            )
        })
    }

    /// Starts one with what is special about it.
    fn configured(
        lab: &Lab,
        name: &str,
        special: impl FnOnce(&Path, SocketAddr) -> String,
    ) -> io::Result<Self> {
        let directory = lab.scratch(name)?;
        let address = free_address()?;
        let special = special(directory.path(), address);
        let path = directory.path().display();
        // One worker: killing it leaves nobody behind, and the other core is the client's.
        let configuration = format!(
            "daemon off; master_process off; pid {path}/pid; error_log {path}/log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n\
             client_body_temp_path {path}/body; proxy_temp_path {path}/proxy;\n\
             fastcgi_temp_path {path}/fastcgi; uwsgi_temp_path {path}/uwsgi;\n\
             scgi_temp_path {path}/scgi;\n\
             sendfile on; tcp_nopush on;\n\
             {special}}}\n"
        );
        let file = directory.join("nginx.conf");
        fs::write(&file, configuration)?;
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(directory.path()).arg("-c").arg(file);
        Ok(Self {
            server: Server::start(&mut command, address, &directory.join("log"))?,
            address,
            directory,
        })
    }

    /// `host:port`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    /// One line for each request, with its status and the bytes of its body.
    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("access")
    }
}

/// `ferro-oci-server`, with blobs in files.
pub(crate) struct Ferro {
    _server: Server,
    address: SocketAddr,
    _directory: Scratch,
}

impl Ferro {
    pub(crate) fn start(lab: &Lab, program: &Path) -> io::Result<Self> {
        let directory = lab.scratch("ferro")?;
        let address = free_address()?;
        let mut command = Command::new(program);
        command
            .env("FERRO_OCI_LISTEN", address.to_string())
            .env("FERRO_OCI_STORAGE_DIR", directory.join("data"))
            .env("RUST_LOG", "warn");
        Ok(Self {
            _server: Server::start(&mut command, address, &directory.join("log"))?,
            address,
            _directory: directory,
        })
    }

    /// `host:port`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }
}

/// Makes the tree that a static server has below `/v2/` of an OCI image layout with one tag, by
/// links. Returns the paths of indexes, which need a media type of their own.
pub(crate) fn static_tree(layout: &Path, root: &Path, name: &str) -> io::Result<Vec<String>> {
    let blobs = root.join("v2").join(name).join("blobs");
    let manifests = root.join("v2").join(name).join("manifests");
    fs::create_dir_all(&blobs)?;
    fs::create_dir_all(&manifests)?;
    let mut indexes = Vec::new();
    for entry in fs::read_dir(layout.join("blobs/sha256"))? {
        let entry = entry?;
        let digest = format!("sha256:{}", entry.file_name().to_string_lossy());
        fs::hard_link(entry.path(), blobs.join(&digest))?;
        // Manifests are small, and begin as no package and no compressed file does.
        if entry.metadata()?.len() > 4 << 20 {
            continue;
        }
        let content = fs::read(entry.path())?;
        if content.starts_with(b"{\"schemaVersion\"") {
            fs::hard_link(entry.path(), manifests.join(&digest))?;
            if String::from_utf8_lossy(&content).contains(INDEX) {
                indexes.push(format!("/v2/{name}/manifests/{digest}"));
            }
        }
    }
    let tags = fs::read_to_string(layout.join("index.json"))?;
    for (digest, tag) in tagged(&tags) {
        let from = manifests.join(&digest);
        if from.exists() {
            fs::hard_link(&from, manifests.join(&tag))?;
            if indexes.iter().any(|path| path.ends_with(&digest)) {
                indexes.push(format!("/v2/{name}/manifests/{tag}"));
            }
        }
    }
    Ok(indexes)
}

/// The digests and tags of an `index.json`, as the program writes it: the digest of a
/// descriptor comes before its annotations.
fn tagged(index: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut digest = String::new();
    let mut words = index
        .split('"')
        .filter(|word| !word.trim_matches([' ', '\n', ':', ',']).is_empty());
    while let Some(word) = words.next() {
        match word {
            "digest" => digest = words.next().unwrap_or_default().to_owned(),
            "org.opencontainers.image.ref.name" => {
                found.push((digest.clone(), words.next().unwrap_or_default().to_owned()));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_with_their_digests() {
        let index = r#"{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:1","size":1},
            {"mediaType":"x", "digest": "sha256:2","size":1,"annotations":{"org.opencontainers.image.ref.name":"f41"}}]}"#;
        let expected = [("sha256:2".to_owned(), "f41".to_owned())];
        assert_eq!(tagged(index), expected);
    }
}
