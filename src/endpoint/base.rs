//! `/v2/`: whether there is a registry (end-1, "Determining Support").

use http::{HeaderName, Method, StatusCode};

use super::call;
use crate::exchange::{Call, Head};
use crate::reference::Registry;

/// Asks a registry whether it is one (end-1). Many challenge here for the first time.
pub fn get(registry: &Registry) -> Call {
    call(Method::GET, registry, "")
}

/// Whether the answer is that of a registry: 200, 401, or any status with
/// `Docker-Distribution-API-Version: registry/2.0`.
pub fn supports(head: &Head) -> bool {
    const VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
    matches!(head.status, StatusCode::OK | StatusCode::UNAUTHORIZED)
        || head.headers.get_all(VERSION).iter().any(|value| {
            let text = value.to_str().unwrap_or_default();
            text.split([' ', ','])
                .any(|version| version == "registry/2.0")
        })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn end_1() {
        let call = get(&registry());
        assert_eq!(line(&call), "GET /v2/");
        assert!(call.body.is_empty() && call.headers.is_empty());
    }

    #[test]
    fn docker_io_answers_elsewhere() {
        let docker = crate::reference::Registry::new(crate::reference::Scheme::Https, "docker.io");
        let call = get(&docker.unwrap());
        assert_eq!(call.url.as_str(), "https://registry-1.docker.io/v2/");
    }

    #[test]
    fn success_and_challenge_mean_support() {
        assert!(supports(&answer(200, &[])));
        assert!(supports(&answer(401, &[])));
        assert!(!supports(&answer(404, &[])));
        assert!(!supports(&answer(302, &[])));
        let version = ("Docker-Distribution-API-Version", "registry/2.0");
        assert!(supports(&answer(403, &[version])));
        assert!(!supports(&answer(403, &[(version.0, "registry/1.0")])));
    }
}
