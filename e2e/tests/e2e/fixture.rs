//! What many tests need, made once.

use std::sync::OnceLock;

use ocirepo_e2e::sample::{Key, Package, Sample, Style};

/// The name of a package that every layer between here and dnf likes to spell differently.
pub(crate) const AWKWARD: &str = "LibFoo++";

/// The key everything is signed with.
pub(crate) fn key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| Key::new().unwrap())
}

/// What is in [`sample`].
pub(crate) fn packages() -> Vec<Package> {
    vec![
        Package::new("hello-lab", "1.0", "1"),
        Package::new(AWKWARD, "1.2~rc1^git20240101", "3.el9"),
        Package::new("epoch-lab", "0.9", "2").epoch(7),
    ]
}

/// The repository most tests publish. Read only.
pub(crate) fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| Sample::build(key(), &packages(), Style::default()).unwrap())
}

/// What `dnf repoquery` prints of [`sample`], in its order.
pub(crate) const LISTED: [&str; 3] = [
    "LibFoo++-0:1.2~rc1^git20240101-3.el9.noarch",
    "epoch-lab-7:0.9-2.noarch",
    "hello-lab-0:1.0-1.noarch",
];
