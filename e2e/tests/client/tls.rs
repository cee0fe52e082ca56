//! https and HTTP/2, with certificates as they come.

use std::fs;
use std::path::{Path, PathBuf};

use ocirepo_e2e::process::Run;
use ocirepo_e2e::program::Program;
use ocirepo_e2e::secure::Secure;

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).expect("a copied certificate");
}

fn manifest(secure: &Secure, program: &Program) -> Run {
    program
        .run(&["manifest", &secure.location()])
        .expect("the program")
}

#[test]
fn everything_is_read_over_http_2() {
    let secure = Secure::new(false).expect("a registry behind TLS");
    let program = Program::new().expect("a home");
    secure.trust(&program).expect("trust");
    let run = manifest(&secure, &program);
    assert!(run.ok && run.says("repomd.xml"), "{run}");
    let tags = program.run(&["tags", &secure.location()]).expect("tags");
    assert!(tags.ok && tags.says("el9"), "{tags}");
    let requests = secure.nginx.requests().expect("a log");
    let old = requests
        .iter()
        .find(|request| request.protocol != "HTTP/2.0");
    assert!(!requests.is_empty() && old.is_none(), "{old:?}");
}

#[test]
fn an_authority_in_the_environment_is_trusted() {
    let secure = Secure::new(false).expect("a registry behind TLS");
    let authority = secure
        .authority
        .certificate()
        .to_string_lossy()
        .into_owned();
    let program = Program::new()
        .expect("a home")
        .variable("SSL_CERT_FILE", &authority);
    let run = manifest(&secure, &program);
    assert!(run.ok, "{run}");
}

#[test]
fn an_unknown_authority_is_refused_before_anything_is_sent() {
    let secure = Secure::new(false).expect("a registry behind TLS");
    let program = Program::new().expect("a home");
    let run = manifest(&secure, &program);
    assert_eq!(run.code, Some(6), "{run}");
    assert!(run.stderr.to_lowercase().contains("certificate"), "{run}");
    assert_eq!(secure.nginx.requests().expect("a log"), []);
}

#[test]
fn a_client_certificate_is_shown_where_one_is_kept() {
    let secure = Secure::new(true).expect("a registry behind TLS");
    let program = Program::new().expect("a home");
    secure.trust(&program).expect("trust");
    let refused = manifest(&secure, &program);
    assert!(!refused.ok, "{refused}");

    let identity = secure.authority.client().expect("a certificate");
    let directory: PathBuf = secure.certificates_of(&program).expect("a directory");
    copy(&identity.certificate, &directory.join("client.cert"));
    copy(&identity.key, &directory.join("client.key"));
    let run = manifest(&secure, &program);
    assert!(run.ok, "{run}");
}
