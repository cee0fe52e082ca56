//! Sample packages, built and signed on the spot.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ocirepo_rpm::signature::SecretKey;
use rpm::{BuildConfig, Dependency, FileOptions, PackageBuilder};

use super::signed::signed;
use crate::exit::Failure;

/// When the samples were built, in Unix seconds: the same for ever, so that they are.
pub(super) const BUILT: u32 = 1_767_225_600;

/// One package file.
#[derive(Debug)]
pub(super) struct Package {
    /// Its path in the repository.
    pub(super) path: String,
    pub(super) content: Vec<u8>,
}

/// What one sample is made of.
struct Recipe {
    name: &'static str,
    version: &'static str,
    release: &'static str,
    summary: &'static str,
    requires: &'static [&'static str],
    file: (&'static str, &'static str),
}

/// The names are as awkward as names get, for they must survive the way.
const RECIPES: [Recipe; 3] = [
    Recipe {
        name: "ocirepo-hello",
        version: "1.0",
        release: "1",
        summary: "Greets whoever installed it",
        requires: &["libOciRepo++"],
        file: (
            "/usr/bin/ocirepo-hello",
            "#!/bin/sh\necho hello from an OCI registry\n",
        ),
    },
    Recipe {
        name: "libOciRepo++",
        version: "1.2~rc1^git20260101",
        release: "3",
        summary: "A library whose name needs encoding",
        requires: &[],
        file: ("/usr/share/ocirepo/library", "nothing in it\n"),
    },
    Recipe {
        name: "ocirepo-docs",
        version: "1.0",
        release: "1",
        summary: "Nothing that anybody needs",
        requires: &[],
        file: ("/usr/share/doc/ocirepo/README", "See oci://.\n"),
    },
];

/// Builds and signs the samples.
pub(super) fn packages(key: &SecretKey, seed: [u8; 32]) -> Result<Vec<Package>, Failure> {
    RECIPES
        .iter()
        .map(|recipe| build(recipe, key, seed))
        .collect()
}

fn build(recipe: &Recipe, key: &SecretKey, seed: [u8; 32]) -> Result<Package, Failure> {
    let failed = |error: rpm::Error| {
        Failure::failed(format!("cannot build the package {}: {error}", recipe.name))
    };
    let (path, content) = recipe.file;
    let mode = if path.contains("/bin/") { 0o755 } else { 0o644 };
    let mut builder =
        PackageBuilder::new(recipe.name, recipe.version, "MIT", "noarch", recipe.summary);
    builder
        .using_config(BuildConfig::v4().source_date(BUILT))
        .release(recipe.release)
        .description("A sample of the ocirepo demonstration.")
        .url("https://github.com/ocirepo/ocirepo")
        .build_host("localhost")
        .add_changelog_entry("ocirepo <ocirepo@example.org>", "- a sample", BUILT)
        .with_file_contents(content, FileOptions::new(path).permissions(mode))
        .map_err(failed)?;
    for name in recipe.requires {
        builder.requires(Dependency::any(*name));
    }
    let package = builder.build().map_err(failed)?;
    let signature = key
        .sign(
            &package.header_bytes().map_err(failed)?,
            BUILT.into(),
            None,
            seed,
        )
        .map_err(Failure::failed)?;
    let mut unsigned = Vec::new();
    package.write(&mut unsigned).map_err(failed)?;
    let content = signed(&unsigned, &dearmored(&signature)?)?;
    let Recipe {
        name,
        version,
        release,
        ..
    } = recipe;
    Ok(Package {
        path: format!("Packages/{name}-{version}-{release}.noarch.rpm"),
        content,
    })
}

/// The packet inside an armored signature: RPM headers hold it bare (RFC 9580, section 6).
fn dearmored(armored: &str) -> Result<Vec<u8>, Failure> {
    let lines = armored.lines().map(str::trim);
    let body: String = lines
        .skip_while(|line| !line.is_empty())
        .take_while(|line| !line.starts_with('=') && !line.starts_with("-----"))
        .collect();
    STANDARD
        .decode(body)
        .map_err(|error| Failure::failed(format!("a signature has no readable armor: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_and_seed_make_the_same_packages() {
        let key = SecretKey::generate("Demo <demo@example.org>", BUILT.into(), [1; 32]).unwrap();
        let first = packages(&key, [2; 32]).unwrap();
        let second = packages(&key, [2; 32]).unwrap();
        assert_eq!(first.len(), 3);
        for (first, second) in first.iter().zip(&second) {
            assert_eq!(first.path, second.path);
            assert!(first.content == second.content, "{}", first.path);
            let package = rpm::Package::parse(&mut &*first.content).unwrap();
            assert_eq!(package.raw_signatures().unwrap().len(), 1);
            assert!(package.check_digests().unwrap().is_ok());
        }
    }
}
