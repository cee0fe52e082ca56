//! What the arguments of `push` mean.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::format::{REPODATA, REPOMD};

use crate::exit::Failure;

/// What is to be published.
#[derive(Debug)]
pub(crate) enum Found {
    /// A directory that has `repodata`, as it is.
    Directory(PathBuf),
    /// Packages to describe, and other files.
    Files(Files),
}

/// Files by where they are to lie.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// RPM files. Several may want the same place, which is for the selection to judge.
    pub(crate) packages: Vec<(Href, PathBuf)>,
    /// All others.
    pub(crate) others: BTreeMap<Href, PathBuf>,
}

/// Looks at the arguments. A file lies in `folder`, which may be empty; what is in a
/// directory keeps its path below it.
pub(crate) fn find(arguments: &[PathBuf], folder: &str) -> Result<Found, Failure> {
    if let [directory] = arguments
        && directory.join(REPOMD).is_file()
    {
        return Ok(Found::Directory(directory.clone()));
    }
    let mut files = Files::default();
    for argument in arguments {
        let metadata = std::fs::metadata(argument).map_err(|error| unreadable(argument, &error))?;
        if metadata.is_dir() {
            directory(argument, &mut files)?;
        } else {
            file(argument, folder, &mut files)?;
        }
    }
    Ok(Found::Files(files))
}

fn file(path: &Path, folder: &str, files: &mut Files) -> Result<(), Failure> {
    let name = utf8_name(path)?;
    if !is_package(name) {
        return Err(Failure::failed(format!(
            "{} is no RPM package: its name does not end in .rpm; other files are published \
             from inside of a directory",
            path.display()
        )));
    }
    let folder = folder.trim_end_matches('/');
    let location = match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    };
    let location = location_of(&location, path)?;
    files.packages.push((location, path.to_owned()));
    Ok(())
}

fn directory(directory: &Path, files: &mut Files) -> Result<(), Failure> {
    if directory.join("repodata").exists() {
        return Err(Failure::failed(match directory.join(REPOMD).is_file() {
            true => format!(
                "{} has repodata, so it is published as it is and alone; take the folder \
                 repodata away to have it made anew",
                directory.display()
            ),
            false => format!(
                "{} has a folder repodata without repomd.xml; complete it with createrepo_c, \
                 or take it away to have it made anew",
                directory.display()
            ),
        }));
    }
    let mut found = BTreeMap::new();
    walk(directory, "", &mut found)?;
    if found.is_empty() {
        return Err(Failure::failed(format!(
            "{} has no files to publish",
            directory.display()
        )));
    }
    for (location, path) in found {
        let location = location_of(&location, &path)?;
        if is_package(location.path()) {
            files.packages.push((location, path));
        } else if let Some(first) = files.others.insert(location.clone(), path.clone())
            && !same_content(&first, &path)?
        {
            return Err(Failure::failed(format!(
                "{} and {} would both lie at {location}; give one of them",
                first.display(),
                path.display()
            )));
        }
    }
    Ok(())
}

/// The packages in a directory, at any depth, whatever else is in it.
pub(crate) fn packages(directory: &Path) -> Result<Files, Failure> {
    let mut found = BTreeMap::new();
    walk(directory, "", &mut found)?;
    found.retain(|location, _| is_package(location) && !location.starts_with(REPODATA));
    let packages = found.into_iter().map(|(location, path)| {
        let location = location_of(&location, &path)?;
        Ok((location, path))
    });
    Ok(Files {
        packages: packages.collect::<Result<_, Failure>>()?,
        others: BTreeMap::new(),
    })
}

/// Every file below a directory but hidden ones, by its path with slashes.
pub(crate) fn walk(
    directory: &Path,
    prefix: &str,
    found: &mut BTreeMap<String, PathBuf>,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| unreadable(directory, &error);
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        let name = utf8_name(&entry)?;
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        // Follows links: createrepo_c does.
        let metadata = std::fs::metadata(&entry).map_err(|error| unreadable(&entry, &error))?;
        if metadata.is_dir() {
            walk(&entry, &format!("{path}/"), found)?;
        } else {
            found.insert(path, entry);
        }
    }
    Ok(())
}

/// What to say of a file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("cannot read {}: {error}", path.display()))
}

fn is_package(name: &str) -> bool {
    name.ends_with(".rpm")
}

fn utf8_name(path: &Path) -> Result<&str, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.ok_or_else(|| {
        Failure::failed(format!(
            "{}: its name is not UTF-8; rename it",
            path.display()
        ))
    })
}

fn location_of(location: &str, path: &Path) -> Result<Href, Failure> {
    let refused = |why: &dyn std::fmt::Display| {
        Failure::failed(format!(
            "{} cannot be published at {location:?}: {why}",
            path.display()
        ))
    };
    if location.starts_with(REPODATA) {
        return Err(refused(&"the folder repodata is for metadata"));
    }
    Href::from_path(location).map_err(|error| refused(&error))
}

fn same_content(a: &Path, b: &Path) -> Result<bool, Failure> {
    let read = |path: &Path| super::scan::hash(path).map_err(|error| unreadable(path, &error));
    Ok(read(a)? == read(b)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        directory
    }

    fn found(arguments: &[PathBuf], folder: &str) -> (Vec<String>, Vec<String>) {
        match find(arguments, folder).unwrap() {
            Found::Files(files) => (
                files
                    .packages
                    .iter()
                    .map(|(at, _)| at.to_string())
                    .collect(),
                files.others.keys().map(Href::to_string).collect(),
            ),
            Found::Directory(directory) => panic!("{directory:?} has no repodata"),
        }
    }

    #[test]
    fn files_lie_in_the_folder_and_directories_keep_their_paths() {
        let directory = tree(&[
            "x.rpm",
            "d/Packages/b/y.rpm",
            "d/KEY",
            "d/.hidden",
            "d/z.rpm",
        ]);
        let arguments = ["x.rpm", "d"].map(|name| directory.path().join(name));
        let (packages, others) = found(&arguments, "Packages/");
        assert_eq!(packages, ["Packages/x.rpm", "Packages/b/y.rpm", "z.rpm"]);
        assert_eq!(others, ["KEY"]);
        let (packages, _) = found(&arguments[..1], "");
        assert_eq!(packages, ["x.rpm"]);
    }

    #[test]
    fn a_directory_with_repodata_stands_alone() {
        let directory = tree(&["d/repodata/repomd.xml", "e/a.rpm", "f/repodata/x"]);
        let [d, e, f] = ["d", "e", "f"].map(|name| directory.path().join(name));
        let found = find(std::slice::from_ref(&d), "").unwrap();
        assert!(matches!(found, Found::Directory(path) if path == d));
        let error = find(&[d, e.clone()], "").unwrap_err().to_string();
        assert!(error.contains("published as it is and alone"), "{error}");
        let error = find(&[f, e], "").unwrap_err().to_string();
        assert!(error.contains("repodata without repomd.xml"), "{error}");
    }

    #[test]
    fn what_cannot_be_published_is_named() {
        let directory = tree(&["x.rpm", "KEY", "a/KEY", "b/KEY"]);
        std::fs::create_dir(directory.path().join("empty")).unwrap();
        std::fs::write(directory.path().join("b/KEY"), "another").unwrap();
        for (names, folder, message) in [
            (&["KEY"][..], "", "KEY is no RPM package: its name"),
            (
                &["x.rpm"],
                "../out",
                "x.rpm cannot be published at \"../out/x.rpm\": ",
            ),
            (
                &["x.rpm"],
                "repodata",
                "the folder repodata is for metadata",
            ),
            (&["gone.rpm"], "", "gone.rpm: "),
            (&["empty"], "", "empty has no files to publish"),
            (&["a", "b"], "", "would both lie at KEY"),
        ] {
            let arguments: Vec<PathBuf> = names
                .iter()
                .map(|name| directory.path().join(name))
                .collect();
            let error = find(&arguments, folder).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
