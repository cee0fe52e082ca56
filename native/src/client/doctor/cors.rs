//! May a web page use it? (The Fetch standard, section "CORS protocol".)

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN,
};
use http::{HeaderValue, Method};
use ocirepo::endpoint::base;
use ocirepo::exchange::Head;

use super::Diagnosis;
use super::probe::{Access, Answer, Probe};

/// Request headers that no page may send unasked and the core sends.
const NEEDED: [&str; 2] = ["authorization", "range"];

/// Response headers that pages do not see unless they are exposed, and what is lost.
const EXPOSED: [&str; 4] = [
    "docker-content-digest",
    "link",
    "www-authenticate",
    "content-range",
];

const ADVICE: &str = "to let web pages in: distribution `http.headers: \
    {Access-Control-Allow-Origin: ['*'], Access-Control-Allow-Headers: [Authorization, Accept, Range], \
    Access-Control-Expose-Headers: [Docker-Content-Digest, Link, WWW-Authenticate, Content-Range]}`; \
    zot `http.allowOrigin`; nginx the same by `add_header NAME VALUE always;`";

const PREFLIGHT: &str = "browsers send no credentials with OPTIONS, so it must be answered without \
    (nginx: `if ($request_method = OPTIONS) { return 204; }` beside the `add_header` lines)";

pub(super) async fn look(probe: &Probe<'_>, origin: &str, diagnosis: &mut Diagnosis) {
    let Ok(value) = HeaderValue::from_str(origin) else {
        return diagnosis.poor("cors", "the origin cannot be sent as a header", None);
    };
    let get = base::get(probe.registry).header(ORIGIN, value.clone());
    let seen = match probe.plain(get).await {
        Ok(answer) => answer,
        Err(trouble) => return diagnosis.broken_by("cors", trouble),
    };
    if !admits(&seen.head, origin) {
        return diagnosis.poor("cors", format!("{origin} may not read it"), ADVICE);
    }
    let mut preflight = base::get(probe.registry)
        .header(ORIGIN, value)
        .header(
            ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_static("GET"),
        )
        .header(
            ACCESS_CONTROL_REQUEST_HEADERS,
            HeaderValue::from_static("authorization,range"),
        );
    preflight.method = Method::OPTIONS;
    match probe.plain(preflight).await {
        Ok(answer) => judge(probe, origin, &seen, &answer, diagnosis),
        Err(trouble) => diagnosis.broken_by("cors", trouble),
    }
}

fn judge(
    probe: &Probe<'_>,
    origin: &str,
    seen: &Answer,
    preflight: &Answer,
    diagnosis: &mut Diagnosis,
) {
    if !preflight.status().is_success() || !admits(&preflight.head, origin) {
        let status = preflight.status();
        let found = format!("{origin} may read, but the preflight is answered by {status}");
        return diagnosis.poor("cors", found, PREFLIGHT);
    }
    let refused = missing(&preflight.head, &ACCESS_CONTROL_ALLOW_HEADERS, &NEEDED);
    if !refused.is_empty() {
        let found = format!("{origin} may not send {}", refused.join(", "));
        return diagnosis.poor("cors", found, ADVICE);
    }
    let mut hidden = missing(&seen.head, &ACCESS_CONTROL_EXPOSE_HEADERS, &EXPOSED);
    if matches!(probe.access, Access::Open) {
        hidden.retain(|name| *name != "www-authenticate");
    }
    if !hidden.is_empty() {
        let found = format!("{origin} may read, but not see {}", hidden.join(", "));
        return diagnosis.poor("cors", found, ADVICE);
    }
    diagnosis.good("cors", format!("{origin} may read it"));
}

fn admits(head: &Head, origin: &str) -> bool {
    matches!(head.text(ACCESS_CONTROL_ALLOW_ORIGIN), Some(admitted) if admitted == "*" || admitted == origin)
}

/// Which of the names a list header lacks. `*` does not stand for `Authorization`, nor
/// for anything once credentials are sent along.
fn missing(head: &Head, list: &HeaderName, names: &[&'static str]) -> Vec<&'static str> {
    let listed: Vec<String> = head
        .headers
        .get_all(list)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let has = |name: &str| {
        listed.iter().any(|listed| listed == name)
            || (name != "authorization" && listed.iter().any(|listed| listed == "*"))
    };
    names.iter().copied().filter(|name| !has(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_admits_every_header_but_authorization() {
        let mut head = Head::default();
        let list = ACCESS_CONTROL_ALLOW_HEADERS;
        assert_eq!(missing(&head, &list, &NEEDED), NEEDED);
        head.headers.insert(&list, HeaderValue::from_static("*"));
        assert_eq!(missing(&head, &list, &NEEDED), ["authorization"]);
        head.headers
            .append(&list, HeaderValue::from_static("Accept, Authorization"));
        assert!(missing(&head, &list, &NEEDED).is_empty());
    }
}
