//! Packages of the program, with the plugin of dnf, units, manual pages and completions.
//!
//! They are made by the distributions' own tools from one tree of files, which is the same but
//! for the place of the plugin.

mod tried;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::inspector;
use crate::report::{Failure, Outcome, Report};
use crate::run::{cargo, output, program, root, run, target_dir};
use crate::supply;
use crate::test::setup_all;

/// Where the plugin is in the `.deb`. What is in the `.rpm` is linked from the directory of the
/// Python that is there, whose name has its version.
const DEBIAN_PLUGINS: &str = "usr/lib/python3/dist-packages/dnf-plugins";
const PLUGINS: &str = "usr/share/ocirepo/dnf-plugins";

/// Files of the checkout, and where they go.
const FILES: &[(&str, &str)] = &[
    ("contrib/dnf/ocirepo.conf", "etc/dnf/plugins/ocirepo.conf"),
    (
        "contrib/systemd/ocirepo.service",
        "usr/lib/systemd/system/ocirepo.service",
    ),
    (
        "contrib/systemd/ocirepo.socket",
        "usr/lib/systemd/system/ocirepo.socket",
    ),
    (
        "contrib/systemd/ocirepo.sysusers",
        "usr/lib/sysusers.d/ocirepo.conf",
    ),
    (
        "contrib/systemd/ocirepo.tmpfiles",
        "usr/lib/tmpfiles.d/ocirepo.conf",
    ),
    ("contrib/systemd/serve.toml", "etc/ocirepo/serve.toml"),
    ("docs/dnf.md", "usr/share/doc/ocirepo/dnf.md"),
    ("docs/serve.md", "usr/share/doc/ocirepo/serve.md"),
    ("LICENSE-APACHE", "usr/share/doc/ocirepo/LICENSE-APACHE"),
    ("LICENSE-MIT", "usr/share/doc/ocirepo/LICENSE-MIT"),
];

/// Shells, and where each looks for completions.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "usr/share/bash-completion/completions/ocirepo"),
    ("fish", "usr/share/fish/vendor_completions.d/ocirepo.fish"),
    // Debian's zsh looks elsewhere.
    ("zsh", "usr/share/zsh/site-functions/_ocirepo"),
    ("zsh", "usr/share/zsh/vendor-completions/_ocirepo"),
];

/// The software bill of materials, among the documentation of each package.
const BILL: &str = "ocirepo.cdx.json";

/// What a person changes, which no upgrade overwrites.
const CONFIGURATION: [&str; 2] = ["/etc/dnf/plugins/ocirepo.conf", "/etc/ocirepo/serve.toml"];

const SUMMARY: &str = "RPM repositories in OCI registries: publish, mirror, and serve them to dnf";

const HOMEPAGE: &str = env!("CARGO_PKG_REPOSITORY");

/// Builds the program, with the inspector's page in it, and packages it.
pub(crate) fn all(report: &mut Report) {
    if !(setup_all(report) && inspector::made(report)) {
        return;
    }
    let built = report.step("package: the program", || {
        let mut command = cargo(["build", "--release", "--package", "ocirepo-cli"]);
        run(inspector::embed(&mut command)).map(|()| Outcome::Done)
    });
    if built {
        of(report, &target_dir().join("release/ocirepo"));
    }
}

/// Packages a program that is built already, and looks at what came out.
pub(crate) fn of(report: &mut Report, built: &Path) {
    let to = target_dir().join("package");
    report.step("package: bill of materials", || {
        supply::bill(built, &to.join(BILL))
    });
    let mut packages = Vec::new();
    report.step("package: .deb", || {
        let package = deb(built, &to)?;
        tried::unpacked_deb(&package, &to.join("root-deb"))?;
        println!("    {}", package.display());
        packages.push((".deb", package, tried::DEB));
        Ok(Outcome::Done)
    });
    report.step("package: .rpm", || {
        let package = rpm(built, &to)?;
        tried::unpacked_rpm(&package, &to.join("root-rpm"))?;
        println!("    {}", package.display());
        packages.push((".rpm", package, tried::RPM));
        Ok(Outcome::Done)
    });
    for (kind, package, what) in packages {
        report.step(&format!("package: {kind} installed and removed"), || {
            tried::installed(&package, what)
        });
    }
}

/// `VERSION` of `ocirepo VERSION`.
fn version(built: &Path) -> Result<String, Failure> {
    let text = output(&mut program(&built.to_string_lossy(), ["--version"]))?;
    let version = text.split_whitespace().nth(1);
    version
        .map(str::to_owned)
        .ok_or_else(|| format!("`{text}` tells no version"))
}

/// The tree of files, in a new directory.
fn stage(built: &Path, tree: &Path, plugins: &str) -> Result<(), Failure> {
    anew(tree)?;
    put(built, &tree.join("usr/bin/ocirepo"), 0o755)?;
    let plugin = root().join("contrib/dnf/ocirepo.py");
    put(&plugin, &tree.join(plugins).join("ocirepo.py"), 0o644)?;
    for (from, to) in FILES {
        put(&root().join(from), &tree.join(to), 0o644)?;
    }
    directory(&tree.join("etc/ocirepo/serve.d"))?;
    if let Some(package) = tree.parent() {
        let bill = package.join(BILL);
        put(&bill, &tree.join("usr/share/doc/ocirepo").join(BILL), 0o644)?;
    }
    let built = built.to_string_lossy();
    let manuals = tree.join("usr/share/man/man1");
    directory(&manuals)?;
    run(&mut program(&built, ["man", &manuals.to_string_lossy()]))?;
    for (shell, to) in COMPLETIONS {
        let text = output(&mut program(&built, ["completions", shell]))?;
        write(&tree.join(to), &text, 0o644)?;
    }
    Ok(())
}

fn deb(built: &Path, to: &Path) -> Result<PathBuf, Failure> {
    let (version, tree) = (version(built)?, to.join("deb"));
    stage(built, &tree, DEBIAN_PLUGINS)?;
    let architecture = output(&mut program("dpkg", ["--print-architecture"]))?;
    let architecture = architecture.trim();
    // The libc it was linked with is the oldest it is known to run with.
    let libc = output(&mut program("getconf", ["GNU_LIBC_VERSION"]))?;
    let libc = libc.split_whitespace().nth(1).unwrap_or_default();
    let control = format!(
        "Package: ocirepo\nVersion: {version}\nArchitecture: {architecture}\n\
         Maintainer: The ocirepo authors\n\
         Depends: libc6 (>= {libc}), libgcc-s1\nRecommends: ca-certificates\n\
         Suggests: dnf, zypper\nSection: admin\nPriority: optional\nHomepage: {HOMEPAGE}\n\
         Description: {SUMMARY}\n \
         The program, a plugin with which dnf 4 reads baseurl=oci://, and a bridge for\n \
         everything else that speaks HTTP.\n"
    );
    write(&tree.join("DEBIAN/control"), &control, 0o644)?;
    let conffiles = CONFIGURATION.join("\n") + "\n";
    write(&tree.join("DEBIAN/conffiles"), &conffiles, 0o644)?;
    let after = format!(
        "#!/bin/sh\nset -e\n[ \"$1\" = configure ] || exit 0\n{}",
        after_install()
    );
    write(&tree.join("DEBIAN/postinst"), &after, 0o755)?;
    let before = format!(
        "#!/bin/sh\nset -e\n[ \"$1\" = remove ] || exit 0\n{}",
        before_removal()
    );
    write(&tree.join("DEBIAN/prerm"), &before, 0o755)?;
    write(&tree.join("DEBIAN/postrm"), AFTER_PURGE, 0o755)?;
    let package = to.join(format!("ocirepo_{version}_{architecture}.deb"));
    let (from, into) = (tree.to_string_lossy(), package.to_string_lossy());
    run(&mut program(
        "dpkg-deb",
        ["--root-owner-group", "-Zxz", "-z2", "--build", &from, &into],
    ))?;
    Ok(package)
}

fn rpm(built: &Path, to: &Path) -> Result<PathBuf, Failure> {
    let (version, tree) = (version(built)?, to.join("rpm"));
    stage(built, &tree, PLUGINS)?;
    let plugin = format!("/{PLUGINS}/ocirepo.py");
    let configuration: String = CONFIGURATION
        .map(|file| format!("%config(noreplace) {file}\n"))
        .concat();
    let spec = format!(
        "%global debug_package %{{nil}}\n%global __os_install_post %{{nil}}\n\
         Name: ocirepo\nVersion: {version}\nRelease: 1\nSummary: {SUMMARY}\n\
         License: MIT OR Apache-2.0\nURL: {HOMEPAGE}\n\
         %description\nThe program, a plugin with which dnf 4 reads baseurl=oci://, and a bridge \
         for\neverything else that speaks HTTP.\n\
         %install\ncp -a {tree}/. %{{buildroot}}/\n\
         %post\n{}{}\
         %triggerin -- python3-dnf\n{}\
         %preun\n[ \"$1\" = 0 ] || exit 0\n{}{}\
         %files\n{configuration}\
         %dir /etc/ocirepo\n%dir /etc/ocirepo/serve.d\n/usr/bin/ocirepo\n\
         %dir /usr/share/ocirepo\n%dir /usr/share/ocirepo/dnf-plugins\n{plugin}\n\
         /usr/lib/systemd/system/ocirepo.*\n/usr/lib/sysusers.d/ocirepo.conf\n\
         /usr/lib/tmpfiles.d/ocirepo.conf\n/usr/share/man/man1/ocirepo*\n\
         /usr/share/bash-completion/completions/ocirepo\n\
         /usr/share/fish/vendor_completions.d/ocirepo.fish\n\
         /usr/share/zsh/*/_ocirepo\n%doc /usr/share/doc/ocirepo\n",
        after_install(),
        links("ln -sf", &plugin),
        links("ln -sf", &plugin),
        before_removal(),
        links("rm -f", ""),
        tree = tree.display(),
    );
    let file = to.join("ocirepo.spec");
    write(&file, &spec, 0o644)?;
    let work = to.join("rpmbuild");
    anew(&work)?;
    let topdir = format!("_topdir {}", work.display());
    let packages = format!("_rpmdir {}", to.display());
    let define = [
        "--define",
        &topdir,
        "--define",
        &packages,
        "--define",
        "_binary_payload w9.gzdio",
    ];
    let name = "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm";
    let spec = file.to_string_lossy();
    run(program("rpmbuild", define).args(["--define", name, "--quiet", "-bb", &spec]))?;
    let architecture = output(&mut program("rpm", ["--eval", "%{_target_cpu}"]))?;
    Ok(to.join(format!("ocirepo-{version}-1.{}.rpm", architecture.trim())))
}

/// Makes the user and the directories, and listens where there is systemd.
fn after_install() -> &'static str {
    "if command -v systemd-sysusers >/dev/null; then\n\
     \x20   systemd-sysusers ocirepo.conf || :\n\
     \x20   systemd-tmpfiles --create ocirepo.conf || :\n\
     fi\n\
     if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi\n"
}

fn before_removal() -> &'static str {
    "if [ -d /run/systemd/system ]; then\n\
     \x20   systemctl --quiet disable --now ocirepo.socket ocirepo.service || :\n\
     fi\n"
}

/// Removes what the program wrote. The user stays, as files elsewhere may be its.
const AFTER_PURGE: &str = "#!/bin/sh\nset -e\n[ \"$1\" = purge ] || exit 0\n\
     rm -rf /var/cache/ocirepo /var/lib/ocirepo\n";

/// Does something to the name of the plugin in every directory where a dnf looks for plugins.
fn links(what: &str, plugin: &str) -> String {
    format!(
        "for directory in /usr/lib/python3*/site-packages/dnf-plugins; do\n\
         \x20   [ ! -d \"$directory\" ] || {what} {plugin} \"$directory/ocirepo.py\"\ndone\n"
    )
}

fn anew(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        fs::remove_dir_all(path)
            .map_err(|error| format!("could not remove {}: {error}", path.display()))?;
    }
    directory(path)
}

fn directory(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| format!("could not make {}: {error}", path.display()))
}

fn put(from: &Path, to: &Path, mode: u32) -> Result<(), Failure> {
    directory(to.parent().unwrap_or(to))?;
    fs::copy(from, to)
        .and_then(|_| fs::set_permissions(to, fs::Permissions::from_mode(mode)))
        .map_err(|error| {
            format!(
                "could not copy {} to {}: {error}",
                from.display(),
                to.display()
            )
        })
}

fn write(to: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    directory(to.parent().unwrap_or(to))?;
    fs::write(to, text)
        .and_then(|()| fs::set_permissions(to, fs::Permissions::from_mode(mode)))
        .map_err(|error| format!("could not write {}: {error}", to.display()))
}
