//! A small plain repository, made by hand.

use ocirepo::Digest;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Files of a repository by their path.
#[derive(Clone)]
pub(crate) struct Repo {
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

impl Repo {
    /// One package whose content is `content`; `base` is its `xml:base`.
    pub(crate) fn new(revision: u32, content: &[u8], base: Option<&str>) -> Self {
        let base = base.map_or_else(String::new, |base| format!("xml:base=\"{base}\" "));
        let primary = format!(
            "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
             xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"1\">\
             <package type=\"rpm\"><name>g++</name><arch>noarch</arch>\
             <version epoch=\"0\" ver=\"1\" rel=\"1\"/>\
             <checksum type=\"sha256\" pkgid=\"YES\">{}</checksum>\
             <size package=\"{}\"/><location {base}href=\"Packages/g++-1-1.noarch.rpm\"/>\
             <format><rpm:sourcerpm>gcc-1-1.src.rpm</rpm:sourcerpm></format>\
             </package></metadata>",
            hex(content),
            content.len()
        );
        let primary = primary.into_bytes();
        let repomd = format!(
            "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\
             <revision>{revision}</revision><data type=\"primary\">\
             <checksum type=\"sha256\">{}</checksum>\
             <location href=\"repodata/primary.xml\"/><size>{}</size></data></repomd>",
            hex(&primary),
            primary.len()
        );
        Self {
            files: vec![
                ("repodata/repomd.xml".to_owned(), repomd.into_bytes()),
                ("repodata/primary.xml".to_owned(), primary),
                (
                    "Packages/g%2B%2B-1-1.noarch.rpm".to_owned(),
                    content.to_vec(),
                ),
            ],
        }
    }

    pub(crate) fn repomd(&self) -> &[u8] {
        &self.files[0].1
    }

    pub(crate) fn with(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), content.into()));
        self
    }

    pub(crate) fn without(mut self, path: &str) -> Self {
        self.files.retain(|(file, _)| file != path);
        self
    }

    /// Serves it below `/os/` of a server of its own.
    pub(crate) async fn serve(&self) -> MockServer {
        let server = MockServer::start().await;
        for (file, content) in &self.files {
            Mock::given(method("GET"))
                .and(path(format!("/os/{file}")))
                .respond_with(ResponseTemplate::new(200).set_body_bytes(content.clone()))
                .mount(&server)
                .await;
        }
        server
    }
}

/// A metalink that vouches for these versions of `repomd.xml`, the newest first, at these
/// mirrors, the best first.
pub(crate) fn metalink(versions: &[&[u8]], mirrors: &[&str]) -> String {
    let version = |raw: &[u8]| {
        format!(
            "<size>{}</size><verification><hash type=\"sha256\">{}</hash></verification>",
            raw.len(),
            hex(raw)
        )
    };
    let earlier = versions[1..]
        .iter()
        .map(|raw| format!("<mm0:alternate>{}</mm0:alternate>", version(raw)));
    let urls = mirrors.iter().enumerate().map(|(at, mirror)| {
        let preference = 100 - at;
        format!("<url preference=\"{preference}\">{mirror}/os/repodata/repomd.xml</url>")
    });
    format!(
        "<metalink version=\"3.0\" xmlns:mm0=\"http://fedorahosted.org/mirrormanager\">\
         <files><file name=\"repomd.xml\">{}<mm0:alternates>{}</mm0:alternates>\
         <resources>{}</resources></file></files></metalink>",
        version(versions[0]),
        earlier.collect::<String>(),
        urls.collect::<String>()
    )
}

/// A server with one document at `/list`.
pub(crate) async fn list(content: &str) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/list"))
        .respond_with(ResponseTemplate::new(200).set_body_string(content))
        .mount(&server)
        .await;
    server
}

fn hex(content: &[u8]) -> String {
    Digest::of(content).to_string().replace("sha256:", "")
}
