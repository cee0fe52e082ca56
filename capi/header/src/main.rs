//! Writes the header of libocirepo to standard output, from the documentation of `capi/src`.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match header() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn header() -> Result<(), Box<dyn std::error::Error>> {
    let capi = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("this crate lies in capi/")?;
    let config = cbindgen::Config::from_file(capi.join("cbindgen.toml"))?;
    let bindings = cbindgen::Builder::new()
        .with_crate(capi)
        .with_config(config)
        .generate()?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    Ok(io::stdout().write_all(&text)?)
}
