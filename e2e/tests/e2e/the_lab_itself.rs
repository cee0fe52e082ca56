//! Without `ocirepo` in between everything works: what fails elsewhere is not the lab's doing.

use ocirepo_e2e::curl::{Login, curl};
use ocirepo_e2e::dnf::Dnf;
use ocirepo_e2e::nginx::Nginx;
use ocirepo_e2e::registry::{Access, DockerRegistry};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::tokens::TokenServer;

use crate::fixture::{AWKWARD, LISTED, key, sample};

#[test]
fn dnf_installs_the_sample_from_plain_files() {
    let nginx = Nginx::files(sample().path()).unwrap();
    let dnf = Dnf::new(&format!("http://{}/", nginx.host()), &key().public()).unwrap();
    assert_eq!(dnf.list().unwrap(), LISTED);
    let run = dnf.run(&["install", AWKWARD]).unwrap();
    assert!(run.ok, "{run}");
    assert!(dnf.installed(AWKWARD).unwrap().starts_with(AWKWARD));
}

#[test]
fn a_registry_with_basic_authentication_wants_the_password() {
    let registry = DockerRegistry::start(&Access::Basic).unwrap();
    let url = format!("{}/v2/", registry.url());
    assert!(
        curl([&url])
            .unwrap_err()
            .to_string()
            .contains("UNAUTHORIZED")
    );
    let mut arguments = Login::Basic.arguments("lab/x").unwrap();
    arguments.push(url);
    assert_eq!(curl(arguments).unwrap(), "{}");
}

#[test]
fn a_registry_with_bearer_authentication_takes_our_tokens() {
    let directory = Scratch::new("tokens").unwrap();
    let tokens = TokenServer::start(directory.path()).unwrap();
    let registry = DockerRegistry::start(&tokens.access()).unwrap();
    let login = Login::Bearer(tokens.realm());
    let url = format!("{}/v2/lab/x/tags/list", registry.url());
    let mut arguments = login.arguments("lab/x").unwrap();
    arguments.push(url.clone());
    // Let in, and told that there is no such repository.
    let answer = curl(arguments).unwrap_err().to_string();
    assert!(answer.contains("NAME_UNKNOWN"), "{answer}");
    let mut elsewhere = login.arguments("lab/y").unwrap();
    elsewhere.push(url);
    let answer = curl(elsewhere).unwrap_err().to_string();
    assert!(answer.contains("UNAUTHORIZED"), "{answer}");
}
