//! Starting other programs.

use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::report::Failure;
use crate::totals::Totals;

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Where the lab keeps what it installs and writes.
pub(crate) fn lab_dir() -> PathBuf {
    target_dir().join("lab")
}

/// Cargo's target directory of this checkout.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// `cargo` with arguments, to be run at the root of the checkout.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// A program with arguments, to be run at the root of the checkout.
pub(crate) fn program<'a>(name: &str, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root());
    command
}

/// `node`, `npm` or another program that runs on Node, where that of the lab counts before the
/// machine's own.
pub(crate) fn node_program<'a>(
    name: &str,
    arguments: impl IntoIterator<Item = &'a str>,
) -> Command {
    let ours = lab_dir().join("node/node_modules/.bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = ours.join(name);
    let mut command = if found.exists() {
        program(&found.to_string_lossy(), arguments)
    } else {
        program(name, arguments)
    };
    let paths = std::iter::once(ours).chain(std::env::split_paths(&path));
    // Only a path with a colon in it cannot be put together with others.
    if let Ok(path) = std::env::join_paths(paths) {
        command.env("PATH", path);
    }
    command
}

/// Runs to the end with our own output; an exit code other than 0 is a failure.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = show(command);
    println!("    $ {shown}");
    let status = command
        .status()
        .map_err(|error| format!("could not start `{shown}`: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{shown}` ended with {status}"))
    }
}

/// Runs to the end and returns what was printed to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let shown = show(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("could not start `{shown}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{shown}` ended with {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{shown}` printed what is not UTF-8"))
}

/// Whether a program runs and ends well, silently.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs tests: everything they print goes through, and result lines are added to the totals.
pub(crate) fn run_tests(command: &mut Command, totals: &mut Totals) -> Result<(), Failure> {
    let shown = show(command);
    println!("    $ {shown}");
    if io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("could not start `{shown}`: {error}"))?;
    let before = totals.ran();
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        // By bytes: what a test prints need not be UTF-8.
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            io::stdout()
                .write_all(&line)
                .map_err(|error| format!("could not print what `{shown}` printed: {error}"))?;
            totals.line(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    let status = child
        .wait()
        .map_err(|error| format!("could not wait for `{shown}`: {error}"))?;
    if !status.success() {
        return Err(format!("`{shown}` ended with {status}"));
    }
    // A filter that no longer fits anything must not look like success.
    if totals.ran() == before {
        return Err(format!("`{shown}` ended well but ran no test"));
    }
    Ok(())
}

/// The first place in `PATH`, or in the directories Debian keeps for services, with this program.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let mut shown = name.to_string_lossy().into_owned();
    for argument in command.get_args() {
        shown.push(' ');
        shown.push_str(&argument.to_string_lossy());
    }
    shown
}
