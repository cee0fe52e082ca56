mod locations;

use proptest::prelude::*;

use super::*;

/// Stand-ins that keep the tables readable.
fn expand(text: &str) -> String {
    text.replace("{256}", &format!("sha256:{}", "0123456789abcdef".repeat(4)))
        .replace("{384}", &format!("sha384:{}", "ab".repeat(48)))
        .replace("{512}", &format!("sha512:{}", "f".repeat(128)))
        .replace("{a64}", &"a".repeat(64))
        .replace("{a247}", &"a".repeat(247))
        .replace("{a248}", &"a".repeat(248))
        .replace("{a255}", &"a".repeat(255))
        .replace("{a256}", &"a".repeat(256))
        .replace("{a/127}", &"a/".repeat(127))
        .replace("{a/128}", &"a/".repeat(128))
        .replace("{t128}", &"T".repeat(128))
        .replace("{t129}", &"T".repeat(129))
}

/// A table without its comments, and its columns.
fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    (table.lines())
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split("  ").filter(|cell| !cell.is_empty()).collect())
}

struct Accepted {
    text: String,
    registry: String,
    name: String,
    /// Tag and digest, with what introduces them.
    tail: String,
    familiar: String,
}

fn accepted() -> impl Iterator<Item = Accepted> {
    rows(include_str!("tests/accepted.txt")).map(|cells| {
        let cell = |at: usize| cells[at].trim_start_matches('-');
        let (registry, name) = (expand(cell(1)), expand(cell(2)));
        let full = match registry.as_str() {
            "" => name.clone(),
            registry => format!("{registry}/{name}"),
        };
        let familiar = match cell(4) {
            "" => full,
            familiar => expand(familiar),
        };
        Accepted {
            text: expand(cells[0]),
            registry,
            name,
            tail: expand(cell(3)),
            familiar,
        }
    })
}

#[test]
fn what_docker_accepts_is_accepted_and_split_alike() {
    assert!(accepted().count() > 100);
    for case in accepted() {
        let text = case.text;
        let parts = ReferenceRef::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parts.registry(), case.registry, "{text}");
        assert_eq!(parts.name(), case.name, "{text}");
        let canonical = match case.registry.as_str() {
            "" => format!("{}{}", case.name, case.tail),
            registry => format!("{registry}/{}{}", case.name, case.tail),
        };
        assert_eq!(parts.to_string(), canonical, "{text}");
        let familiar = format!("{}{}", case.familiar, case.tail);
        assert_eq!(parts.familiar().to_string(), familiar, "{text}");
        let (tag, digest) = case.tail.split_once('@').unwrap_or((&case.tail, ""));
        assert_eq!(parts.tag().unwrap_or(""), tag.trim_start_matches(':'));
        let found = parts.digest().map(|digest| digest.to_string());
        assert_eq!(found.unwrap_or_default(), digest, "{text}");
        assert_eq!(ReferenceRef::parse(&canonical), Ok(parts), "{text}");
    }
}

#[test]
fn what_docker_rejects_is_rejected_with_part_and_place() {
    let mut seen = 0;
    for cells in rows(include_str!("tests/rejected.txt")) {
        let [part, offset, text] = cells[..] else {
            panic!("{cells:?}");
        };
        let text = expand(&serde_json::from_str::<String>(text.trim()).unwrap());
        let error = ReferenceRef::parse(&text).expect_err(&text);
        let found = format!("{:?}", error.part()).to_lowercase();
        let offset: usize = offset.trim().parse().unwrap();
        assert_eq!(
            (found.as_str(), error.offset()),
            (part.trim(), offset),
            "{text:?}: {error}"
        );
        assert!(text.is_char_boundary(error.offset()), "{text:?}: {error}");
        assert_eq!(text.parse::<Reference>(), Err(error));
        seen += 1;
    }
    assert!(seen > 100);
}

#[test]
fn an_owned_reference_can_be_addressed() {
    let mut refused = Vec::new();
    for case in accepted() {
        let parts = ReferenceRef::parse(&case.text).unwrap();
        match Reference::try_from(parts) {
            Ok(reference) => {
                assert_eq!(reference.as_parts(), parts);
                let registry = reference.registry();
                let http = registry.clone().with_scheme(Scheme::Http);
                assert!(registry.base().has_host() && http.base().has_host());
                assert_eq!(reference.to_string(), parts.to_string());
                assert_eq!(
                    reference.familiar().to_string(),
                    parts.familiar().to_string()
                );
                assert_eq!(reference.to_string().parse(), Ok(reference));
            }
            Err(error) => {
                assert_eq!(error.part(), Part::Registry, "{}: {error}", case.text);
                refused.push(case.registry);
            }
        }
    }
    let unreachable = [
        "[:]",
        "[abc:]",
        "[:::::::::::]:1",
        "a.b:99999",
        "a.b:123456789012345678901234567890",
        "256.256.256.256",
        "",
        "",
        "",
    ];
    assert_eq!(refused, unreachable);
}

#[test]
fn the_short_form_may_be_something_else_as_it_may_in_docker() {
    let hex = "a".repeat(64);
    let text = format!("docker.io/library/{hex}");
    let familiar = ReferenceRef::parse(&text).unwrap().familiar().to_string();
    assert_eq!(familiar, hex);
    assert!(ReferenceRef::parse(&familiar).is_err());

    let hub = ReferenceRef::parse("docker.io/ghcr.io/x").unwrap();
    let familiar = hub.familiar().to_string();
    assert_eq!(familiar, "ghcr.io/x");
    assert_eq!(
        ReferenceRef::parse(&familiar).unwrap().registry(),
        "ghcr.io"
    );
}

#[test]
fn messages_say_what_to_write_instead() {
    for (text, message) in [
        (
            "",
            "invalid reference, at byte 0: it is empty; write a name such as `ghcr.io/me/repo:tag`",
        ),
        (
            "https://ghcr.io/x",
            "invalid reference, at byte 0: a reference has no scheme; leave out everything \
             up to `://`, or write `oci://HOST/NAME` where a location is expected",
        ),
        (
            "me/repo:a b",
            "invalid tag, at byte 9: ` ` cannot be in a tag; letters, digits, `_`, `.` and `-` can",
        ),
        (
            "me/a\u{7}",
            "invalid repository name, at byte 4: `\\u{7}` cannot be in a repository name; \
             a to z, 0 to 9 and the separators `.`, `_`, `__` and `-` can",
        ),
        (
            "x@sha256:0",
            "invalid digest, at byte 2: sha256 takes 64 hex digits, found 1",
        ),
        (
            "foo_bar.com/x",
            "invalid registry, at byte 0: a name with a `.` before the first `/` says which \
             registry it is in, but `_` cannot be in a host name; put the registry before it",
        ),
        (
            "a.b:99999/x",
            "invalid registry, at byte 0: no URL can be made of this host and port; \
             check the address, and that the port is below 65536",
        ),
    ] {
        let error = text.parse::<Reference>().unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn docker_hub_is_spoken_to_where_its_registry_is() {
    for (authority, base) in [
        ("docker.io", "https://registry-1.docker.io/"),
        ("Docker.IO", "https://registry-1.docker.io/"),
        ("index.docker.io", "https://registry-1.docker.io/"),
        ("docker.io:443", "https://docker.io/"),
        ("ghcr.io", "https://ghcr.io/"),
        ("GHCR.io:8443", "https://ghcr.io:8443/"),
        ("[::1]:5000", "https://[::1]:5000/"),
    ] {
        let registry = Registry::new(Scheme::Https, authority).unwrap();
        assert_eq!(registry.base().as_str(), base);
    }
}

#[test]
fn loopback_registries_are_spoken_to_in_the_clear() {
    for (authority, loopback) in [
        ("localhost", true),
        ("LocalHost:5000", true),
        ("a.b.localhost", true),
        ("127.0.0.1", true),
        ("127.255.0.9:80", true),
        ("127.1", true),
        ("0x7f000001", true),
        ("[::1]", true),
        ("[0:0:0:0:0:0:0:1]:5000", true),
        ("localhost.example.com", false),
        ("notlocalhost", false),
        ("128.0.0.1", false),
        ("0.0.0.0", false),
        ("[::2]", false),
        ("[::ffff:7f00:1]", false),
        ("ghcr.io", false),
    ] {
        let registry = Registry::with_default_scheme(authority).unwrap();
        assert_eq!(registry.is_loopback(), loopback, "{authority}");
        let scheme = if loopback {
            Scheme::Http
        } else {
            Scheme::Https
        };
        assert_eq!(registry.scheme(), scheme, "{authority}");
        assert_eq!(registry.base().scheme(), scheme.as_str());
        let other = registry.clone().with_scheme(Scheme::Http);
        assert_eq!(other.scheme(), Scheme::Http);
        assert_eq!(other.authority(), authority);
        assert_eq!(other == registry, loopback, "{authority}");
    }
}

#[test]
fn hosts_are_compared_without_regard_to_case() {
    use std::collections::{BTreeSet, HashSet};
    let registry = |text| Registry::new(Scheme::Https, text).unwrap();
    let all = ["GHCR.io", "ghcr.io", "ghcr.IO", "ghcr.io:443"].map(registry);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 2);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 2);
    assert_eq!(
        all[0].to_string(),
        "GHCR.io",
        "and shown as they were written"
    );
}

#[test]
fn selectors_prefer_the_digest_and_default_to_latest() {
    let selector = |text: &str| {
        expand(text)
            .parse::<Reference>()
            .unwrap()
            .selector()
            .to_string()
    };
    assert_eq!(selector("x"), "latest");
    assert_eq!(selector("x:y"), "y");
    assert_eq!(selector("x:y@{256}"), expand("{256}"));
    assert_eq!("y".parse(), Ok(Selector::Tag("y".parse().unwrap())));
    assert_eq!(
        expand("{512}").parse(),
        Ok(Selector::Digest(expand("{512}").parse().unwrap()))
    );
    assert!("sha256:0".parse::<Selector>().is_err());
    assert!("../x".parse::<Selector>().is_err());
}

#[test]
fn a_repository_takes_its_name_as_it_is() {
    let registry = Registry::new(Scheme::Https, "docker.io").unwrap();
    let repository = Repository::new(registry.clone(), "ubuntu").unwrap();
    assert_eq!(repository.to_string(), "docker.io/ubuntu");
    for bad in ["", "a:b", "a@b", "A", "../a", "a/", &"a".repeat(256)] {
        let error = Repository::new(registry.clone(), bad).unwrap_err();
        assert_eq!(error.part(), Part::Repository, "{bad}");
    }
}

#[test]
fn parts_are_strings_in_json() {
    let reference: Reference = "ubuntu:24.04".parse().unwrap();
    let json = serde_json::to_string(&reference).unwrap();
    assert_eq!(json, r#""docker.io/library/ubuntu:24.04""#);
    assert_eq!(serde_json::from_str::<Reference>(&json).unwrap(), reference);
    let location = Location::from(reference);
    let json = serde_json::to_string(&location).unwrap();
    assert_eq!(json, r#""oci://docker.io/library/ubuntu:24.04""#);
    assert_eq!(serde_json::from_str::<Location>(&json).unwrap(), location);
    assert!(serde_json::from_str::<Tag>(r#""\u002f""#).is_err());
}

/// Texts that are nearly references: pieces that mean something, in any order.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z0-9]{1,4}".prop_map(String::from),
        4 => prop::sample::select(vec!["/", ":", "@", ".", "-", "_", "__", "[", "]"]).prop_map(String::from),
        2 => prop::sample::select(vec![
            "localhost", "docker.io", "index.docker.io", "library/", "[::1]", ":5000/", "{256}",
            "@{512}", "A", "é", "://", "oci", "{a247}", "{a64}", "{t128}", " ", "%", "?", "\n",
        ]).prop_map(expand),
    ];
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn borrowed_and_owned_agree_and_display_reads_back(text in nearly()) {
        match ReferenceRef::parse(&text) {
            Ok(parts) => {
                let canonical = parts.to_string();
                prop_assert_eq!(ReferenceRef::parse(&canonical), Ok(parts));
                let familiar = parts.familiar().to_string();
                let dropped = canonical.strip_suffix(&familiar);
                prop_assert!(matches!(dropped, Some("" | "docker.io/" | "docker.io/library/")));
                if let Ok(owned) = text.parse::<Reference>() {
                    prop_assert_eq!(owned.as_parts(), parts);
                    prop_assert_eq!(owned.to_string(), canonical);
                    prop_assert!(owned.registry().base().has_host());
                    let location = Location::from(owned);
                    prop_assert_eq!(Location::parse(&location.to_string()), Ok(location));
                }
            }
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.offset()), "{}", error);
                prop_assert_eq!(text.parse::<Reference>(), Err(error));
            }
        }
    }

    #[test]
    fn locations_read_back(text in nearly()) {
        for scheme in ["oci", "oci+http", "oci+https"] {
            let text = format!("{scheme}://{text}");
            match Location::parse(&text) {
                Ok(location) => prop_assert_eq!(Location::parse(&location.to_string()), Ok(location)),
                Err(error) => prop_assert!(text.is_char_boundary(error.offset()), "{}", error),
            }
        }
    }

    #[test]
    fn no_text_at_all_causes_a_panic(text in any::<String>()) {
        let _ = ReferenceRef::parse(&text).map(|parts| parts.to_string());
        let _ = Location::parse(&text);
        let _ = Location::parse(&format!("oci://{text}"));
        let _ = Registry::with_default_scheme(&text);
    }
}
