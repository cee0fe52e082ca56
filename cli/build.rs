//! Embeds the inspector page, compressed, if `OCIREPO_INSPECTOR` names the directory it was built
//! into.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::Compression;
use flate2::read::GzEncoder;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=OCIREPO_INSPECTOR");
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("there is no OUT_DIR"))?;
    let out = PathBuf::from(out);
    let mut files = Vec::new();
    if let Some(directory) = env::var_os("OCIREPO_INSPECTOR").filter(|name| !name.is_empty()) {
        let directory = PathBuf::from(directory);
        if !directory.is_absolute() || !directory.join("index.html").is_file() {
            return Err(io::Error::other(format!(
                "OCIREPO_INSPECTOR must be the absolute path of a directory with the built page, \
                 and {} is not",
                directory.display()
            )));
        }
        println!("cargo::rerun-if-changed={}", directory.display());
        collect(&directory, &directory, &mut files)?;
        files.sort();
    }
    let mut text = String::from("pub(super) const EMBEDDED: &[(&str, &[u8])] = &[\n");
    for (number, (name, path)) in files.iter().enumerate() {
        let packed = out.join(format!("inspector-{number}.gz"));
        let mut content = GzEncoder::new(fs::File::open(path)?, Compression::best());
        io::copy(&mut content, &mut fs::File::create(&packed)?)?;
        // Writing to a string does not fail.
        let _ = writeln!(text, "    ({name:?}, include_bytes!({packed:?})),");
    }
    text.push_str("];\n");
    fs::write(out.join("inspector.rs"), text)
}

/// Every file below a directory, by its path from the root with slashes.
fn collect(root: &Path, directory: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(relative) = path.strip_prefix(root) {
            let parts: Vec<_> = (relative.iter().map(|part| part.to_string_lossy())).collect();
            files.push((parts.join("/"), path.clone()));
        }
    }
    Ok(())
}
