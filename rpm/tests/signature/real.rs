//! Signatures and keys of real repositories, from the folder that `OCIREPO_TEST_REPOS`
//! names.

use std::path::PathBuf;

use ocirepo_rpm::signature::{self, Keyring, Refusal};

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("OCIREPO_TEST_REPOS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: OCIREPO_TEST_REPOS names no folder");
    }
    folder
}

const NOW: u64 = 1_700_000_000;

#[test]
fn the_signature_of_a_real_repository_is_good_for_its_data_only() {
    let Some(folder) = folder() else { return };
    let data = folder.join("librepo/tests/test_data");
    let repodata = data.join("repo_yum_01/repodata");
    let read = |name: &str| std::fs::read(repodata.join(name)).unwrap();
    let keys = Keyring::parse(&std::fs::read(data.join("key.pub")).unwrap()).unwrap();
    let asc = read("repomd.xml.asc");
    let verdict = signature::verify(&read("repomd.xml"), &asc, &keys, NOW).unwrap();
    let good = verdict.into_good().unwrap();
    assert_eq!(
        good.fingerprint(),
        "F4FC5B6AC58696023B9DBFB197BDB7906441EDF5"
    );

    let verdict = signature::verify(&read("repomd.xml_bad"), &asc, &keys, NOW).unwrap();
    assert_eq!(verdict.signatures()[0].outcome, Err(Refusal::Wrong));
}

#[test]
fn signatures_of_the_sha1_era_are_refused_for_that() {
    let Some(folder) = folder() else { return };
    let repodata = folder.join("librepo/tests/test_data/repo_yum_01/repodata");
    let read = |name: &str| std::fs::read(repodata.join(name)).unwrap();
    let keys = Keyring::parse(&read("repomd.xml_bad.key.asc")).unwrap();
    let verdict = signature::verify(b"", &read("repomd.xml_bad.sig"), &keys, NOW).unwrap();
    let hash = "SHA1".to_owned();
    assert_eq!(
        verdict.signatures()[0].outcome,
        Err(Refusal::WeakHash { hash })
    );
    let error = verdict.into_good().unwrap_err().to_string();
    assert!(error.contains("SHA-256"), "{error}");
}

#[test]
fn every_key_and_signature_is_read_or_refused() {
    let Some(folder) = folder() else { return };
    let (mut read, mut folders) = (0, vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if [".asc", ".key", ".pub"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                let file = std::fs::read(&path).unwrap();
                let keys = Keyring::parse(&file).unwrap_or_default();
                read += usize::from(!keys.is_empty());
                let verdict = signature::verify(b"", &file, &keys, NOW);
                assert!(
                    verdict.is_err() || verdict.unwrap().good().is_none(),
                    "{name}"
                );
            }
        }
    }
    assert!(read >= 8, "only {read} keys were read");
}
