//! Development tasks: `cargo xtask <command>`.
//!
//! Only the standard library, so that the first command on a new machine starts at once.

mod bench;
mod capi;
mod check;
mod claims;
mod demo;
mod fuzz;
mod hosts;
mod inspector;
mod npm;
mod package;
mod report;
mod run;
mod setup;
mod supply;
mod test;
mod totals;
mod wasm;

use std::process::ExitCode;

use report::Report;

const USAGE: &str = "\
usage: cargo xtask <command>

  setup                 install what the lab needs: Debian packages, a Python environment, Node
  demo [ARGS]           publish a sample repository to an embedded registry, read it back, serve it,
                        and show it in a browser
  test                  every check and every test, against real servers and clients
  check                 formatting, lints, docs, dependencies, targets, packaging; no services
  e2e [FILTER]          only the end-to-end tests, those whose name contains FILTER
  hosts [TEXT]          only the scenarios of tests/hosts whose name contains TEXT, with every host
  conformance           only the table of the distribution specification, against docker-registry
  bench [CASE] [--quick] [--json FILE]
                        what everything, or one case, costs beside others in the same run
  bench publish [--packages N]... [--layout L] [--registry ocirepo|docker]
                        what publishing, updating and reading a synthetic repository costs
  bench createrepo [--packages N]
                        how long making metadata takes, beside createrepo_c
  fuzz --seconds N [TARGET]...
                        each fuzz target, or those named, for N seconds of CPU time
  faults [--runs N] [--seed S]
                        N (1,000) runs of the program in which something goes wrong
  soak [--minutes N]    the bridge under mixed load for N (20) minutes: does it stay as it was?
  package [PROGRAM]     a .deb and an .rpm in target/package, of a release build or of PROGRAM
  capi --prefix DIR     build libocirepo and install it: libraries, header, pkg-config, manual
  capi-test             libocirepo from C: units, valgrind, sanitizers, hosts and a registry
  capi-header           write capi/include/ocirepo.h anew, after a change of capi/src
  npm                   the JavaScript package in target/npm/ocirepo
  npm-test              the tests of that package, in Node and Chromium
  npm-hash              how fast that package hashes, beside sha2 alone in WebAssembly
  inspector             the page in target/inspector, after its own checks and tests
  core-dependencies     write docs/core-dependencies.txt anew, after a deliberate change";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut report = Report::default();
    if command == "bench" {
        if bench::run_all(&mut report, rest) {
            return report.close();
        }
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    match (command.as_str(), rest) {
        ("setup", []) => setup::all(&mut report),
        ("demo", rest) => demo::demo(&mut report, rest),
        ("faults", rest) => test::faults_alone(&mut report, rest),
        ("soak", rest) => test::soak_alone(&mut report, rest),
        ("test", []) => test::everything(&mut report),
        ("check", []) => check::all(&mut report),
        ("e2e", [] | [_]) => test::e2e_alone(&mut report, rest.first().map(String::as_str)),
        ("hosts", [] | [_]) => hosts::alone(&mut report, rest.first().map(String::as_str)),
        ("conformance", []) => test::conformance_alone(&mut report),
        ("fuzz", rest) => fuzz::fuzz(&mut report, rest),
        ("package", []) => package::all(&mut report),
        ("package", [built]) => package::of(&mut report, std::path::Path::new(built)),
        ("capi", [option, prefix]) if option == "--prefix" => capi::install(&mut report, prefix),
        ("capi-test", []) => capi::tests(&mut report),
        ("capi-header", []) => capi::rewrite_header(&mut report),
        ("npm", []) => npm::alone(&mut report),
        ("npm-hash", []) => npm::hashing(&mut report),
        ("inspector", []) => inspector::alone(&mut report),
        ("npm-test", []) => test::npm_alone(&mut report),
        ("core-dependencies", []) => check::rewrite_core_dependencies(&mut report),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    report.close()
}
