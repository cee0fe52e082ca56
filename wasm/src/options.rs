//! The options of a client.

use std::collections::BTreeMap;

use ocirepo::capabilities::Capabilities;
use ocirepo::retry::RetryPolicy;
use ocirepo::session::{Config, Limits};
use serde::Deserialize;
use url::Url;

use crate::failure::Failure;
use crate::gateway::Gateway;
use crate::js;

/// As JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Options {
    gateway: Option<String>,
    trusted_realms: BTreeMap<String, Vec<String>>,
    concurrency: usize,
    retry: Retry,
    head_timeout_ms: Option<u64>,
    stall_ms: u32,
    manifest_limit: Option<u64>,
}

/// Somebody sits and waits, so it gives up earlier than a program would.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Retry {
    retries: u32,
    first_wait_ms: u64,
    longest_wait_ms: u64,
    longest_retry_after_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            gateway: None,
            trusted_realms: BTreeMap::new(),
            concurrency: 6,
            retry: Retry::default(),
            head_timeout_ms: None,
            stall_ms: 60_000,
            manifest_limit: None,
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            retries: 3,
            first_wait_ms: RetryPolicy::default().first_wait_ms,
            longest_wait_ms: 5_000,
            longest_retry_after_ms: 60_000,
        }
    }
}

impl Options {
    pub(crate) fn gateway(&self) -> Result<Option<Gateway>, Failure> {
        let Some(base) = &self.gateway else {
            return Ok(None);
        };
        match Gateway::new(base) {
            Some(gateway) => Ok(Some(gateway)),
            None => Err(Failure::input(format!("`{base}` is no URL of a gateway"))),
        }
    }

    /// How long a body may stall, in milliseconds.
    pub(crate) fn stall(&self) -> f64 {
        self.stall_ms.into()
    }

    pub(crate) fn config(&self, has_gateway: bool) -> Result<Config, Failure> {
        let defaults = Config::default();
        let mut config = Config {
            capabilities: match js::page_origin() {
                // Outside of pages, fetch shows redirects and every header.
                None => Capabilities::default(),
                Some(_) => Capabilities {
                    // One's own origin hides nothing.
                    hides_headers: !has_gateway,
                    ..Capabilities::fetch()
                },
            },
            concurrency: self.concurrency.clamp(1, 64),
            head_timeout_ms: self.head_timeout_ms.unwrap_or(defaults.head_timeout_ms),
            retry: RetryPolicy {
                retries: self.retry.retries,
                first_wait_ms: self.retry.first_wait_ms,
                longest_wait_ms: self.retry.longest_wait_ms,
                longest_retry_after_ms: self.retry.longest_retry_after_ms,
            },
            limits: Limits {
                manifest: self.manifest_limit.unwrap_or(defaults.limits.manifest),
                ..defaults.limits
            },
            ..defaults
        };
        for (registry, realms) in &self.trusted_realms {
            for realm in realms {
                let realm = Url::parse(realm).map_err(Failure::input)?;
                config.trusted_realms.insert(registry, &realm);
            }
        }
        Ok(config)
    }
}
