//! Without `ocirepo` in between everything works: what fails elsewhere is not the lab's doing.

use ocirepo_e2e::curl::{Login, curl};
use ocirepo_e2e::dnf::Dnf;
use ocirepo_e2e::nginx::Nginx;
use ocirepo_e2e::publish::{files_by_oras, tree_by_curl};
use ocirepo_e2e::registry::{Access, DockerRegistry};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::tokens::TokenServer;

use ocirepo_e2e::world::{AWKWARD, LISTED, key, sample};

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

/// Publishes with tools that know nothing of `ocirepo`, and looks whether it is there.
fn others_publish(registry: &DockerRegistry, login: &Login) {
    let home = Scratch::new("oras").unwrap();
    let (host, url) = (registry.host(), registry.url());
    files_by_oras(sample(), &host, "lab/files:el9", login, home.path()).unwrap();
    tree_by_curl(sample(), &url, "lab/tree", login).unwrap();
    for (repository, tag, title) in [
        ("lab/files", "el9", "repomd.xml"),
        (
            "lab/tree/repodata/repomd.xml",
            "latest",
            "repodata/repomd.xml",
        ),
    ] {
        let mut arguments = login.arguments(repository).unwrap();
        let accept = "Accept: application/vnd.oci.image.manifest.v1+json";
        arguments.extend(["--header", accept].map(str::to_owned));
        arguments.push(format!("{url}/v2/{repository}/manifests/{tag}"));
        let manifest = curl(arguments).unwrap();
        assert!(manifest.contains(&format!("\"{title}\"")), "{manifest}");
    }
}

#[test]
fn other_tools_publish_in_the_open() {
    let registry = DockerRegistry::start(&Access::Open).unwrap();
    others_publish(&registry, &Login::None);
}

#[test]
fn other_tools_publish_behind_basic() {
    let registry = DockerRegistry::start(&Access::Basic).unwrap();
    others_publish(&registry, &Login::Basic);
}

#[test]
fn other_tools_publish_behind_bearer() {
    let directory = Scratch::new("tokens").unwrap();
    let tokens = TokenServer::start(directory.path()).unwrap();
    let registry = DockerRegistry::start(&tokens.access()).unwrap();
    others_publish(&registry, &Login::Bearer(tokens.realm()));
}
