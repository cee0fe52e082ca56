//! What was changed behind everybody's back is not installed.

use ocirepo_e2e::process::Run;
use ocirepo_e2e::sample::{Key, Package, Sample, Style};

use ocirepo_e2e::world::{Protection, Published, World, key, packages};

const REFERENCE: &str = "lab/changed:latest";

/// Publishes a sample of its own, lets `change` loose on it, and has dnf install from it.
fn install_after(
    how: Published,
    signed_by: &Key,
    change: impl FnOnce(&World, &Sample),
) -> (Run, bool) {
    let sample = Sample::build(signed_by, &packages(), Style::default()).expect("a sample");
    let world = World::new(Protection::Open).expect("a registry");
    world.publish(how, &sample, REFERENCE).expect("published");
    change(&world, &sample);
    let bridge = world.serve(REFERENCE).expect("a bridge");
    let dnf = world.dnf(&bridge, REFERENCE).expect("a root for dnf");
    let run = dnf.run(&["install", "hello-lab"]).expect("dnf");
    let installed = dnf.installed("hello-lab").is_ok();
    (run, installed)
}

fn refuses_a_changed_package(how: Published) {
    let (run, installed) = install_after(how, key(), |world, sample| {
        let file = sample.path().join("Packages/hello-lab-1.0-1.noarch.rpm");
        world.registry.damage(&file).expect("a damaged blob");
    });
    assert!(!run.ok && !installed, "{run}");
    assert!(run.says("Error downloading packages"), "{run}");
    assert!(run.says("hello-lab-1.0-1.noarch"), "{run}");
}

fn refuses_a_changed_primary(how: Published) {
    let (run, installed) = install_after(how, key(), |world, sample| {
        let file = sample.metadata("primary").expect("a primary");
        world.registry.damage(&file).expect("a damaged blob");
    });
    assert!(!run.ok && !installed, "{run}");
    assert!(
        run.says("Failed to download metadata for repo 'lab'"),
        "{run}"
    );
}

fn refuses_the_signature_of_another(how: Published) {
    let other = Key::new().expect("another key");
    let (run, installed) = install_after(how, &other, |_, _| {});
    assert!(!run.ok && !installed, "{run}");
    assert!(
        run.says("repomd.xml GPG signature verification error"),
        "{run}"
    );
}

macro_rules! published {
    ($module:ident, $how:expr) => {
        mod $module {
            use super::*;

            #[test]
            fn a_changed_package_is_not_installed() {
                refuses_a_changed_package($how);
            }

            #[test]
            fn a_changed_primary_is_not_read() {
                refuses_a_changed_primary($how);
            }

            #[test]
            fn metadata_signed_by_another_are_not_read() {
                refuses_the_signature_of_another($how);
            }
        }
    };
}

published!(in_files_by_oras, Published::FilesByOras);
published!(in_a_tree_by_curl, Published::TreeByCurl);
published!(in_an_index_by_ocirepo, Published::IndexByOcirepo);

#[test]
fn a_package_that_is_not_the_one_indexed_is_not_published() {
    let sample = Sample::build(key(), &packages(), Style::default()).expect("a sample");
    let other = Package::new("hello-lab", "1.0", "1").content("something else");
    let other = Sample::build(key(), &[other], Style::default()).expect("another sample");
    let file = "Packages/hello-lab-1.0-1.noarch.rpm";
    std::fs::copy(other.path().join(file), sample.path().join(file)).expect("a copy");
    let world = World::new(Protection::Open).expect("a registry");
    let error = world
        .push(&sample, REFERENCE, "index")
        .expect_err("refused");
    assert!(error.to_string().contains(file), "{error}");
    let tags = world
        .program
        .run(&["tags", &world.location("lab/changed")])
        .expect("tags");
    assert!(!tags.stdout.contains("latest"), "{tags}");
}
