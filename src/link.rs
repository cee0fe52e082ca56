//! `Link` header fields (RFC 8288), for lists that come in pages, and the one rule
//! for following any URL a registry hands out.

use http::header::LINK;
use url::Url;

use crate::error::{Error, ErrorKind, redacted};
use crate::exchange::Head;

/// The next page of a list: the target of the first link with the relation `next`.
///
/// `base` is where the request went; where the host followed redirects, the final URL
/// in `head` counts instead. `None` when there is no such link, which ends the list. A
/// link that cannot be followed is an error, for the list would be cut short silently.
pub fn next(head: &Head, base: &Url) -> Result<Option<Url>, Error> {
    for field in head.headers.get_all(LINK) {
        let text = String::from_utf8_lossy(field.as_bytes());
        let mut rest: &str = &text;
        while let Some((link, after)) = Link::read(rest) {
            if link.is_next {
                return resolve(head, base, link.target, "Link").map(Some);
            }
            rest = after;
        }
    }
    Ok(None)
}

/// Resolves a reference from a response header against where the response came from.
///
/// Refuses what must never be followed: other schemes than https and http, a user name
/// in the URL, and the step from https to http. The target may be on another origin;
/// credentials stay behind then, which is the session's business.
pub(crate) fn resolve(head: &Head, base: &Url, target: &str, field: &str) -> Result<Url, Error> {
    let base = head.url.as_ref().unwrap_or(base);
    let Ok(mut url) = base.join(target.trim()) else {
        return Err(refused(
            base,
            field,
            ErrorKind::InvalidResponse,
            "is not a URL",
        ));
    };
    url.set_fragment(None);
    check(base, &url, field)?;
    Ok(url)
}

/// The rule of [`resolve`], for a URL that is resolved already.
pub(crate) fn check(base: &Url, url: &Url, field: &str) -> Result<(), Error> {
    match url.scheme() {
        "https" => {}
        "http" if base.scheme() == "http" => {}
        "http" => {
            let why = format!(
                "leads from https to {}; a proxy in front of the registry probably has to \
                 set X-Forwarded-Proto",
                redacted(url)
            );
            return Err(refused(base, field, ErrorKind::Redirect, &why));
        }
        scheme => {
            let scheme: String = scheme.chars().take(20).collect();
            let why = format!("names the scheme {scheme}; only https and http are followed");
            return Err(refused(base, field, ErrorKind::InvalidResponse, &why));
        }
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            base,
            field,
            ErrorKind::InvalidResponse,
            "holds a user name",
        ));
    }
    Ok(())
}

fn refused(base: &Url, field: &str, kind: ErrorKind, why: &str) -> Error {
    Error::new(
        kind,
        format!("the registry sent a {field} header that {why}"),
    )
    .at(base)
}

/// One link of a field value, as far as paging needs it.
struct Link<'a> {
    target: &'a str,
    is_next: bool,
}

impl<'a> Link<'a> {
    /// The first link in `text` and what follows it. Whatever stands before the first
    /// `<` is skipped: commas, or the remains of a malformed link.
    fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let (_, text) = text.split_once('<')?;
        let (target, mut text) = text.split_once('>')?;
        let mut relation: Option<&str> = None;
        // Parameters, up to the comma before the next link.
        loop {
            text = text.trim_start_matches([' ', '\t']);
            let Some(after) = text.strip_prefix(';') else {
                break;
            };
            let (name, value, after) = parameter(after);
            text = after;
            if name.eq_ignore_ascii_case("rel") {
                // Only the first `rel` counts (RFC 8288 §3.3).
                relation.get_or_insert(value);
            }
        }
        let is_next = relation.is_some_and(|relation| {
            relation
                .split([' ', '\t'])
                .any(|word| word.eq_ignore_ascii_case("next"))
        });
        Some((Self { target, is_next }, text))
    }
}

/// Splits `name=value…` or `name="value"…` into name, value and what follows. Escapes
/// in a quoted value stay as they are: no relation type has any.
fn parameter(text: &str) -> (&str, &str, &str) {
    let name_end = text.find(['=', ';', ',']).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let name = name.trim_matches([' ', '\t']);
    let Some(value) = rest.strip_prefix('=') else {
        return (name, "", rest);
    };
    let value = value.trim_start_matches([' ', '\t']);
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find([';', ',']).unwrap_or(value.len());
        let (value, rest) = value.split_at(end);
        return (name, value.trim_end_matches([' ', '\t']), rest);
    };
    let mut escaped = false;
    for (at, byte) in quoted.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let (value, rest) = quoted.split_at(at);
                return (name, value, rest.strip_prefix('"').unwrap_or(rest));
            }
            _ => {}
        }
    }
    (name, quoted, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn base() -> Url {
        Url::parse("https://registry.example/v2/me/repo/tags/list?n=2").unwrap()
    }

    fn head(values: &[&str]) -> Head {
        let mut head = Head::default();
        for value in values {
            head.headers
                .append(LINK, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        head
    }

    fn next_of(values: &[&str]) -> Option<String> {
        next(&head(values), &base()).unwrap().map(String::from)
    }

    const NEXT: &str = "https://registry.example/v2/me/repo/tags/list?n=2&last=b";

    #[test]
    fn targets_may_be_relative_or_absolute_or_opaque() {
        for (value, url) in [
            (r#"</v2/me/repo/tags/list?n=2&last=b>; rel="next""#, NEXT),
            (r#"<list?n=2&last=b>; rel="next""#, NEXT),
            (r#"<?n=2&last=b>; rel="next""#, NEXT),
            (
                r#"<https://registry.example/v2/me/repo/tags/list?n=2&last=b>; rel="next""#,
                NEXT,
            ),
            (
                r#"<//other.example/page/eyJhIjoxfQ==>; rel="next""#,
                "https://other.example/page/eyJhIjoxfQ==",
            ),
        ] {
            assert_eq!(next_of(&[value]).as_deref(), Some(url), "{value}");
        }
    }

    #[test]
    fn the_relation_may_be_written_in_any_legal_way() {
        for value in [
            "<?n=2&last=b>;rel=next",
            "<?n=2&last=b> ; REL = \"NEXT\"",
            "<?n=2&last=b>; rel=\"last next\"",
            "<?n=2&last=b>; title=\"a, \\\" <b>; rel=prev\"; rel=next",
            "<?n=2&last=b>; crossorigin; rel=next",
            "<?n=2&last=b>; rel=next; rel=prev",
            "<?n=2&last=b>; rel=\"next",
            ", <?n=2&last=b>; rel=next",
        ] {
            assert_eq!(next_of(&[value]).as_deref(), Some(NEXT), "{value}");
        }
    }

    #[test]
    fn the_right_one_of_several_links_is_taken() {
        let first = r#"<?n=2>; rel="first", <?n=2&last=b>; rel="next", <?x>; rel=next"#;
        assert_eq!(next_of(&[first]).as_deref(), Some(NEXT));
        assert_eq!(
            next_of(&["<?n=2>; rel=first", "<?n=2&last=b>; rel=next"]).as_deref(),
            Some(NEXT)
        );
    }

    #[test]
    fn without_the_relation_the_list_ends() {
        for value in [
            "",
            "<?n=2>",
            "<?n=2>; rel=prev",
            "<?n=2>; rel=prev; rel=next",
            "<?n=2>; rel=nextish",
            "?n=2; rel=next",
            "<?n=2; rel=next",
            "<?n=2>; title=\"rel=next\"",
        ] {
            assert_eq!(next_of(&[value]), None, "{value}");
        }
        assert_eq!(next_of(&[]), None);
    }

    #[test]
    fn links_that_must_not_be_followed_are_errors() {
        for (value, kind, message) in [
            (
                "<http://registry.example/v2/x>; rel=next",
                ErrorKind::Redirect,
                "leads from https to http://registry.example/v2/x",
            ),
            (
                "<file:///etc/passwd>; rel=next",
                ErrorKind::InvalidResponse,
                "names the scheme file",
            ),
            (
                "<https://me:pw@registry.example/>; rel=next",
                ErrorKind::InvalidResponse,
                "holds a user name",
            ),
            (
                "<https://me@registry.example/>; rel=next",
                ErrorKind::InvalidResponse,
                "holds a user name",
            ),
            (
                "<https://:pw@registry.example/>; rel=next",
                ErrorKind::InvalidResponse,
                "holds a user name",
            ),
            (
                "<https://>; rel=next",
                ErrorKind::InvalidResponse,
                "is not a URL",
            ),
        ] {
            let error = next(&head(&[value]), &base()).unwrap_err();
            assert_eq!(error.kind(), kind, "{value}");
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn where_the_host_was_led_counts() {
        let mut head = head(&["<?page=2>; rel=next"]);
        head.url = Some(Url::parse("https://mirror.example/tags").unwrap());
        let url = next(&head, &base()).unwrap().unwrap();
        assert_eq!(url.as_str(), "https://mirror.example/tags?page=2");
    }

    proptest! {
        #[test]
        fn any_value_is_read_without_panic(bytes: Vec<u8>) {
            let mut head = Head::default();
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                head.headers.insert(LINK, value);
            }
            let _ = next(&head, &base());
        }

        #[test]
        fn near_misses_never_leave_https(text in "[<>;, \"=\\\\a-z:/@.]{0,80}") {
            let _ = next(&head(&[&text]), &base()).map(|url| {
                assert!(url.is_none_or(|url| url.scheme() == "https" && url.username().is_empty()));
            });
        }

        #[test]
        fn hostile_values_take_linear_time(unit in prop::sample::select(vec![
            "<", ">", "<>", "<>;", "<>,", "\"", "<>;a=\"", "<>;rel=", "\\", ";", ",",
        ])) {
            prop_assert!(next(&head(&[&unit.repeat(50_000)]), &base()).is_ok());
        }
    }
}
