//! nginx: plain files, or TLS in front of a registry.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::certificates::Identity;
use crate::process::{Server, free_address};
use crate::scratch::Scratch;

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    _server: Server,
    address: SocketAddr,
    directory: Scratch,
}

/// One line of its access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRequest {
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub protocol: String,
    /// `GET`, `HEAD`, …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The status answered.
    pub status: u16,
    /// The bytes of body sent.
    pub bytes: u64,
}

impl Nginx {
    /// Serves a directory over plain HTTP.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub fn files(root: &Path) -> io::Result<Nginx> {
        let root = root.display();
        Nginx::start("", &format!("root {root};"))
    }

    /// Serves what is at `upstream` over TLS and HTTP/2; with `clients`, only to those that show
    /// a certificate of that authority.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub fn tls(upstream: &str, identity: &Identity, clients: Option<&Path>) -> io::Result<Nginx> {
        let mut server = format!(
            "ssl_certificate {}; ssl_certificate_key {}; client_max_body_size 0;\n",
            identity.certificate.display(),
            identity.key.display(),
        );
        if let Some(authority) = clients {
            let authority = authority.display();
            server.push_str(&format!(
                "ssl_client_certificate {authority}; ssl_verify_client on;\n"
            ));
        }
        server.push_str(&format!(
            "location / {{\n\
             proxy_pass {upstream}; proxy_http_version 1.1;\n\
             proxy_buffering off; proxy_request_buffering off;\n\
             proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto https;\n}}\n"
        ));
        Nginx::start(" ssl http2", &server)
    }

    fn start(listen: &str, server: &str) -> io::Result<Nginx> {
        Nginx::at(free_address()?, listen, server)
    }

    /// Serves at an address what its configuration says: words behind the address, and the
    /// inside of the `server` block.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub fn at(address: SocketAddr, listen: &str, server: &str) -> io::Result<Nginx> {
        let directory = Scratch::new("nginx")?;
        let path = directory.path().display();
        // One process: killing it leaves no worker behind.
        let configuration = format!(
            "daemon off; master_process off; pid {path}/pid; error_log {path}/log;\n\
             events {{ worker_connections 256; }}\n\
             http {{\n\
             log_format lab '$server_protocol $request_method $status $body_bytes_sent $request_uri';\n\
             access_log {path}/access lab;\n\
             client_body_temp_path {path}/body; proxy_temp_path {path}/proxy;\n\
             fastcgi_temp_path {path}/fastcgi; uwsgi_temp_path {path}/uwsgi;\n\
             scgi_temp_path {path}/scgi;\n\
             server {{\nlisten {address}{listen};\n{server}}}\n}}\n"
        );
        let file = directory.join("nginx.conf");
        fs::write(&file, configuration)?;
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(directory.path()).arg("-c").arg(file);
        Ok(Nginx {
            _server: Server::start(&mut command, address, &directory.join("log"))?,
            address,
            directory,
        })
    }

    /// `host:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The requests answered so far, oldest first.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn requests(&self) -> io::Result<Vec<LoggedRequest>> {
        let path: PathBuf = self.directory.join("access");
        Ok(fs::read_to_string(path)?
            .lines()
            .filter_map(LoggedRequest::parse)
            .collect())
    }
}

impl LoggedRequest {
    fn parse(line: &str) -> Option<LoggedRequest> {
        let mut words = line.splitn(5, ' ');
        let mut word = || words.next().map(str::to_owned);
        let (protocol, method) = (word()?, word()?);
        let (status, bytes) = (word()?.parse().ok()?, word()?.parse().ok()?);
        Some(LoggedRequest {
            protocol,
            method,
            target: word()?,
            status,
            bytes,
        })
    }
}
