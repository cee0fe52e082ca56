//! A whole run over https and HTTP/2.

use ocirepo_e2e::dnf::Dnf;
use ocirepo_e2e::program::Program;
use ocirepo_e2e::secure::Secure;
use ocirepo_e2e::world::{LISTED, key, sample};

#[test]
fn dnf_installs_what_was_pushed_over_https_and_http_2() {
    let secure = Secure::new(false).expect("a registry behind TLS");
    let program = Program::new().expect("a home");
    secure.trust(&program).expect("trust");
    let directory = sample().path().to_string_lossy();
    let location = secure.location().replace(":el9", ":pushed");
    let pushed = program.run(&["push", &directory, &location, "--layout", "index"]);
    pushed.expect("the program").well().expect("published");

    let bridge = program.serve(&[&location]).expect("a bridge");
    let url = bridge.url(&format!("{}/lab/secure:pushed", secure.nginx.host()));
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
