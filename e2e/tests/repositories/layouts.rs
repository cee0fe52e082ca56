//! Each layout, by whoever publishes in it, behind each protection.

use std::fs;

use ocirepo_e2e::world::{AWKWARD, LISTED, Protection, Published, World, sample};

/// Publishes, serves, and lets dnf list, download and install, with every signature checked.
fn dnf_reads(protection: Protection, how: Published) {
    let world = World::new(protection).expect("a registry");
    let reference = match how {
        Published::TreeByCurl => "lab/repo:latest",
        Published::FilesByOras | Published::IndexByOcirepo => "lab/repo:el9",
    };
    world.publish(how, sample(), reference).expect("published");
    let bridge = world.serve(reference).expect("a bridge");
    let dnf = world.dnf(&bridge, reference).expect("a root for dnf");
    let listed = dnf
        .list()
        .unwrap_or_else(|error| panic!("{error}\n{}", bridge.log()));
    assert_eq!(listed, LISTED);

    let files = dnf.download(&[AWKWARD]).expect("a download");
    let awkward = &sample().packages()[1];
    let original = sample().path().join("Packages").join(awkward.file_name());
    assert_eq!(files.len(), 1);
    assert_eq!(fs::read(&files[0]).ok(), fs::read(original).ok());

    let names: Vec<&str> = sample()
        .packages()
        .iter()
        .map(|package| package.name)
        .collect();
    let mut command = vec!["install"];
    command.extend(&names);
    let run = dnf.run(&command).expect("dnf");
    assert!(run.ok, "{run}\n{}", bridge.log());
    for package in sample().packages() {
        let content = dnf.installed(package.name).expect("an installed file");
        assert_eq!(content.trim_end(), package.content);
    }
}

macro_rules! behind {
    ($module:ident, $protection:expr) => {
        mod $module {
            use super::*;

            #[test]
            fn dnf_lists_downloads_and_installs_from_files_pushed_by_oras() {
                dnf_reads($protection, Published::FilesByOras);
            }

            #[test]
            fn dnf_lists_downloads_and_installs_from_a_tree_pushed_by_curl() {
                dnf_reads($protection, Published::TreeByCurl);
            }

            #[test]
            fn dnf_lists_downloads_and_installs_from_an_index_pushed_by_ocirepo() {
                dnf_reads($protection, Published::IndexByOcirepo);
            }
        }
    };
}

behind!(in_the_open, Protection::Open);
behind!(behind_basic, Protection::Basic);
behind!(behind_bearer, Protection::Bearer);
