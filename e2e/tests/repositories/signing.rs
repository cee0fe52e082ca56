//! Signatures: what others make of ours, what we make of theirs, and who refuses what.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ocirepo::Digest;
use ocirepo_e2e::curl::curl;
use ocirepo_e2e::process::Run;
use ocirepo_e2e::sample::{Key, Package, Sample, Style};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::world::{Protection, World, key};
use serde_json::Value;
use sigstore::crypto::signing_key::SigStoreKeyPair;
use sigstore::crypto::verification_key::CosignVerificationKey;
use sigstore::crypto::{Signature, SigningScheme};

const REFERENCE: &str = "lab/signed:el9";
const SIGNATURE: &str = "repodata/repomd.xml.asc";

/// The password of the encrypted keys among the test data.
const PASSWORD: &str = "open sesame";

/// A cosign key among the test data.
fn cosign(name: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../rpm/tests/cosign/data");
    Path::new(root).join(name).to_string_lossy().into_owned()
}

/// A repository as somebody without a key makes it.
fn unsigned(version: &'static str) -> Sample {
    let packages = [Package::new("hello-lab", version, "1")];
    let sample = Sample::build(key(), &packages, Style::default()).expect("a sample");
    fs::remove_file(sample.path().join(SIGNATURE)).expect("its signature");
    sample
}

/// Publishes with more options.
fn push(world: &World, sample: &Sample, options: &[&str]) -> Run {
    let directory = sample.path().to_string_lossy();
    let location = world.location(REFERENCE);
    let mut arguments = vec!["push", &directory, &location];
    arguments.extend(options);
    world.program.run(&arguments).expect("the program")
}

fn dnf_installs(world: &World) {
    let bridge = world.serve(REFERENCE).expect("a bridge");
    let dnf = world.dnf(&bridge, REFERENCE).expect("a root for dnf");
    let run = dnf.run(&["install", "hello-lab"]).expect("dnf");
    assert!(run.ok, "{run}\n{}", bridge.log());
    assert_eq!(
        dnf.installed("hello-lab").expect("a file").trim(),
        "hello-lab 1.0-1"
    );
}

/// What the registry has of `repomd.xml` and its signature, as files.
fn fetched(world: &World) -> Scratch {
    let directory = Scratch::new("fetched").expect("a directory");
    let to = directory.path().to_string_lossy();
    let location = world.location(REFERENCE);
    let run = world.program.run(&[
        "get",
        &location,
        "repodata/repomd.xml",
        SIGNATURE,
        "-d",
        &to,
    ]);
    run.expect("the program").well().expect("the files");
    directory
}

/// gpg and sqv find the signature good.
fn others_verify(directory: &Path, by: &Key) {
    let (data, signature) = (
        directory.join("repomd.xml"),
        directory.join("repomd.xml.asc"),
    );
    let run = by.verify(&signature, &data).expect("gpg");
    assert!(run.ok, "{run}");
    let run = Run::of(
        Command::new("sqv")
            .arg("--keyring")
            .arg(by.public())
            .args([&signature, &data]),
    );
    let run = run.expect("sqv");
    assert!(run.ok, "{run}");
}

#[test]
fn dnf_gpg_and_sqv_believe_what_a_key_file_signed() {
    let sample = unsigned("1.0");
    let world = World::new(Protection::Open).expect("a registry");
    let secret = key().secret().expect("the private key");
    let secret = secret.to_string_lossy();
    let first = push(&world, &sample, &["--sign-key", &secret, "--json"]);
    assert!(first.ok, "{first}");
    // The same once more is no new snapshot, though a signature has a date.
    let again = push(&world, &sample, &["--sign-key", &secret, "--json"]);
    assert!(again.says("\"unchanged\":true"), "{again}");
    others_verify(fetched(&world).path(), key());
    dnf_installs(&world);
    assert!(!sample.path().join(SIGNATURE).exists());
}

#[test]
fn dnf_believes_what_gpg_signed_for_us() {
    let sample = unsigned("1.0");
    let world = World::new(Protection::Open).expect("a registry");
    let gpg = format!(
        "gpg --batch --homedir {} --armor --detach-sign",
        key().home().display()
    );
    let run = push(&world, &sample, &["--sign-command", &gpg]);
    assert!(run.ok, "{run}");
    others_verify(fetched(&world).path(), key());
    dnf_installs(&world);
    let run = push(&world, &sample, &["--sign-command", "gpg --no-such-option"]);
    assert!(!run.ok && run.says("the signing command"), "{run}");
}

#[test]
fn a_key_with_a_passphrase_signs_when_it_is_given() {
    let guarded = Key::with_passphrase(PASSWORD).expect("a key");
    let sample = unsigned("1.0");
    let world = World::new(Protection::Open).expect("a registry");
    let secret = guarded.secret().expect("the private key");
    let secret = secret.to_string_lossy();
    let passphrase = world.program.path("passphrase");
    fs::write(&passphrase, "wrong\n").expect("a file");
    let file = passphrase.to_string_lossy();
    let options = ["--sign-key", &secret, "--passphrase-file", &file];
    let run = push(&world, &sample, &options);
    assert!(!run.ok, "{run}");
    let run = push(&world, &sample, &["--sign-key", &secret]);
    assert!(!run.ok && run.says("--passphrase-file"), "{run}");
    fs::write(&passphrase, format!("{PASSWORD}\n")).expect("a file");
    let run = push(&world, &sample, &options);
    assert!(run.ok, "{run}");
    others_verify(fetched(&world).path(), &guarded);
}

/// Copies a tag as it is from one repository of the registry to another.
fn skopeo_copies(world: &World, tag: &str, to: &str) {
    let host = world.registry.host();
    let [from, to] = ["lab/signed", to].map(|name| format!("docker://{host}/{name}:{tag}"));
    let run = Run::of(
        Command::new("skopeo")
            .args(["--insecure-policy", "copy", "--all", "--preserve-digests"])
            .args(["--src-tls-verify=false", "--dest-tls-verify=false"])
            .args([from, to]),
    );
    run.expect("skopeo").well().expect("a copy");
}

#[test]
fn a_signature_outlives_garbage_collection_and_a_copy_by_skopeo() {
    let sample = unsigned("1.0");
    let mut world = World::new(Protection::Open).expect("a registry");
    let run = push(&world, &sample, &["--cosign-key", &cosign("plain.key")]);
    assert!(run.ok, "{run}");
    world.registry.garbage_collect().expect("collected");
    let (location, public) = (world.location(REFERENCE), cosign("cosign.pub"));
    let verify = |location: &str| {
        let arguments = ["verify", "--verify", &public, location];
        world.program.run(&arguments).expect("the program")
    };
    let run = verify(&location);
    assert!(run.ok && run.says("signed by"), "{run}");

    // Copied with its tags, which is all that skopeo copies, it is as good elsewhere.
    let tags = world.program.run(&["tags", &location]).expect("tags");
    let signatures = tags.stdout.lines().find(|tag| tag.ends_with(".sig"));
    skopeo_copies(&world, "el9", "lab/copied");
    let copied = world.location("lab/copied:el9");
    let run = verify(&copied);
    assert!(!run.ok && run.says("there is no signature of"), "{run}");
    skopeo_copies(&world, signatures.expect("signatures"), "lab/copied");
    let run = verify(&copied);
    let host = world.registry.host();
    assert!(
        run.ok && run.says(&format!("for {host}/lab/signed")),
        "{run}"
    );
}

#[test]
fn several_signers_sign_the_same_snapshot_and_each_is_believed() {
    let sample = unsigned("1.0");
    let world = World::new(Protection::Open).expect("a registry");
    let run = push(&world, &sample, &["--layout", "index"]);
    assert!(run.ok, "{run}");
    let (location, public) = (world.location(REFERENCE), cosign("cosign.pub"));
    let sign = |key: &str, more: &[&str]| {
        let key = cosign(key);
        let mut arguments = vec!["sign", "--cosign-key", &key, &location];
        arguments.extend(more);
        world.program.run(&arguments).expect("the program")
    };
    let run = sign("other.key", &[]);
    assert!(run.ok, "{run}");
    let verify = ["verify", "--verify", &public, &location];
    let run = world.program.run(&verify).expect("the program");
    assert!(!run.ok && run.says("not made by a given key"), "{run}");
    let run = sign("cosign.key", &[]);
    assert!(!run.ok && run.says("--cosign-passphrase-file"), "{run}");
    let password = world.program.path("password");
    fs::write(&password, PASSWORD).expect("a file");
    let file = password.to_string_lossy();
    let run = sign(
        "cosign.key",
        &["--cosign-passphrase-file", &file, "--recursive"],
    );
    assert!(run.ok && run.says("manifests below it"), "{run}");
    let run = world.program.run(&verify).expect("the program");
    assert!(run.ok, "{run}");
    assert_eq!(run.stdout.matches("does not count").count(), 2, "{run}");
    assert_eq!(run.stdout.matches("signed by").count(), 2, "{run}");
}

#[test]
fn readers_that_demand_a_signature_refuse_what_has_none_or_is_old() {
    let sample = unsigned("1.0");
    let world = World::new(Protection::Open).expect("a registry");
    let (public, private) = (cosign("cosign.pub"), cosign("plain.key"));
    let location = world.location(REFERENCE);
    let out = Scratch::new("out").expect("a directory");
    let out = out.path().to_string_lossy();
    let commands: [&[&str]; 5] = [
        &["ls"],
        &["info", "hello-lab"],
        &["get", "hello-lab", "-d", &out],
        &["sync", &out],
        &["verify"],
    ];
    let run_all = |more: &[&str]| -> Vec<Run> {
        let run = |command: &&[&str]| {
            let (name, rest) = command.split_first().unwrap();
            let arguments = [&[*name, &location], rest, more].concat();
            world.program.run(&arguments).expect("the program")
        };
        commands.iter().map(run).collect()
    };
    assert!(push(&world, &sample, &["--layout", "index"]).ok);
    for run in run_all(&["--verify", &public]) {
        assert!(!run.ok && run.says("there is no signature of"), "{run}");
    }
    let signed = ["--layout", "index", "--cosign-key", &private];
    assert!(push(&world, &sample, &signed).ok);
    for run in run_all(&["--verify", &public, "--max-age", "520w"]) {
        assert!(run.ok, "{run}");
    }
    for run in run_all(&["--verify", &cosign("ed25519.pub")]) {
        assert!(!run.ok && run.says("not made by a given key"), "{run}");
    }
    std::thread::sleep(std::time::Duration::from_millis(1100));
    for run in run_all(&["--verify", &public, "--max-age", "0s"]) {
        assert!(!run.ok && run.says("raise --max-age"), "{run}");
    }

    // The old snapshot is signed, and a registry that shows it again is refused.
    let first = world.program.run(&["tags", &location]).expect("tags");
    let snapshot = first
        .stdout
        .lines()
        .find(|tag| tag.starts_with("el9-s1-"))
        .expect("a tag of the first snapshot");
    let newer = unsigned("1.1");
    assert!(push(&world, &newer, &signed).ok);
    let run = world.program.run(&["ls", "--verify", &public, &location]);
    assert!(run.expect("the program").ok);
    let url = |tag: &str| format!("{}/v2/lab/signed/manifests/{tag}", world.registry.url());
    let kind = "application/vnd.oci.image.index.v1+json";
    let accept = format!("Accept: {kind}");
    let old = curl(["--header", &accept, &url(snapshot)]).expect("an index");
    let kind = format!("Content-Type: {kind}");
    curl([
        "--request",
        "PUT",
        "--header",
        &kind,
        "--data-binary",
        &old,
        &url("el9"),
    ])
    .expect("a tag moved back");
    for run in run_all(&["--verify", &public]) {
        assert!(!run.ok && run.says("older than one that was seen"), "{run}");
    }
    let run = world
        .program
        .run(&["ls", "--allow-rollback", "--verify", &public, &location]);
    assert!(run.expect("the program").ok);
}

#[test]
fn the_bridge_serves_only_what_is_signed() {
    let sample = unsigned("1.0");
    let world = World::new(Protection::Open).expect("a registry");
    let secret = key().secret().expect("the private key");
    let secret = secret.to_string_lossy();
    let openpgp = ["--sign-key", &secret];
    assert!(push(&world, &sample, &openpgp).ok);
    let location = world.location(REFERENCE);
    let public = cosign("cosign.pub");
    let bridge = world
        .program
        .serve(&["--verify", &public, &location])
        .expect("a bridge");
    let dnf = world.dnf(&bridge, REFERENCE).expect("a root for dnf");
    let run = dnf.run(&["install", "hello-lab"]).expect("dnf");
    assert!(!run.ok && dnf.installed("hello-lab").is_err(), "{run}");
    let run = world
        .program
        .run(&["sign", "--cosign-key", &cosign("plain.key"), &location]);
    run.expect("the program").well().expect("signed");
    let run = dnf.run(&["install", "hello-lab"]).expect("dnf");
    assert!(run.ok, "{run}\n{}", bridge.log());
}

/// What the registry has at a path below the repository, as it is.
fn raw(world: &World, path: &str) -> String {
    let url = format!("{}/v2/lab/signed/{path}", world.registry.url());
    let accept = "Accept: application/vnd.oci.image.manifest.v1+json, \
                  application/vnd.oci.image.index.v1+json";
    curl(["--header", accept, &url]).expect("content")
}

fn parsed(world: &World, path: &str) -> Value {
    serde_json::from_str(&raw(world, path)).expect("JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn the_sigstore_crate_makes_keys_we_read_and_believes_what_we_sign() {
    let signer = SigningScheme::ECDSA_P256_SHA256_ASN1.create_signer();
    let pair = signer.unwrap().to_sigstore_keypair().unwrap();
    let sealed = pair.private_key_to_encrypted_pem(PASSWORD.as_bytes());
    let world = World::new(Protection::Open).expect("a registry");
    let [private, public, password] =
        ["cosign.key", "cosign.pub", "password"].map(|name| world.program.path(name));
    fs::write(&private, sealed.unwrap().as_bytes()).expect("a file");
    let pem = pair.public_key_to_pem().unwrap();
    fs::write(&public, &pem).expect("a file");
    fs::write(&password, PASSWORD).expect("a file");
    let [private, public, password] =
        [&private, &public, &password].map(|path| path.to_string_lossy().into_owned());
    let options = [
        "--cosign-key",
        &private,
        "--cosign-passphrase-file",
        &password,
    ];
    let run = push(&world, &unsigned("1.0"), &options);
    assert!(run.ok, "{run}");
    let verify = ["verify", "--verify", &public, &world.location(REFERENCE)];
    let run = world.program.run(&verify).expect("the program");
    assert!(run.ok && run.says("signed by"), "{run}");

    let key = CosignVerificationKey::try_from_pem(pem.as_bytes()).unwrap();
    let root = Digest::of(raw(&world, "manifests/el9").as_bytes());
    let signatures = parsed(&world, &format!("manifests/sha256-{}.sig", root.hex()));
    let layer = &signatures["layers"][0];
    let payload = raw(&world, &format!("blobs/{}", text(&layer["digest"])));
    let signature = text(&layer["annotations"]["dev.cosignproject.cosign/signature"]);
    let signature = Signature::Base64Encoded(signature.as_bytes());
    key.verify_signature(signature, payload.as_bytes()).unwrap();
    let payload: Value = serde_json::from_str(&payload).unwrap();
    let signed = &payload["critical"]["image"]["docker-manifest-digest"];
    assert_eq!(text(signed), root.to_string());

    // This registry does not list referrers, so they are in an index.
    let referrers = parsed(&world, &format!("manifests/sha256-{}", root.hex()));
    let referrer = text(&referrers["manifests"][0]["digest"]).to_owned();
    let manifest = parsed(&world, &format!("manifests/{referrer}"));
    assert_eq!(text(&manifest["subject"]["digest"]), root.to_string());
    let layer = text(&manifest["layers"][0]["digest"]);
    let bundle = parsed(&world, &format!("blobs/{layer}"));
    let envelope = &bundle["dsseEnvelope"];
    let statement = BASE64.decode(text(&envelope["payload"])).unwrap();
    let kind = text(&envelope["payloadType"]);
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), statement.len()).into_bytes();
    message.extend(statement);
    let signature = text(&envelope["signatures"][0]["sig"]);
    let signature = Signature::Base64Encoded(signature.as_bytes());
    key.verify_signature(signature, &message).unwrap();

    // And what it makes of our test data.
    let sealed = fs::read(cosign("cosign.key")).expect("a file");
    let pair = SigStoreKeyPair::from_encrypted_pem(&sealed, PASSWORD.as_bytes()).unwrap();
    let expected = fs::read_to_string(cosign("cosign.pub")).expect("a file");
    assert_eq!(pair.public_key_to_pem().unwrap(), expected);
}
