//! https and HTTP/2, with certificates as they come.

use std::fs;
use std::path::Path;

use ocirepo_e2e::certificates::Authority;
use ocirepo_e2e::dnf::Dnf;
use ocirepo_e2e::nginx::Nginx;
use ocirepo_e2e::program::Program;
use ocirepo_e2e::registry::{Access, DockerRegistry};
use ocirepo_e2e::scratch::Scratch;

use crate::fixture::{LISTED, key, sample};

/// A registry behind TLS, and the authority its certificate is from.
struct Secure {
    nginx: Nginx,
    authority: Authority,
    _registry: DockerRegistry,
    _directory: Scratch,
}

impl Secure {
    fn new(wants_client_certificate: bool) -> Secure {
        let directory = Scratch::new("tls").expect("a directory");
        let authority = Authority::new(directory.path()).expect("an authority");
        let registry = DockerRegistry::start(&Access::Open).expect("a registry");
        let identity = authority.server().expect("a certificate");
        let clients = wants_client_certificate.then(|| authority.certificate());
        let nginx = Nginx::tls(&registry.url(), &identity, clients).expect("nginx");
        Secure {
            nginx,
            authority,
            _registry: registry,
            _directory: directory,
        }
    }

    fn location(&self) -> String {
        format!("oci+https://{}/lab/secure:el9", self.nginx.host())
    }

    /// Where the containers' tools of this user look for certificates for this registry.
    fn certificates_of(&self, program: &Program) -> std::path::PathBuf {
        let directory = program
            .path("config")
            .join("containers/certs.d")
            .join(self.nginx.host());
        fs::create_dir_all(&directory).expect("a directory for certificates");
        directory
    }

    fn trust(&self, program: &Program) {
        let directory = self.certificates_of(program);
        copy(self.authority.certificate(), &directory.join("ca.crt"));
    }

    fn push(&self, program: &Program) -> ocirepo_e2e::process::Run {
        let directory = sample().path().to_string_lossy();
        let arguments = ["push", &directory, &self.location(), "--layout", "index"];
        program.run(&arguments).expect("the program")
    }
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).expect("a copied certificate");
}

/// Reads, serves and installs what was pushed, and looks at nginx's log.
fn reads_over_http2(secure: &Secure, program: &Program) {
    let location = secure.location();
    let list = program.run(&["ls", &location]).expect("the program");
    assert!(list.ok && list.says("hello-lab"), "{list}");

    let bridge = program.serve(&[&location]).expect("a bridge");
    let url = bridge.url(&format!("{}/lab/secure:el9", secure.nginx.host()));
    let dnf = Dnf::new(&url, &key().public()).expect("a root for dnf");
    assert_eq!(dnf.list().expect("a list"), LISTED);
    let run = dnf.run(&["install", "hello-lab"]).expect("dnf");
    assert!(run.ok, "{run}\n{}", bridge.log());
    assert!(dnf.installed("hello-lab").is_ok());

    let requests = secure.nginx.requests().expect("a log");
    let old = requests
        .iter()
        .find(|request| request.protocol != "HTTP/2.0");
    assert!(!requests.is_empty() && old.is_none(), "{old:?}");
}

#[test]
fn everything_works_over_https_and_http_2() {
    let secure = Secure::new(false);
    let program = Program::new().expect("a home");
    secure.trust(&program);
    let pushed = secure.push(&program);
    assert!(pushed.ok, "{pushed}");
    reads_over_http2(&secure, &program);
}

#[test]
fn an_authority_in_the_environment_is_trusted() {
    let secure = Secure::new(false);
    let authority = secure
        .authority
        .certificate()
        .to_string_lossy()
        .into_owned();
    let program = Program::new()
        .expect("a home")
        .variable("SSL_CERT_FILE", &authority);
    let pushed = secure.push(&program);
    assert!(pushed.ok, "{pushed}");
}

#[test]
fn an_unknown_authority_is_refused_before_anything_is_sent() {
    let secure = Secure::new(false);
    let program = Program::new().expect("a home");
    let list = program
        .run(&["ls", &secure.location()])
        .expect("the program");
    assert!(!list.ok, "{list}");
    assert!(list.stderr.to_lowercase().contains("certificate"), "{list}");
    assert_eq!(secure.nginx.requests().expect("a log"), []);
}

#[test]
fn a_client_certificate_is_shown_where_one_is_kept() {
    let secure = Secure::new(true);
    let program = Program::new().expect("a home");
    secure.trust(&program);
    let refused = secure.push(&program);
    assert!(!refused.ok, "{refused}");

    let identity = secure.authority.client().expect("a certificate");
    let directory = secure.certificates_of(&program);
    copy(&identity.certificate, &directory.join("client.cert"));
    copy(&identity.key, &directory.join("client.key"));
    let pushed = secure.push(&program);
    assert!(pushed.ok, "{pushed}");
}
