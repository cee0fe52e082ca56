//! The ways registries differ.

use http::header::{HeaderName, LINK, LOCATION};
use http::{Method, StatusCode};
use ocirepo_registry::{
    Auth, Config, Quirk, Registry, Rule, TokenField, docker_registry as docker,
};

/// A registry, and what it does differently.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) registry: fn() -> Registry,
    pub(crate) rules: fn() -> Vec<Rule>,
}

const fn variant(name: &'static str, rules: fn() -> Vec<Rule>) -> Variant {
    Variant {
        name,
        registry: open,
        rules,
    }
}

const fn with_pages(name: &'static str, rules: fn() -> Vec<Rule>) -> Variant {
    Variant {
        name,
        registry: paging,
        rules,
    }
}

const fn with_tokens(name: &'static str, rules: fn() -> Vec<Rule>) -> Variant {
    Variant {
        name,
        registry: bearer,
        rules,
    }
}

fn open() -> Registry {
    Registry::new(Config::default())
}

fn paging() -> Registry {
    Registry::new(Config {
        page_limit: Some(1),
        ..Config::default()
    })
}

fn basic() -> Registry {
    Registry::new(Config {
        auth: Some(Auth::basic("lab", "labpass")),
        ..Config::default()
    })
}

fn bearer() -> Registry {
    Registry::new(Config {
        auth: Some(Auth::bearer("lab", "labpass")),
        origin: Some(crate::operations::ORIGIN.to_owned()),
        ..Config::default()
    })
}

fn always(quirk: Quirk) -> Vec<Rule> {
    vec![Rule::new(quirk)]
}

fn once(quirk: Quirk) -> Vec<Rule> {
    vec![Rule::new(quirk).first(1)]
}

fn header(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

pub(crate) const VARIANTS: &[Variant] = &[
    variant("behaves", Vec::new),
    Variant {
        name: "docker-registry",
        registry: docker,
        rules: Vec::new,
    },
    with_pages("small pages", Vec::new),
    Variant {
        name: "a minimum chunk size",
        registry: || {
            Registry::new(Config {
                chunk_min: Some(500),
                ..Config::default()
            })
        },
        rules: Vec::new,
    },
    variant("no referrers", || always(Quirk::NoReferrers)),
    variant("filters ignored", || always(Quirk::FiltersIgnored)),
    variant("no chunks", || always(Quirk::NoChunkedUpload)),
    variant("small chunks", || always(Quirk::ChunkLimit(300))),
    variant("no empty PUT", || always(Quirk::EmptyPutRefused)),
    variant("no single POST", || always(Quirk::SinglePostIgnored)),
    variant("no mount", || always(Quirk::MountIgnored)),
    variant("mount needs from", || always(Quirk::MountNeedsFrom)),
    variant("Accept enforced", || always(Quirk::AcceptEnforced)),
    variant("tags null", || always(Quirk::TagsNull)),
    variant("no paging", || always(Quirk::PagingIgnored)),
    variant("no ranges", || always(Quirk::RangeIgnored)),
    variant("no tag deletion", || always(Quirk::TagDeletionRefused)),
    variant("no HEAD", || {
        let quirk = Quirk::Status(StatusCode::METHOD_NOT_ALLOWED);
        vec![Rule::new(quirk).method(Method::HEAD)]
    }),
    variant("PATCH answered 201", || {
        let quirk = Quirk::AnswerWith(StatusCode::CREATED);
        vec![Rule::new(quirk).method(Method::PATCH)]
    }),
    variant("no Docker-Content-Digest", || {
        always(Quirk::WithoutHeader(header("docker-content-digest")))
    }),
    variant("no Location after a manifest", || {
        let quirk = Quirk::WithoutHeader(LOCATION);
        vec![Rule::new(quirk).path("/v2/*/manifests/*")]
    }),
    variant("absolute Location", || {
        always(Quirk::LocationOrigin(crate::operations::ORIGIN.to_owned()))
    }),
    variant("Location with a query", || {
        always(Quirk::LocationQuery("_state=a%2Fb".to_owned()))
    }),
    with_pages("absolute Link", || {
        always(Quirk::LinkOrigin(crate::operations::ORIGIN.to_owned()))
    }),
    with_pages("opaque Link", || always(Quirk::OpaqueLink)),
    variant("no Link", || always(Quirk::WithoutHeader(LINK))),
    variant("warnings", || always(Quirk::Warning("soon".to_owned()))),
    variant("storage elsewhere", || {
        always(Quirk::StorageRedirect {
            origin: crate::operations::STORAGE.to_owned(),
        })
    }),
    variant("too many at first, in a second", || {
        once(Quirk::TooManyRequests {
            retry_after: Some("1".to_owned()),
        })
    }),
    variant("too many at first, until a date", || {
        once(Quirk::TooManyRequests {
            retry_after: Some("Tue, 14 Nov 2023 22:13:25 GMT".to_owned()),
        })
    }),
    variant("too many at first, no word when", || {
        once(Quirk::TooManyRequests { retry_after: None })
    }),
    variant("too many for good", || {
        always(Quirk::TooManyRequests { retry_after: None })
    }),
    variant("down at first", || {
        once(Quirk::Status(StatusCode::SERVICE_UNAVAILABLE))
    }),
    variant("the first answer lost", || once(Quirk::Reset)),
    variant("the first request refused", || once(Quirk::Unprocessed)),
    variant("every answer lost", || always(Quirk::Reset)),
    variant("the first body cut off", || {
        vec![Rule::new(Quirk::CutAfter(10)).method(Method::GET).first(1)]
    }),
    variant("the first chunk lost on the way", || {
        vec![
            Rule::new(Quirk::LostAfter(10))
                .method(Method::PATCH)
                .first(1),
        ]
    }),
    variant("the first upload lost on the way", || {
        vec![
            Rule::new(Quirk::LostAfter(10))
                .method(Method::PUT)
                .path("/v2/*/blobs/uploads/*")
                .first(1),
        ]
    }),
    variant("chunks refused before they are sent", || {
        let quirk = Quirk::EarlyHead(StatusCode::METHOD_NOT_ALLOWED);
        vec![Rule::new(quirk).method(Method::PATCH)]
    }),
    variant("slow", || always(Quirk::Delay(5_000))),
    variant("corrupt", || {
        // Ranges are short enough to be spared: nothing could tell there.
        vec![
            Rule::new(Quirk::Corrupt { at: 1_000 }).path("/v2/*/blobs/*"),
            Rule::new(Quirk::Corrupt { at: 100 }).path("/v2/*/manifests/*"),
        ]
    }),
    variant("bytes too many", || {
        vec![Rule::new(Quirk::Surplus(b"!".to_vec())).method(Method::GET)]
    }),
    Variant {
        name: "basic",
        registry: basic,
        rules: Vec::new,
    },
    Variant {
        name: "BASIC",
        registry: basic,
        rules: || always(Quirk::Challenges(vec!["BASIC REALM=\"x\"".to_owned()])),
    },
    with_tokens("bearer", Vec::new),
    with_tokens("token only", || {
        always(Quirk::TokenField(TokenField::Token))
    }),
    with_tokens("access_token only", || {
        always(Quirk::TokenField(TokenField::AccessToken))
    }),
    with_tokens("no expires_in", || always(Quirk::ExpiresIn(None))),
    with_tokens("expires_in 0", || always(Quirk::ExpiresIn(Some(0)))),
    with_tokens("no scope in the challenge", || {
        always(Quirk::NoScopeInChallenge)
    }),
    with_tokens("only the first scope", || always(Quirk::FirstScopeOnly)),
    with_tokens("many challenges in one header", || {
        always(Quirk::Challenges(vec![
            "Negotiate, {own}, Digest realm=\"x\", nonce=\"a,b\"".to_owned(),
        ]))
    }),
    with_tokens("a challenge a header", || {
        always(Quirk::Challenges(vec![
            "Negotiate dG9rZW4=".to_owned(),
            "{own}".to_owned(),
        ]))
    }),
    with_tokens("no POST at the token server", || {
        let quirk = Quirk::Status(StatusCode::METHOD_NOT_ALLOWED);
        vec![Rule::new(quirk).method(Method::POST).path("/token")]
    }),
    with_tokens("tokens end in the middle", || {
        vec![Rule::new(Quirk::TokensRevoked).path("/v2/*").nth(3)]
    }),
    with_tokens("storage elsewhere, with tokens", || {
        always(Quirk::StorageRedirect {
            origin: crate::operations::STORAGE.to_owned(),
        })
    }),
];
