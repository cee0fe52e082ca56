//! The client that commands share, as the global options want it.

use std::path::Path;
use std::time::Duration;

use ocirepo::reference::{Location, Reference};
use ocirepo::session::Event;
use ocirepo_native::client::{Client, ClientBuilder, Progress};
use ocirepo_native::config::ClientCertificate;
use ocirepo_native::credentials::CredentialStore;
use ocirepo_native::environment::Environment;

use crate::arguments::Global;
use crate::exit::Failure;
use crate::output::{note, progress};

/// A client with the options of the command line.
pub(crate) fn client(global: &Global) -> Result<Client, Failure> {
    Ok(builder(global)?.build()?)
}

/// The settings of such a client, for commands that have some of their own.
pub(crate) fn builder(global: &Global) -> Result<ClientBuilder, Failure> {
    let mut builder = builder_in(environment(global), global)?;
    if let Some(file) = &global.authfile {
        builder = builder.credential_store(store(global, Some(file)));
    }
    Ok(builder)
}

/// The settings of a client in another environment than that of the process, whose
/// credentials are not those of the command line.
pub(crate) fn builder_in(
    environment: Environment,
    global: &Global,
) -> Result<ClientBuilder, Failure> {
    let mut builder = ClientBuilder::new(environment).on_event(tell);
    if let Some(dir) = &global.cache_dir {
        builder = builder.cache_dir(dir);
    }
    if let Some(seconds) = global.timeout {
        let timeout = Duration::from_secs(seconds.max(1));
        builder = builder.connect_timeout(timeout).read_timeout(timeout);
    }
    if let Some(requests) = global.parallel {
        builder = builder.parallel(requests.into());
    }
    if let Some(kib) = global.limit_rate {
        builder = builder.bandwidth(kib.saturating_mul(1024));
    }
    for path in &global.tls_ca {
        builder = builder.authority(path, read(path)?);
    }
    if let (Some(certificate), Some(key)) = (&global.tls_cert, &global.tls_key) {
        builder = builder.client_certificate(ClientCertificate {
            certificate: read(certificate)?,
            key: read(key)?.into(),
            path: certificate.clone(),
        });
    }
    Ok(builder)
}

/// The store that `login` writes to.
pub(crate) fn store(global: &Global, file: Option<&Path>) -> CredentialStore {
    match file {
        Some(file) => CredentialStore::with_file(environment(global), file.to_owned()),
        None => CredentialStore::new(environment(global)),
    }
}

/// The environment of the process, with the configuration file of the command line.
pub(crate) fn environment(global: &Global) -> Environment {
    let environment = Environment::of_process();
    match &global.config {
        Some(file) => environment.set("OCIREPO_CONFIG", file),
        None => environment,
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))
}

/// Shows what a person should know while a command runs.
fn tell(event: &Event) {
    match event {
        Event::Warning { registry, text } => note("warning", &format!("{registry} says: {text}")),
        Event::Retry {
            reason, wait_ms, ..
        } => tracing::info!("trying again in {} ms: {reason}", wait_ms),
        other => tracing::debug!(?other),
    }
}

/// The same client, with a progress bar for one transfer.
pub(crate) fn watched(client: &Client, what: &str, size: Option<u64>) -> Client {
    let bar = progress::bytes(size.unwrap_or_default(), what);
    client.on_progress(move |Progress { done, total, .. }| {
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(done);
    })
}

/// Reads `oci://…`, or a reference as Docker writes it.
pub(crate) fn reference(text: &str) -> Result<Reference, Failure> {
    let parsed = if text.contains("://") {
        text.parse::<Location>().map(Location::into_reference)
    } else {
        text.parse::<Reference>()
    };
    parsed.map_err(|error| Failure::usage(format!("`{}`: {error}", quoted(text))))
}

/// A location as messages quote it: without the user and password that somebody wrote into it.
pub(crate) fn quoted(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let end = rest.find('/').unwrap_or(rest.len());
    // The last one: passwords are written without escaping, too.
    match rest[..end].rfind('@') {
        Some(at) if rest[..at].contains(':') || !scheme.is_empty() => {
            format!("{scheme}…{}", &rest[at..])
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_is_quoted_has_no_password() {
        for (text, shown) in [
            ("oci://me:pw@h:5000/a:b", "oci://…@h:5000/a:b"),
            ("oci://me:p@w@h/a", "oci://…@h/a"),
            ("oci://pw@h", "oci://…@h"),
            ("me:pw@h/a", "…@h/a"),
            ("oci://h/a@sha256:00", "oci://h/a@sha256:00"),
            ("h:5000/a@sha256:00", "h:5000/a@sha256:00"),
            ("a@sha256:00", "a@sha256:00"),
            ("a", "a"),
        ] {
            assert_eq!(quoted(text), shown);
        }
    }
}
