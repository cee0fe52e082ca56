//! The store with files and helpers in a scratch directory.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn environment(&self) -> Environment {
        let path = format!("{}:/usr/bin:/bin", self.path().join("bin").display());
        Environment::empty(self.path())
            .set("HOME", self.path())
            .set("PATH", path)
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A helper that is a shell script; `$1` is the command, `$dir` the scratch directory.
    fn helper(&self, name: &str, script: &str) {
        let file = format!("bin/docker-credential-{name}");
        let dir = self.path().display();
        self.file(&file, &format!("#!/bin/sh\ndir='{dir}'\n{script}\n"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path().join(file), mode).unwrap();
    }
}

const MEMORY: &str = r#"case "$1" in
get) read -r server
  if [ -f "$dir/stored" ] && grep -q "\"$server\"" "$dir/stored"; then cat "$dir/stored"
  else echo "credentials not found in native keychain"; exit 1; fi;;
store) cat > "$dir/stored";;
erase) rm "$dir/stored";;
esac"#;

#[tokio::test]
async fn a_login_goes_to_the_helper_that_the_file_names_and_comes_back_from_it() {
    let scratch = Scratch::new();
    scratch.file(".docker/config.json", r#"{"credsStore": "memory"}"#);
    scratch.helper("memory", MEMORY);
    let store = CredentialStore::new(scratch.environment());
    assert_eq!(store.find("reg.example", None).await.unwrap(), None);

    let place = store
        .login("reg.example", &Credentials::basic("me", "hunter2"))
        .await
        .unwrap();
    assert_eq!(place, "docker-credential-memory");
    let file = fs::read_to_string(scratch.path().join(".docker/config.json")).unwrap();
    assert_eq!(file, r#"{"credsStore": "memory"}"#);

    let found = store.find("reg.example", Some("a/b")).await.unwrap();
    assert_eq!(
        found.unwrap().credentials,
        Credentials::basic("me", "hunter2")
    );
    assert_eq!(store.find("other.example", None).await.unwrap(), None);

    assert_eq!(store.logout("reg.example").await.unwrap(), [place]);
    assert_eq!(store.find("reg.example", None).await.unwrap(), None);
    assert!(store.logout("reg.example").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_token_from_a_helper_is_an_identity_token() {
    let scratch = Scratch::new();
    scratch.file(
        ".config/containers/auth.json",
        r#"{"credHelpers": {"reg.example": "token"}}"#,
    );
    scratch.helper(
        "token",
        r#"echo '{"ServerURL":"x","Username":"<token>","Secret":"refresh"}'"#,
    );
    let store = CredentialStore::new(scratch.environment());
    let found = store.find("reg.example", None).await.unwrap().unwrap();
    assert_eq!(
        found.credentials,
        Credentials::IdentityToken {
            token: "refresh".into(),
            username: None,
        }
    );
    assert_eq!(
        store.find("other.example", None).await.unwrap(),
        None,
        "a helper of one registry is not asked about another"
    );
}

#[tokio::test]
async fn a_helper_that_fails_hangs_or_is_not_there_is_named_in_the_error() {
    let scratch = Scratch::new();
    scratch.file(
        ".docker/config.json",
        r#"{"credHelpers": {"fails": "fails", "hangs": "hangs", "none": "none", "evil": "../evil"}}"#,
    );
    scratch.helper("fails", "echo 'keychain is locked'; exit 1");
    scratch.helper("hangs", "exec sleep 60");
    let store =
        CredentialStore::new(scratch.environment()).helper_patience(Duration::from_millis(200));
    for (registry, expected) in [
        ("fails", "docker-credential-fails: `get` failed"),
        ("hangs", "docker-credential-hangs: no answer to `get`"),
        ("none", "docker-credential-none: the credentials file names"),
        ("evil", "docker-credential-../evil: the credentials file"),
    ] {
        let error = store.find(registry, None).await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn the_environment_comes_first_then_the_files_in_their_order() {
    let scratch = Scratch::new();
    // base64 of "docker:p" and "podman:p"
    scratch.file(
        ".docker/config.json",
        r#"{"auths": {"reg.example": {"auth": "ZG9ja2VyOnA="}, "only.docker": {"auth": "ZG9ja2VyOnA="}}}"#,
    );
    scratch.file(
        ".config/containers/auth.json",
        r#"{"auths": {"reg.example": {"auth": "cG9kbWFuOnA="}, "reg.example/ns": {"auth": "cG9kbWFuOnA="}}}"#,
    );
    let store = CredentialStore::new(scratch.environment());
    let found = store.find("reg.example", None).await.unwrap().unwrap();
    assert_eq!(found.credentials, Credentials::basic("podman", "p"));
    assert!(found.place.ends_with("auth.json"), "{}", found.place);
    let found = store.find("only.docker", None).await.unwrap().unwrap();
    assert_eq!(found.credentials, Credentials::basic("docker", "p"));
    assert_eq!(store.namespaces(), ["reg.example/ns"]);

    let environment = scratch
        .environment()
        .set("OCIREPO_REGISTRY", "reg.example")
        .set("OCIREPO_TOKEN", "bearer");
    let store = CredentialStore::new(environment);
    let found = store.find("reg.example", None).await.unwrap().unwrap();
    assert_eq!(found.credentials, Credentials::Bearer("bearer".into()));
    assert_eq!(found.place, "the environment");
}

#[tokio::test]
async fn a_namespace_is_kept_in_the_file_even_when_a_helper_keeps_the_rest() {
    let scratch = Scratch::new();
    scratch.file(".docker/config.json", r#"{"credsStore": "memory"}"#);
    scratch.helper("memory", MEMORY);
    let store = CredentialStore::new(scratch.environment());
    let place = store
        .login("reg.example/team", &Credentials::basic("team", "p"))
        .await
        .unwrap();
    assert!(place.ends_with("config.json"), "{place}");
    let found = store.find("reg.example", Some("team/x")).await.unwrap();
    assert_eq!(found.unwrap().credentials, Credentials::basic("team", "p"));
    assert_eq!(store.find("reg.example", Some("x")).await.unwrap(), None);
    assert_eq!(store.logout("reg.example/team").await.unwrap(), [place]);
}

#[tokio::test]
async fn what_somebody_else_read_is_used_and_its_helpers_are_not_asked() {
    // base64 of "first:p" and "old:p"
    let auth = r#"{"credsStore": "no-such-helper", "credHelpers": {"a": "no-such-helper"},
                   "auths": {"a": {"auth": "Zmlyc3Q6cA=="}}}"#;
    let legacy = r#"{"a": {"auth": "b2xkOnA="}, "b": {"auth": "b2xkOnA="}}"#;
    let store = CredentialStore::with_contents([
        (PathBuf::from("/root/auth.json"), auth.into()),
        (PathBuf::from("/root/.dockercfg"), legacy.into()),
    ]);
    let found = store.find("a", Some("x")).await.unwrap().unwrap();
    assert_eq!(found.credentials.username(), Some("first"));
    assert_eq!(found.place, "/root/auth.json");
    let found = store.find("b", None).await.unwrap().unwrap();
    assert_eq!(found.credentials.username(), Some("old"));
    assert_eq!(store.find("c", None).await.unwrap(), None);
    let login = store.login("a", &Credentials::basic("me", "p")).await;
    assert!(login.is_err(), "there is nowhere to write to");
}
