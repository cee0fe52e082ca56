//! Is it there, is it a registry, and does it let us in?

use http::{StatusCode, Version};
use ocirepo::ErrorKind;
use ocirepo::auth::challenge::Scheme as Asked;
use ocirepo::auth::{Challenge, realm};
use ocirepo::endpoint::base;
use ocirepo::reference::Scheme;

use super::probe::{Access, Answer, Probe};
use super::{Diagnosis, Trouble, Verdict};

/// Whether it makes sense to look further.
pub(super) async fn look(probe: &mut Probe<'_>, diagnosis: &mut Diagnosis) -> bool {
    let answer = match probe.plain(base::get(probe.registry)).await {
        Ok(answer) => answer,
        Err(trouble) => {
            diagnosis.broken_by("connection", trouble);
            return false;
        }
    };
    connection(probe, &answer, diagnosis);
    if !protocol(&answer, diagnosis) {
        return false;
    }
    match access(&answer) {
        Ok(access) => probe.access = access,
        Err(trouble) => {
            diagnosis.broken_by("authentication", trouble);
            return false;
        }
    }
    let place = find_credentials(probe, diagnosis).await;
    authentication(probe, diagnosis) && credentials(probe, place, diagnosis).await
}

fn connection(probe: &Probe<'_>, answer: &Answer, diagnosis: &mut Diagnosis) {
    let version = match answer.version {
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_11 => "HTTP/1.1",
        _ => "an old HTTP",
    };
    match probe.registry.scheme() {
        Scheme::Https => diagnosis.good("connection", format!("https, {version}")),
        Scheme::Http if probe.registry.is_loopback() => {
            diagnosis.good("connection", format!("http on loopback, {version}"));
        }
        Scheme::Http => diagnosis.poor(
            "connection",
            format!("plain http, {version}: passwords and packages can be read on the way"),
            "put TLS in front of it (nginx: `listen 443 ssl;` with `ssl_certificate`), or into \
             it (distribution: `http.tls.certificate`; zot: `http.tls.cert`)",
        ),
    }
}

fn protocol(answer: &Answer, diagnosis: &mut Diagnosis) -> bool {
    if base::supports(&answer.head) {
        let version = answer.head.text("docker-distribution-api-version");
        let version = version.map_or(String::new(), |version| format!(" ({version})"));
        diagnosis.good("protocol", format!("distribution-spec{version}"));
        return true;
    }
    let mut trouble = answer.trouble();
    if matches!(
        trouble.kind,
        ErrorKind::RateLimited | ErrorKind::Unavailable
    ) {
        diagnosis.broken_by("protocol", trouble);
        return false;
    }
    // Whatever the page says: it is not that of a registry.
    trouble.kind = ErrorKind::NotFound;
    trouble.text = format!("GET /v2/ is answered by {}: no registry", answer.status());
    trouble.advice = Some(
        "check the host; a proxy in front must pass /v2/ on as it is \
         (nginx: `location /v2/ { proxy_pass http://REGISTRY; proxy_set_header Host $http_host; }`)"
            .to_owned(),
    );
    diagnosis.broken_by("protocol", trouble);
    false
}

fn access(answer: &Answer) -> Result<Access, Trouble> {
    if answer.status().is_success() {
        return Ok(Access::Open);
    }
    if answer.status() != StatusCode::UNAUTHORIZED {
        return Err(answer.trouble());
    }
    let challenges = Challenge::all(&answer.head);
    if let Some(bearer) = challenges.iter().find_map(Challenge::bearer) {
        return Ok(Access::Bearer(bearer?));
    }
    if challenges.iter().any(|c| *c.scheme() == Asked::Basic) {
        return Ok(Access::Basic);
    }
    Err(Trouble {
        kind: ErrorKind::Unauthorized,
        text: "it wants a login, but by no scheme that clients know".to_owned(),
        advice: Some("a 401 needs `WWW-Authenticate: Bearer …` or `Basic …`".to_owned()),
    })
}

async fn find_credentials(probe: &mut Probe<'_>, diagnosis: &mut Diagnosis) -> Option<String> {
    let inner = &probe.client.inner;
    if let Some(given) = inner.given.get(probe.registry) {
        probe.credentials = Some(given.clone());
        return Some("the caller".to_owned());
    }
    match inner.store.find(probe.registry.authority(), None).await {
        Ok(found) => found.map(|found| {
            probe.credentials = Some(found.credentials);
            found.place
        }),
        Err(error) => {
            diagnosis.poor("credentials", error.to_string(), None);
            None
        }
    }
}

fn authentication(probe: &Probe<'_>, diagnosis: &mut Diagnosis) -> bool {
    match &probe.access {
        Access::Open => diagnosis.good("authentication", "none is asked for"),
        Access::Basic => diagnosis.good("authentication", "user name and password (Basic)"),
        Access::Bearer(bearer) => {
            let secret = probe.credentials.is_some();
            let trusted = &probe.client.inner.config.trusted_realms;
            if let Err(error) = realm::check(&bearer.realm, probe.registry, secret, trusted) {
                diagnosis.broken_by("authentication", error.into());
                return false;
            }
            let realm = ocirepo::error::redacted(&bearer.realm);
            if realm::check(&bearer.realm, probe.registry, true, trusted).is_ok() {
                diagnosis.good("authentication", format!("tokens from {realm} (Bearer)"));
            } else {
                diagnosis.add(
                    "authentication",
                    Verdict::Poor,
                    format!("tokens from {realm} (Bearer), which is another site"),
                    Some(format!(
                        "before credentials are sent there, write \"{}\" = [\"{}\"] under \
                         [trusted-realms] in the configuration of ocirepo",
                        probe.registry.authority(),
                        bearer.realm.origin().ascii_serialization()
                    )),
                );
            }
        }
    }
    true
}

async fn credentials(probe: &Probe<'_>, place: Option<String>, diagnosis: &mut Diagnosis) -> bool {
    let Some(place) = place else {
        if matches!(probe.access, Access::Basic) {
            diagnosis.broken_by("credentials", log_in(probe, "none are known"));
            return false;
        }
        if !matches!(probe.access, Access::Open) {
            let public = log_in(probe, "none are known; what is public can be read");
            diagnosis.add("credentials", Verdict::Poor, public.text, public.advice);
        }
        return true;
    };
    match probe.ask(base::get(probe.registry), None).await {
        Ok(answer) if answer.status().is_success() => {
            diagnosis.good("credentials", format!("those from {place} are accepted"));
            true
        }
        Ok(_) => {
            let found = format!("those from {place} are refused");
            diagnosis.broken_by("credentials", log_in(probe, &found));
            false
        }
        Err(trouble) => {
            let found = format!("those from {place} do not help: {}", trouble.text);
            diagnosis.broken_by("credentials", log_in(probe, &found));
            false
        }
    }
}

fn log_in(probe: &Probe<'_>, found: &str) -> Trouble {
    Trouble {
        kind: ErrorKind::Unauthorized,
        text: found.to_owned(),
        advice: Some(format!("ocirepo login {}", probe.registry.authority())),
    }
}
