//! Proxies from the environment, as curl and most tools read it.

use reqwest::{NoProxy, Proxy};
use url::Url;

use crate::environment::Environment;
use crate::error::{Error, Result};

/// The proxies to use: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, less what `NO_PROXY`
/// names; lower case counts first.
pub(super) fn from_environment(environment: &Environment) -> Result<Vec<Proxy>> {
    let no_proxy =
        variable(environment, "NO_PROXY").and_then(|(_, hosts)| NoProxy::from_string(hosts));
    let mut proxies = Vec::new();
    for (name, value) in variables(environment) {
        let proxy = match name.to_ascii_uppercase().as_str() {
            "HTTP_PROXY" => Proxy::http(value),
            "HTTPS_PROXY" => Proxy::https(value),
            _ => Proxy::all(value),
        };
        // The value may hold a password, so it is not repeated.
        let proxy = proxy.map_err(|_| {
            Error::config(
                name,
                "is no proxy; write it like http://HOST:PORT or socks5h://HOST:PORT, or unset it",
            )
        })?;
        proxies.push(proxy.no_proxy(no_proxy.clone()));
    }
    Ok(proxies)
}

/// The hosts of the proxies, which may be anywhere.
pub(super) fn hosts(environment: &Environment) -> Vec<String> {
    let hosts = variables(environment).into_iter().filter_map(|(_, value)| {
        let url = if value.contains("://") {
            Url::parse(value)
        } else {
            Url::parse(&format!("http://{value}"))
        };
        url.ok()?.host_str().map(str::to_owned)
    });
    hosts.collect()
}

fn variables(environment: &Environment) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    // In a CGI program HTTP_PROXY is what the visitor's `Proxy` header says.
    if environment.var("REQUEST_METHOD").is_none() {
        found.extend(variable(environment, "HTTP_PROXY"));
    }
    found.extend(variable(environment, "HTTPS_PROXY"));
    found.extend(variable(environment, "ALL_PROXY"));
    found
}

fn variable<'a>(
    environment: &'a Environment,
    name: &'static str,
) -> Option<(&'static str, &'a str)> {
    let value = environment
        .var(&name.to_ascii_lowercase())
        .or_else(|| environment.var(name))?;
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_counts_first_and_mistakes_do_not_show_the_password() {
        let environment = Environment::empty("/")
            .set("HTTPS_PROXY", "http://upper:1")
            .set("https_proxy", "lower:2")
            .set("ALL_PROXY", "socks5h://all:3")
            .set("HTTP_PROXY", "http://visitor:4")
            .set("REQUEST_METHOD", "GET");
        assert_eq!(hosts(&environment), ["lower", "all"]);
        assert_eq!(from_environment(&environment).unwrap().len(), 2);

        let environment = environment.set("https_proxy", "http://me:hunter2@[::");
        let error = from_environment(&environment).unwrap_err().to_string();
        assert!(error.starts_with("HTTPS_PROXY: is no proxy"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
