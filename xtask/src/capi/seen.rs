//! The C library as a C program sees it: installed, linked both ways, under valgrind and the
//! sanitizers, and by hosts that pull from a real registry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ocirepo_e2e::process::VALGRIND;
use ocirepo_e2e::registry::{Access, DockerRegistry, PASSWORD, USER};

use super::{HEADER, HOSTS, install_to, make_host};
use crate::report::{Failure, Outcome, Report};
use crate::run::{output, program, root, run, run_tests, target_dir};
use crate::test::PROFILE;
use crate::totals::Totals;

const UNIT: &str = "capi/tests/c/unit.c";

/// Under valgrind a cycle takes fifty times as long.
const CYCLES_UNDER_VALGRIND: &str = "300";

/// What is pulled and pushed, in bytes.
const BLOB: usize = 3_000_000;

/// Every step of it.
pub(crate) fn all(report: &mut Report) {
    let prefix = target_dir().join("capi");
    let mut lib = PathBuf::new();
    if !report.step("libocirepo: installed", || {
        lib = install_to(&prefix, PROFILE)?;
        header_compiles()?;
        only_versioned_symbols(&lib)
    }) {
        return;
    }
    report.tests("libocirepo: in C", |totals| units(&prefix, &lib, totals));
    report.tests("libocirepo: hosts in C", |totals| {
        hosts(&prefix, &lib, totals)
    });
}

/// For the strictest C and C++ that has the types it needs.
fn header_compiles() -> Result<(), Failure> {
    let strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];
    for (compiler, language, standard) in [("cc", "c", "-std=c99"), ("c++", "c++", "-std=c++11")] {
        let mut command = program(compiler, strict);
        run(command.args([standard, "-x", language, HEADER]))?;
    }
    Ok(())
}

fn only_versioned_symbols(lib: &Path) -> Result<Outcome, Failure> {
    let mut command = program("nm", ["--dynamic", "--defined-only"]);
    let symbols = output(command.arg(lib.join("libocirepo.so")))?;
    let names: Vec<&str> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .filter(|name| !name.starts_with("OCIREPO_"))
        .collect();
    let stray = names
        .iter()
        .find(|name| !name.starts_with("ocirepo_") || !name.contains("@@OCIREPO_"));
    match stray {
        Some(stray) => Err(format!("libocirepo.so shows `{stray}`")),
        None if names.is_empty() => Err("libocirepo.so shows nothing".to_owned()),
        None => {
            println!("    {} functions, all with a version", names.len());
            Ok(Outcome::Done)
        }
    }
}

fn units(prefix: &Path, lib: &Path, totals: &mut Totals) -> Result<Outcome, Failure> {
    let (shared, checked) = (prefix.join("unit"), prefix.join("unit-checked"));
    let warnings = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g"];
    let include = format!("-I{}", prefix.join("include").display());

    let mut compile = program("cc", warnings);
    compile.args([&include, UNIT, "-o"]).arg(&shared);
    compile.arg("-L").arg(lib).arg("-locirepo");
    run(&mut compile)?;
    run_tests(program_at(&shared).env("LD_LIBRARY_PATH", lib), totals)?;

    let mut checked_by_valgrind = program("valgrind", VALGRIND);
    checked_by_valgrind.arg(&shared).arg(CYCLES_UNDER_VALGRIND);
    run_tests(checked_by_valgrind.env("LD_LIBRARY_PATH", lib), totals)?;

    let mut compile = program("cc", warnings);
    compile.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    compile.args([&include, UNIT, "-o"]).arg(&checked);
    compile.arg(lib.join("libocirepo.a"));
    run(compile.args(["-lgcc_s", "-lpthread", "-lm", "-ldl"]))?;
    run_tests(program_at(&checked).arg(CYCLES_UNDER_VALGRIND), totals)?;
    Ok(Outcome::Done)
}

/// Each host pushes to docker-registry and pulls from it, open and with a password, under
/// valgrind; half of the blob is there from an earlier run.
fn hosts(prefix: &Path, lib: &Path, totals: &mut Totals) -> Result<Outcome, Failure> {
    let io = |error: std::io::Error| error.to_string();
    let blob: Vec<u8> = (0..BLOB as u64)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u8)
        .collect();
    let file = prefix.join("blob");
    fs::write(&file, &blob).map_err(io)?;
    for host in HOSTS {
        let flags = "CFLAGS=-O1 -g -Wall -Wextra -Werror";
        let programs = make_host(host, prefix, lib, &[flags])?;
        for access in [Access::Open, Access::Basic] {
            let registry = DockerRegistry::start(&access)
                .map_err(|error| format!("could not start docker-registry: {error}"))?;
            let at = format!("oci+http://{}/me/demo", registry.host());
            let pushed = push(&programs, lib, &at, &registry.host(), &file)?;
            let got = programs.join("got");
            let _ = fs::remove_file(&got);
            fs::write(programs.join("got.part"), &blob[..BLOB / 2]).map_err(io)?;
            let mut pull = program("valgrind", VALGRIND);
            pull.arg(programs.join("oci-download"))
                .args([format!("{at}@{pushed}")])
                .arg(&got)
                .env("LD_LIBRARY_PATH", lib)
                .env("OCI_USERNAME", USER)
                .env("OCI_PASSWORD", PASSWORD);
            run(&mut pull)?;
            if fs::read(&got).map_err(io)? != blob {
                return Err(format!("{host} pulled something else than it pushed"));
            }
            let asked = registry.requests().map_err(io)?;
            let sent: u64 = (asked.iter().filter(|request| request.method == "GET"))
                .map(|request| request.bytes)
                .sum();
            if sent >= BLOB as u64 {
                return Err(format!("{host} pulled again what was there: {sent} bytes"));
            }
            totals.line("test result: ok. 1 passed; 0 failed; 0 ignored");
        }
    }
    Ok(Outcome::Done)
}

/// Pushes a blob by the program of the host suite, and returns the digest it was given.
fn push(programs: &Path, lib: &Path, at: &str, host: &str, file: &Path) -> Result<String, Failure> {
    let script = programs.join("script");
    let lines = format!(
        "login {host} {USER} {PASSWORD}\n1 push-blob {at} {} chunk=1000000\nrun\n",
        file.display()
    );
    fs::write(&script, lines).map_err(|error| error.to_string())?;
    let input = fs::File::open(&script).map_err(|error| error.to_string())?;
    let mut push = program("valgrind", VALGRIND);
    push.arg(programs.join("oci-suite"));
    let printed = output(push.env("LD_LIBRARY_PATH", lib).stdin(input))?;
    printed
        .lines()
        .find_map(|line| line.strip_prefix("1 ok digest=")?.split(' ').next())
        .map(str::to_owned)
        .ok_or_else(|| format!("the push failed:\n{printed}"))
}

fn program_at(path: &Path) -> Command {
    let mut command = Command::new(path);
    command.current_dir(root());
    command
}
