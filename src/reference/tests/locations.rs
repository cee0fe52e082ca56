use super::*;

#[test]
fn locations_name_their_registry_and_say_how_to_speak_to_it() {
    for (text, canonical, base) in [
        ("oci://ghcr.io/me/x:y", "", "https://ghcr.io/"),
        ("oci://ghcr.io/me/x", "", "https://ghcr.io/"),
        ("oci://ghcr.io/me/x@{256}", "", "https://ghcr.io/"),
        ("oci://ghcr.io/me/x:y@{512}", "", "https://ghcr.io/"),
        ("oci://host/x", "", "https://host/"),
        ("oci://Host:5000/x", "", "https://host:5000/"),
        ("oci://127.0.0.1:5000/x", "", "http://127.0.0.1:5000/"),
        ("oci://localhost/x", "", "http://localhost/"),
        ("oci://[::1]:5000/x:y", "", "http://[::1]:5000/"),
        ("oci+http://ghcr.io/x", "", "http://ghcr.io/"),
        (
            "oci+https://localhost:5000/x",
            "",
            "https://localhost:5000/",
        ),
        (
            "oci+https://ghcr.io/x",
            "oci://ghcr.io/x",
            "https://ghcr.io/",
        ),
        (
            "oci+http://localhost/x",
            "oci://localhost/x",
            "http://localhost/",
        ),
        ("OCI://ghcr.io/x", "oci://ghcr.io/x", "https://ghcr.io/"),
        (
            "oci://docker.io/ubuntu",
            "oci://docker.io/library/ubuntu",
            "https://registry-1.docker.io/",
        ),
        (
            "oci://index.docker.io/a/b",
            "oci://docker.io/a/b",
            "https://registry-1.docker.io/",
        ),
    ] {
        let text = expand(text);
        let location: Location = text.parse().unwrap();
        let canonical = if canonical.is_empty() {
            &text
        } else {
            canonical
        };
        assert_eq!(location.to_string(), canonical);
        assert_eq!(
            location.repository().registry.base().as_str(),
            base,
            "{text}"
        );
        assert_eq!(canonical.parse(), Ok(location));
    }
}

#[test]
fn nothing_else_of_a_url_is_taken_in_a_location() {
    for (text, part, offset, message) in [
        ("", Part::Scheme, 0, "begins with `oci://`"),
        ("ghcr.io/x", Part::Scheme, 0, "begins with `oci://`"),
        ("oci:/ghcr.io/x", Part::Scheme, 0, "begins with `oci://`"),
        ("https://ghcr.io/x", Part::Scheme, 0, "unknown scheme"),
        ("oci+ftp://ghcr.io/x", Part::Scheme, 0, "unknown scheme"),
        (" oci://ghcr.io/x", Part::Scheme, 0, "unknown scheme"),
        ("oci://", Part::Registry, 6, "host is missing"),
        ("oci:///x", Part::Registry, 6, "host is missing"),
        (
            "oci://ubuntu",
            Part::Repository,
            12,
            "first component is the registry",
        ),
        (
            "oci://ghcr.io/",
            Part::Repository,
            14,
            "first component is the registry",
        ),
        (
            "oci://localhost:5000",
            Part::Repository,
            20,
            "first component is the registry",
        ),
        (
            "oci://ghcr.io/x/",
            Part::Repository,
            16,
            "component is empty",
        ),
        (
            "oci://ghcr.io//x",
            Part::Repository,
            14,
            "component is empty",
        ),
        (
            "oci://ghcr.io/../x",
            Part::Repository,
            14,
            "begins and ends with a letter or digit",
        ),
        ("oci://ghcr.io/X", Part::Repository, 14, "must be lowercase"),
        (
            "oci://me@ghcr.io/x",
            Part::Registry,
            8,
            "no user name or password",
        ),
        (
            "oci://me:pw@ghcr.io/x",
            Part::Registry,
            11,
            "no user name or password",
        ),
        ("oci://ghcr.io/x?a=b", Part::Whole, 15, "no query"),
        ("oci://ghcr.io/x#a", Part::Whole, 15, "no fragment"),
        ("oci://ghcr.io/x%2fy", Part::Whole, 15, "no percent escapes"),
        ("oci://ghcr%2eio/x", Part::Whole, 10, "no percent escapes"),
        (
            "oci://ghcr.io\\x/y",
            Part::Registry,
            13,
            "cannot be in a host name",
        ),
        (
            "oci://foo_bar.com/x",
            Part::Registry,
            9,
            "cannot be in a host name",
        ),
        (
            "oci://a.b:99999/x",
            Part::Registry,
            6,
            "port is below 65536",
        ),
        (
            "oci://a.b:x/y",
            Part::Registry,
            10,
            "a port is decimal digits",
        ),
        ("oci://a.b/x:", Part::Tag, 12, "nothing follows the `:`"),
        ("oci://a.b/x:y:z", Part::Tag, 13, "cannot be in a tag"),
        (
            "oci://a.b/x@y",
            Part::Digest,
            12,
            "no `:` after the algorithm",
        ),
        (
            "oci+http://a.b/x@y",
            Part::Digest,
            17,
            "no `:` after the algorithm",
        ),
    ] {
        let error = Location::parse(text).expect_err(text);
        assert_eq!(
            (error.part(), error.offset()),
            (part, offset),
            "{text}: {error}"
        );
        assert!(error.to_string().contains(message), "{text}: {error}");
    }
}
