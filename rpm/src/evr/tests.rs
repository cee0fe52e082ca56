use proptest::prelude::*;

use super::*;
use Ordering::{Equal, Greater, Less};

/// What RPM's own test suite says of `rpmvercmp`, each in both directions.
const KNOWN: &[(&str, Ordering, &str)] = &[
    ("1.0", Equal, "1.0"),
    ("1.0", Less, "2.0"),
    ("2.0.1", Equal, "2.0.1"),
    ("2.0", Less, "2.0.1"),
    ("2.0.1a", Equal, "2.0.1a"),
    ("2.0.1a", Greater, "2.0.1"),
    ("5.5p1", Less, "5.5p2"),
    ("5.5p10", Equal, "5.5p10"),
    ("5.5p1", Less, "5.5p10"),
    ("10xyz", Less, "10.1xyz"),
    ("xyz10", Less, "xyz10.1"),
    ("xyz.4", Equal, "xyz.4"),
    ("xyz.4", Less, "8"),
    ("xyz.4", Less, "2"),
    ("5.5p2", Less, "5.6p1"),
    ("5.6p1", Less, "6.5p1"),
    ("6.0.rc1", Greater, "6.0"),
    ("10b2", Greater, "10a1"),
    ("10a2", Less, "10b2"),
    ("1.0aa", Greater, "1.0a"),
    ("10.0001", Equal, "10.1"),
    ("10.0001", Equal, "10.0001"),
    ("10.0001", Less, "10.0039"),
    ("4.999.9", Less, "5.0"),
    ("20101121", Equal, "20101121"),
    ("20101121", Less, "20101122"),
    ("2_0", Equal, "2.0"),
    ("2.0", Equal, "2_0"),
    ("a", Equal, "a"),
    ("a+", Equal, "a_"),
    ("a+", Equal, "a+"),
    ("+a", Equal, "_a"),
    ("+_", Equal, "_+"),
    ("+", Equal, "_"),
    ("1.0~rc1", Equal, "1.0~rc1"),
    ("1.0~rc1", Less, "1.0"),
    ("1.0~rc1", Less, "1.0~rc2"),
    ("1.0~rc1~git123", Less, "1.0~rc1"),
    ("1.0^", Greater, "1.0"),
    ("1.0^git1", Greater, "1.0"),
    ("1.0^git1", Less, "1.0^git2"),
    ("1.0^git1", Less, "1.01"),
    ("1.0^20160101", Less, "1.0.1"),
    ("1.0^20160102", Greater, "1.0^20160101^git1"),
    ("1.0~rc1^git1", Greater, "1.0~rc1"),
    ("1.0^git1~pre", Less, "1.0^git1"),
    ("1.0^git1", Greater, "1.0^git1~pre"),
    ("1.900", Less, "8"),
    ("1b.fc17", Equal, "1b.fc17"),
    ("1b.fc17", Less, "1.fc17"),
    ("1g.fc17", Greater, "1.fc17"),
    ("1.1.α", Equal, "1.1.α"),
    ("1.1.α", Equal, "1.1.β"),
    ("1.1.αα", Equal, "1.1.α"),
    ("", Less, "0"),
    ("", Greater, "~"),
    ("", Less, "^"),
    ("99999999999999999999999", Less, "100000000000000000000000"),
];

#[test]
fn versions_compare_as_rpm_compares_them() {
    for (a, order, b) in KNOWN {
        assert_eq!(rpmvercmp(a, b), *order, "{a} {b}");
        assert_eq!(rpmvercmp(b, a), order.reverse(), "{b} {a}");
    }
}

#[test]
fn epoch_comes_before_version_before_release() {
    let order = ["1.0", "1.0-~1", "1.0-1", "1.0-2", "1.1-1", "1:0.1-1"];
    for pair in order.windows(2) {
        let [a, b] = [pair[0], pair[1]].map(|text| text.parse::<Evr>().unwrap());
        assert_eq!(a.compare(&b), Less, "{a} {b}");
    }
    let [a, b] = ["1.0-1", "1.00-1"].map(|text| text.parse::<Evr>().unwrap());
    assert_eq!(a.compare(&b), Equal);
    assert_ne!(a, b);
    assert_eq!(a.cmp(&b), Less);
}

#[test]
fn names_are_taken_apart_and_put_together() {
    let nevra: Nevra = "java-1.8.0-openjdk-1:1.8.0.412~b1-2.el9.x86_64"
        .parse()
        .unwrap();
    assert_eq!(&*nevra.name, "java-1.8.0-openjdk");
    assert_eq!(nevra.evr, Evr::new(1, "1.8.0.412~b1", "2.el9"));
    assert_eq!(&*nevra.arch, "x86_64");
    for text in ["a-1-1.noarch", "a-b-2:1-1.src", "c++-0-0.i686"] {
        assert_eq!(text.parse::<Nevra>().unwrap().to_string(), text);
    }
    assert_eq!(
        "a-0:1-1.noarch".parse::<Nevra>().unwrap().to_string(),
        "a-1-1.noarch"
    );
    for text in [
        "",
        "a",
        "a-1.noarch",
        "a-1-1",
        "-1-1.x",
        "a--1.x",
        "a-1-.x",
        "a-x:1-1.x",
        "a-:1-1.x",
        "a-0:1:2-1.x",
        "a-1-1:2.x",
    ] {
        assert!(text.parse::<Nevra>().is_err(), "{text}");
    }
    for text in [
        "",
        "-1",
        "1-",
        "1-2-3",
        "x:1",
        "4294967296:1",
        "0:1:2",
        "0:1-2:3",
    ] {
        assert!(text.parse::<Evr>().is_err(), "{text}");
    }
}

fn version() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(b"0019ab~^.-".to_vec()), 0..9)
        .prop_map(|bytes| String::from_utf8(bytes).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_order_is_total(a in version(), b in version(), c in version()) {
        prop_assert_eq!(rpmvercmp(&a, &a), Equal);
        prop_assert_eq!(rpmvercmp(&a, &b), rpmvercmp(&b, &a).reverse());
        let mut sorted = [&a, &b, &c];
        sorted.sort_by(|x, y| rpmvercmp(x, y));
        prop_assert_ne!(rpmvercmp(sorted[0], sorted[2]), Greater);
        if rpmvercmp(&a, &b) == Equal {
            prop_assert_eq!(rpmvercmp(&a, &c), rpmvercmp(&b, &c));
        }
    }

    #[test]
    fn what_is_displayed_parses(name in "[a-z][a-z0-9+.-]{0,8}", epoch in 0..3u32, v in "[a-z0-9.~^]{1,5}", r in "[a-z0-9.]{1,5}") {
        let nevra = Nevra { name: name.into(), evr: Evr::new(epoch, v, r), arch: "noarch".into() };
        prop_assert_eq!(nevra.to_string().parse::<Nevra>(), Ok(nevra));
    }
}
