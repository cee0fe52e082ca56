//! `ocirepo reference`: takes references apart.

use std::io::{self, BufRead, Write};

use clap::Args;
use serde::Serialize;

use ocirepo::reference::{Location, ReferenceRef};

use crate::exit::{Exit, Failure};
use crate::output::Out;

/// Print the parts of image references
///
/// A reference is read as Docker reads it (`alpine` is docker.io/library/alpine), or as
/// `oci://HOST[:PORT]/NAME[:TAG|@DIGEST]`.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// References
    #[arg(required_unless_present = "stdin")]
    references: Vec<String>,
    /// Read references from standard input, one a line (with --json: one JSON string a line)
    #[arg(long, conflicts_with = "references")]
    stdin: bool,
}

/// What is printed for one reference; every field is always there.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Parts<'a> {
    input: Option<&'a str>,
    ok: bool,
    registry: Option<String>,
    repository: Option<String>,
    tag: Option<String>,
    digest: Option<String>,
    familiar: Option<String>,
    error: Option<String>,
}

pub(crate) fn run(command: &Command, json: bool) -> Result<(), Failure> {
    let mut out = Out::new();
    let refused = if command.stdin {
        lines(&mut io::stdin().lock(), &mut out, json)?
    } else {
        let mut refused = 0;
        for input in &command.references {
            refused += u64::from(!print(&mut out, &parts(input), json)?);
        }
        refused
    };
    out.flush()?;
    match refused {
        0 => Ok(()),
        // A program reads the verdict of each line from the line itself.
        _ if command.stdin && json => Ok(()),
        _ => Err(Failure::new(Exit::Failure, "")),
    }
}

/// Answers each line of the input and returns how many were refused.
fn lines(input: &mut impl BufRead, out: &mut Out, json: bool) -> io::Result<u64> {
    let mut refused = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(refused);
        }
        let line = line.trim_ascii_end();
        let ok = if json {
            match serde_json::from_slice::<String>(line) {
                Ok(input) => print(out, &parts(&input), json)?,
                Err(error) => print(out, &unreadable(&error.to_string()), json)?,
            }
        } else {
            match std::str::from_utf8(line) {
                Ok(input) => print(out, &parts(input), json)?,
                Err(error) => print(out, &unreadable(&error.to_string()), json)?,
            }
        };
        refused += u64::from(!ok);
    }
}

fn parts(input: &str) -> Parts<'_> {
    let location;
    let parsed = if is_location(input) {
        match Location::parse(input) {
            Ok(parsed) => {
                location = parsed;
                Ok(location.reference().as_parts())
            }
            Err(error) => Err(error),
        }
    } else {
        ReferenceRef::parse(input)
    };
    match parsed {
        Ok(parts) => Parts {
            input: Some(input),
            ok: true,
            registry: Some(parts.registry().to_owned()),
            repository: Some(parts.name().into_owned()),
            tag: parts.tag().map(str::to_owned),
            digest: parts.digest().map(|digest| digest.to_string()),
            familiar: Some(parts.familiar().to_string()),
            error: None,
        },
        Err(error) => Parts {
            input: Some(input),
            error: Some(error.to_string()),
            ..Parts::default()
        },
    }
}

fn is_location(input: &str) -> bool {
    let scheme = input.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        ["oci", "oci+http", "oci+https"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(scheme))
    })
}

fn unreadable(why: &str) -> Parts<'static> {
    Parts {
        error: Some(format!("the line cannot be read: {why}")),
        ..Parts::default()
    }
}

/// Prints one answer and returns whether the reference was accepted.
fn print(out: &mut Out, parts: &Parts<'_>, json: bool) -> io::Result<bool> {
    if json {
        out.json(parts)?;
        return Ok(parts.ok);
    }
    let input = parts.input.unwrap_or("?");
    if let Some(error) = &parts.error {
        out.flush()?;
        crate::output::note("error", &format!("{input:?}: {error}"));
        return Ok(false);
    }
    out.line(input)?;
    for (label, value) in [
        ("registry", &parts.registry),
        ("repository", &parts.repository),
        ("tag", &parts.tag),
        ("digest", &parts.digest),
        ("familiar", &parts.familiar),
    ] {
        if let Some(value) = value {
            out.line(format!("  {label:<10}  {value}"))?;
        }
    }
    Ok(true)
}
