//! What the security documentation claims, held against the tests there are.

use std::collections::BTreeSet;
use std::fs;

use crate::report::{Failure, Outcome};
use crate::run::{output, program, root};

const DOCUMENT: &str = "docs/security.md";

/// Every test that the document names exists, in the file that it names.
///
/// A test is named as `` `name` ``, alone or in a row, and the file of the row follows as
/// `` (`path`) ``; a row without a file is of the session's tests.
pub(crate) fn check() -> Result<Outcome, Failure> {
    let text = read(DOCUMENT)?;
    let mut wrong = Vec::new();
    let mut count = 0;
    let everywhere = sources()?;
    for (names, file) in rows(&text) {
        let found = match &file {
            Some(file) => functions(&read(file)?),
            None => everywhere.clone(),
        };
        for name in names {
            count += 1;
            if !found.contains(&name) {
                let file = file.as_deref().unwrap_or("any file");
                wrong.push(format!("there is no `{name}` in {file}"));
            }
        }
    }
    if !wrong.is_empty() {
        return Err(format!("{DOCUMENT}: {}", wrong.join("; ")));
    }
    println!("    {count} tests are named, and all exist");
    if count < 50 {
        return Err(format!("{DOCUMENT} names only {count} tests"));
    }
    Ok(Outcome::Done)
}

/// The functions of every Rust file that is kept.
fn sources() -> Result<BTreeSet<String>, Failure> {
    let mut found = BTreeSet::new();
    for file in output(&mut program("git", ["ls-files", "*.rs"]))?.lines() {
        found.extend(functions(&read(file)?));
    }
    Ok(found)
}

fn functions(source: &str) -> BTreeSet<String> {
    let names = source.split("fn ").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        rest.get(..end)
    });
    names.map(str::to_owned).collect()
}

/// The tests that are named, each row with the file behind it.
fn rows(text: &str) -> Vec<(Vec<String>, Option<String>)> {
    let mut rows = Vec::new();
    let mut names = Vec::new();
    let mut before = "";
    for (at, piece) in text.split('`').enumerate() {
        // Every second piece is code.
        if at % 2 == 0 {
            let ends = piece.contains("\n\n") || piece.contains("\n- ") || piece.contains('|');
            if ends && !names.is_empty() {
                rows.push((std::mem::take(&mut names), None));
            }
        } else if is_test(piece) {
            names.push(piece.to_owned());
        } else if piece.ends_with(".rs") && before.trim_end().ends_with('(') && !names.is_empty() {
            rows.push((std::mem::take(&mut names), Some(piece.to_owned())));
        }
        before = piece;
    }
    if !names.is_empty() {
        rows.push((names, None));
    }
    rows
}

/// Names of tests are sentences.
fn is_test(code: &str) -> bool {
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    code.chars().all(lower) && code.matches('_').count() >= 2
}

fn read(file: &str) -> Result<String, Failure> {
    fs::read_to_string(root().join(file)).map_err(|error| format!("could not read {file}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_tests_end_with_their_file() {
        let text = "- `a_b_c`,\n  `d_e_f` (`x/y.rs`)\n- `g_h_i`\n\nThe `path` of `x.rs` | `j_k_l` (`z.rs`)";
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(
            rows(text),
            vec![
                (own(&["a_b_c", "d_e_f"]), Some("x/y.rs".to_owned())),
                (own(&["g_h_i"]), None),
                (own(&["j_k_l"]), Some("z.rs".to_owned())),
            ]
        );
        let found = functions("#[test]\nfn a_b_c() {}\nasync fn d(x: u8) {}");
        assert!(found.contains("a_b_c") && found.contains("d"));
    }
}
