//! The same signatures, judged by `gpg` and `sqv` where they are installed.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{DATA, cases};

fn installed(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// The peers' verdicts are listed beside ours in the table of cases, so that a difference
/// that is not listed fails here.
fn compare(program: &str, judge: impl Fn(&Path) -> bool, listed: impl Fn(&super::Case) -> bool) {
    if !installed(program) {
        return;
    }
    let mut surprises = Vec::new();
    for case in cases() {
        let (name, expected) = (case.name, listed(&case));
        let (cert, asc) = case.make();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key.asc"), cert.armored()).unwrap();
        std::fs::write(folder.path().join("data"), DATA).unwrap();
        std::fs::write(folder.path().join("data.asc"), asc).unwrap();
        let found = judge(folder.path());
        if found != expected {
            surprises.push(format!("{program} says {found} to {name}"));
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
}

#[test]
fn gpg_differs_only_where_the_table_says() {
    compare(
        "gpg",
        |folder| {
            let gpg = |arguments: &[&str]| {
                Command::new("gpg")
                    .current_dir(folder)
                    .args([
                        "--batch",
                        "--no-autostart",
                        "--homedir",
                        ".",
                        "--status-fd",
                        "1",
                    ])
                    .args(["--trust-model", "always"])
                    .args(arguments)
                    .stderr(Stdio::null())
                    .output()
                    .unwrap()
            };
            gpg(&["--import", "key.asc"]);
            // Its exit code is 0 for expired and revoked keys too; programs read the status.
            let output = gpg(&["--verify", "data.asc", "data"]).stdout;
            String::from_utf8_lossy(&output).contains("GOODSIG")
        },
        |case| case.gpg,
    );
}

#[test]
fn sqv_differs_only_where_the_table_says() {
    compare(
        "sqv",
        |folder| {
            Command::new("sqv")
                .current_dir(folder)
                .args(["--keyring", "key.asc", "data.asc", "data"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap()
                .success()
        },
        |case| case.sqv,
    );
}
