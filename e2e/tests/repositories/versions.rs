//! The order of versions, beside rpm's own.

use std::cmp::Ordering;
use std::fs;
use std::process::Command;

use ocirepo_e2e::process::Run;
use ocirepo_e2e::random::Random;
use ocirepo_e2e::scratch::Scratch;
use ocirepo_rpm::evr::{Evr, rpmvercmp};
use serde_json::{Value, json};

/// What versions are put together from: everything the order has a rule for, numbers that no
/// integer holds, and what is neither a digit nor an ASCII letter. No dash and no colon: rpm puts
/// versions together before it takes them apart.
const PIECES: [&str; 24] = [
    "0",
    "00",
    "1",
    "01",
    "9",
    "10",
    "18446744073709551616",
    "018446744073709551617",
    "a",
    "b",
    "Z",
    "rc",
    "el9",
    "git",
    "~",
    "^",
    "~^",
    ".",
    "..",
    "_",
    "+",
    "%",
    "é",
    "²",
];

fn pieces(random: &mut Random) -> Vec<&'static str> {
    let count = random.below(8);
    (0..count).map(|_| *random.pick(&PIECES)).collect()
}

/// Another version, most often one that differs in little: those are where orders disagree.
fn neighbour(random: &mut Random, of: &[&'static str]) -> Vec<&'static str> {
    let mut other = of.to_vec();
    for _ in 0..random.below(3) {
        let at = random.below(other.len() + 1);
        let piece = *random.pick(&PIECES);
        match random.below(3) {
            0 => other.insert(at, piece),
            1 if at < other.len() => other[at] = piece,
            _ if at < other.len() => drop(other.remove(at)),
            _ => return pieces(random),
        }
    }
    other
}

fn pair(random: &mut Random) -> [String; 2] {
    let one = pieces(random);
    let other = neighbour(random, &one);
    [one.concat(), other.concat()]
}

/// What rpm says of pairs of [epoch, version, release].
fn by_rpm(pairs: &[[Value; 2]]) -> Vec<Ordering> {
    let directory = Scratch::new("versions").unwrap();
    let file = directory.join("pairs.json");
    fs::write(&file, serde_json::to_vec(pairs).unwrap()).unwrap();
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/repositories/versions_compare.py"
    );
    let run = Run::of(Command::new("/usr/bin/python3").arg(script).arg(file));
    let said = run.unwrap().well().unwrap().stdout;
    let orders: Vec<i8> = serde_json::from_str(&said).unwrap();
    orders.into_iter().map(|order| order.cmp(&0)).collect()
}

/// Each order is there often enough for the comparison to say something.
#[track_caller]
fn assert_varied(orders: &[Ordering]) {
    for order in [Ordering::Less, Ordering::Equal, Ordering::Greater] {
        let count = orders.iter().filter(|found| **found == order).count();
        assert!(count > orders.len() / 20, "{order:?}: {count}");
    }
}

#[test]
fn single_versions_are_ordered_as_rpm_orders_them() {
    let mut random = Random::new(1);
    let pairs: Vec<_> = (0..50_000).map(|_| pair(&mut random)).collect();
    // As releases, for a package without a version is none to rpm.
    let asked = |[one, other]: &[String; 2]| [json!(["0", "1", one]), json!(["0", "1", other])];
    let theirs = by_rpm(&pairs.iter().map(asked).collect::<Vec<_>>());
    assert_varied(&theirs);
    assert_eq!(theirs.len(), pairs.len());
    for ([one, other], theirs) in pairs.iter().zip(theirs) {
        assert_eq!(rpmvercmp(one, other), theirs, "{one:?} {other:?}");
    }
}

#[test]
fn whole_versions_are_ordered_as_rpm_orders_them() {
    let mut random = Random::new(2);
    let mut evrs = || {
        let [one, other] = pair(&mut random);
        let releases = pair(&mut random);
        let same = random.chance(0.5);
        let evr = |version: String, release: &String, random: &mut Random| {
            let version = if same { "1".to_owned() } else { version };
            // A version has to be something.
            let epoch = random.below(3) / 2;
            Evr::new(epoch as u32, format!("1{version}"), &**release)
        };
        [
            evr(one, &releases[0], &mut random),
            evr(other, &releases[1], &mut random),
        ]
    };
    let pairs: Vec<_> = (0..50_000).map(|_| evrs()).collect();
    let asked = |evr: &Evr| {
        let release = Some(&*evr.release).filter(|release| !release.is_empty());
        json!([evr.epoch.to_string(), &*evr.version, release])
    };
    let asked = |[one, other]: &[Evr; 2]| [asked(one), asked(other)];
    let theirs = by_rpm(&pairs.iter().map(asked).collect::<Vec<_>>());
    assert_varied(&theirs);
    assert_eq!(theirs.len(), pairs.len());
    for ([one, other], theirs) in pairs.iter().zip(theirs) {
        assert_eq!(one.compare(other), theirs, "{one} {other}");
        assert_eq!(other.compare(one), theirs.reverse(), "{other} {one}");
    }
}
