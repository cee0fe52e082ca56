//! `ocirepo reference`: the shape of its answers.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn ocirepo(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ocirepo"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn every_line_of_json_is_answered_by_one_object() {
    let input = "\"alpine\"\n\"Upper\"\nnot json\n\"ghcr.io/me/repo:el9\"\n";
    let output = ocirepo(&["reference", "--stdin", "--json"], input);
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<serde_json::Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(
        lines[0],
        serde_json::json!({
            "input": "alpine", "ok": true, "registry": "docker.io",
            "repository": "library/alpine", "tag": null, "digest": null,
            "familiar": "alpine", "error": null,
        })
    );
    assert_eq!(lines[1]["ok"], false);
    assert_eq!(lines[1]["input"], "Upper");
    assert!(lines[1]["error"].as_str().unwrap().contains("lowercase"));
    assert_eq!(lines[2]["ok"], false);
    assert_eq!(lines[2]["input"], serde_json::Value::Null);
    assert_eq!(lines[3]["registry"], "ghcr.io");
    assert_eq!(lines[3]["tag"], "el9");
}

#[test]
fn fields_come_in_the_documented_order() {
    let output = ocirepo(&["--json", "reference", "oci://127.0.0.1:5000/a:b"], "");
    assert_eq!(
        text(&output.stdout),
        "{\"input\":\"oci://127.0.0.1:5000/a:b\",\"ok\":true,\"registry\":\"127.0.0.1:5000\",\
         \"repository\":\"a\",\"tag\":\"b\",\"digest\":null,\
         \"familiar\":\"127.0.0.1:5000/a:b\",\"error\":null}\n"
    );
}

#[test]
fn a_refused_reference_fails_the_command() {
    let output = ocirepo(&["reference", "alpine", "a//b"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("alpine\n  registry"));
    assert!(text(&output.stderr).contains("\"a//b\""));
}

#[test]
fn usage_errors_end_with_two() {
    assert_eq!(ocirepo(&["reference"], "").status.code(), Some(2));
    assert_eq!(ocirepo(&["no-such-command"], "").status.code(), Some(2));
}
