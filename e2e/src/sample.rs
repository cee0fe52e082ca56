//! RPM repositories built, indexed and signed with the distribution's own tools.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::Run;
use crate::scratch::Scratch;

/// Who signs.
const SIGNER: &str = "Lab Signer <lab@example.org>";

/// A package to build. It installs one file, `/usr/share/lab/<name>`.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Its epoch; 0 is left out.
    pub epoch: u32,
    /// Its version.
    pub version: &'static str,
    /// Its release.
    pub release: &'static str,
    /// What the file it installs says.
    pub content: String,
}

impl Package {
    /// A package without epoch.
    pub fn new(name: &'static str, version: &'static str, release: &'static str) -> Package {
        Package {
            name,
            epoch: 0,
            version,
            release,
            content: format!("{name} {version}-{release}"),
        }
    }

    /// The same with an epoch.
    #[must_use]
    pub fn epoch(self, epoch: u32) -> Package {
        Package { epoch, ..self }
    }

    /// The same with another content of its file.
    #[must_use]
    pub fn content(self, content: impl Into<String>) -> Package {
        Package {
            content: content.into(),
            ..self
        }
    }

    /// The name of its file.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.noarch.rpm", self.name, self.version, self.release)
    }

    fn spec(&self) -> String {
        let Package {
            name,
            epoch,
            version,
            release,
            content,
        } = self;
        format!(
            "Name: {name}\nEpoch: {epoch}\nVersion: {version}\nRelease: {release}\n\
             Summary: A package of the lab\nLicense: MIT\nBuildArch: noarch\n\
             %description\nOne file.\n\
             %install\nmkdir -p %{{buildroot}}/usr/share/lab\n\
             cat > %{{buildroot}}/usr/share/lab/{name} <<'END'\n{content}\nEND\n\
             %files\n/usr/share/lab/{name}\n"
        )
        .replace("Epoch: 0\n", "")
    }
}

/// A signing key of its own.
#[derive(Debug)]
pub struct Key {
    home: Scratch,
}

impl Key {
    /// Makes a new one.
    ///
    /// # Errors
    /// When gpg does not.
    pub fn new() -> io::Result<Key> {
        Key::with_passphrase("")
    }

    /// Makes a new one that only a passphrase opens, unless that is empty.
    ///
    /// # Errors
    /// When gpg does not.
    pub fn with_passphrase(passphrase: &str) -> io::Result<Key> {
        let key = Key {
            // The agent listens in it.
            home: Scratch::short("key")?,
        };
        restrict(key.home.path())?;
        let kind = ["--quick-gen-key", SIGNER, "rsa3072", "sign", "never"];
        fs::write(key.home.join("passphrase"), passphrase)?;
        key.unlocked().args(kind).well()?;
        key.gpg()
            .args(["--armor", "--output"])
            .arg(key.public())
            .args(["--export", SIGNER])
            .well()?;
        Ok(key)
    }

    /// The public key, an armored file.
    pub fn public(&self) -> PathBuf {
        self.home.join("RPM-GPG-KEY-lab")
    }

    /// The private key, an armored file, encrypted with the passphrase if there is one.
    ///
    /// # Errors
    /// When gpg does not export it.
    pub fn secret(&self) -> io::Result<PathBuf> {
        let path = self.home.join("secret.asc");
        self.unlocked()
            .args(["--yes", "--armor", "--output"])
            .arg(&path)
            .args(["--export-secret-keys", SIGNER])
            .well()?;
        Ok(path)
    }

    /// Where gpg keeps it.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// What gpg says of a detached signature.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn verify(&self, signature: &Path, data: &Path) -> io::Result<Run> {
        Run::of(self.gpg().arg("--verify").args([signature, data]))
    }

    /// Signs packages in place.
    ///
    /// # Errors
    /// When rpm does not.
    pub fn sign_packages(&self, packages: &[PathBuf]) -> io::Result<()> {
        Command::new("rpmsign")
            .args(["--define", &format!("_gpg_name {SIGNER}")])
            .args([
                "--define",
                &format!("_gpg_path {}", self.home.path().display()),
            ])
            .args(["--define", "__gpg /usr/bin/gpg", "--addsign"])
            .args(packages)
            .well()
    }

    /// Writes a detached, armored signature beside a file.
    ///
    /// # Errors
    /// When gpg does not.
    pub fn sign_detached(&self, file: &Path) -> io::Result<()> {
        self.gpg()
            .args(["--yes", "--detach-sign", "--armor", "--local-user", SIGNER])
            .arg(file)
            .well()
    }

    fn unlocked(&self) -> Command {
        let mut command = self.gpg();
        command
            .args(["--pinentry-mode", "loopback", "--passphrase-file"])
            .arg(self.home.join("passphrase"));
        command
    }

    fn gpg(&self) -> Command {
        let mut command = Command::new("gpg");
        command
            .args(["--batch", "--quiet", "--homedir"])
            .arg(self.home.path());
        command
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // Without an agent there is nothing to stop.
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--kill", "all"])
            .status();
    }
}

/// How a repository is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// `primary.xml.gz` instead of a name with its checksum.
    pub simple_metadata_names: bool,
}

/// A repository in a directory: signed packages below `Packages/`, signed metadata.
#[derive(Debug)]
pub struct Sample {
    directory: Scratch,
    packages: Vec<Package>,
}

impl Sample {
    /// Builds, indexes and signs.
    ///
    /// # Errors
    /// When one of the tools fails; with what it printed.
    pub fn build(key: &Key, packages: &[Package], style: Style) -> io::Result<Sample> {
        let directory = Scratch::new("repository")?;
        let work = Scratch::new("rpmbuild")?;
        let below = directory.join("Packages");
        fs::create_dir_all(&below)?;
        let mut files = Vec::new();
        for package in packages {
            let spec = work.join(format!("{}.spec", files.len()));
            fs::write(&spec, package.spec())?;
            Command::new("rpmbuild")
                .args(["--define", &format!("_topdir {}", work.path().display())])
                .args(["--define", &format!("_rpmdir {}", below.display())])
                .args([
                    "--define",
                    "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
                ])
                .args(["--quiet", "-bb"])
                .arg(spec)
                .well()?;
            files.push(below.join(package.file_name()));
        }
        key.sign_packages(&files)?;
        fs::copy(key.public(), directory.join("RPM-GPG-KEY-lab"))?;
        let sample = Sample {
            directory,
            packages: packages.to_vec(),
        };
        sample.index(key, style)?;
        Ok(sample)
    }

    /// Writes its metadata anew and signs them.
    ///
    /// # Errors
    /// When one of the tools fails; with what it printed.
    pub fn index(&self, key: &Key, style: Style) -> io::Result<()> {
        let mut command = Command::new("createrepo_c");
        command.arg("--quiet");
        if style.simple_metadata_names {
            command.arg("--simple-md-filenames");
        }
        command.arg(self.path()).well()?;
        key.sign_detached(&self.path().join("repodata/repomd.xml"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What it was built from.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// Every file, as its path inside the repository, sorted.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn files(&self) -> io::Result<Vec<String>> {
        files_below(self.path())
    }

    /// The path of the metadata file of a kind, such as `primary`.
    ///
    /// # Errors
    /// When there is none.
    pub fn metadata(&self, kind: &str) -> io::Result<PathBuf> {
        let file = self
            .files()?
            .into_iter()
            .find(|path| path.starts_with("repodata/") && path.contains(&format!("{kind}.xml")));
        match file {
            Some(file) => Ok(self.path().join(file)),
            None => Err(io::Error::other(format!("the sample has no {kind}"))),
        }
    }
}

/// Every file of a directory, as its path inside, sorted.
///
/// # Errors
/// When the directory cannot be read.
pub fn files_below(directory: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    collect(directory, directory, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, found)?;
        } else if let Ok(inside) = path.strip_prefix(root) {
            found.push(inside.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

fn restrict(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
}

/// Running to the end and expecting success.
trait Well {
    fn well(&mut self) -> io::Result<()>;
}

impl Well for Command {
    fn well(&mut self) -> io::Result<()> {
        let name = self.get_program().to_string_lossy().into_owned();
        let run = Run::of(self)?;
        if run.ok {
            Ok(())
        } else {
            Err(io::Error::other(format!("{name} failed: {run}")))
        }
    }
}
