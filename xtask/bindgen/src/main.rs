//! `xtask-bindgen module INPUT.wasm DIRECTORY NAME`: writes `NAME.js` and `NAME_bg.wasm`.
//! `xtask-bindgen test …`: the runner of tests compiled to WebAssembly.
//!
//! Apart from the other tasks, so that those start without compiling what this needs.

mod order;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["module", input, directory, name] => module(Path::new(input), Path::new(directory), name)
            .map_err(|error| format!("{input}: {error}")),
        ["test", ..] => wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(
            // In place of the name of the program.
            std::env::args_os().skip(1),
        )
        .map_err(|error| format!("{error:#}")),
        _ => {
            eprintln!("usage: xtask-bindgen module INPUT.wasm DIRECTORY NAME | test …");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// An ES module that loads its WebAssembly with `fetch`, from beside itself unless it is told
/// where.
fn module(input: &Path, directory: &Path, name: &str) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(input)
        .out_name(name)
        .web(true)
        .map_err(|error| error.to_string())?
        .omit_default_module_path(false)
        // What people see is written by hand.
        .typescript(false)
        .remove_producers_section(true);
    bindgen
        .generate(directory)
        .map_err(|error| format!("{error:#}"))?;
    let made = directory.join(format!("{name}_bg.wasm"));
    let told = |error: std::io::Error| format!("{}: {error}", made.display());
    let module = order::ordered(&fs::read(&made).map_err(told)?)?;
    fs::write(&made, module).map_err(told)
}
