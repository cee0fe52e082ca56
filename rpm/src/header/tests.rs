use super::*;

#[test]
fn what_is_no_package_says_so() {
    for (content, message) in [
        (&b""[..], "cannot read x.rpm: it is empty, no RPM package"),
        (
            b"<html>",
            "cannot read x.rpm: it is no RPM package: it begins with `<htm`",
        ),
        (
            b"\x1f\x8b",
            "cannot read x.rpm: it is no RPM package: it begins with `\\x1f\\x8b`",
        ),
        (
            b"drpm....",
            "cannot read x.rpm: it is a delta RPM, which is no package of its own",
        ),
    ] {
        let error = read(content, "x.rpm", &HeaderOptions::default()).unwrap_err();
        assert_eq!(error.kind(), HeaderErrorKind::NotAPackage);
        assert_eq!(error.to_string(), message);
    }
}
