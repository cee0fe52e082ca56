//! Pushing blobs.

use http::{Method, StatusCode};
use ocirepo::operation::Upload;
use ocirepo::source::BlobSource;
use ocirepo::{Digest, ErrorKind};
use ocirepo_registry::simulator::Weather;
use ocirepo_registry::{Config as RegistryConfig, Quirk, Rule};

use crate::scenario::{Scenario, assert_kind, header, on, repository};

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 253) as u8).collect()
}

const MIB: usize = 1 << 20;

#[test]
fn a_known_digest_takes_two_requests_and_a_check_one_more() {
    let mut scenario = Scenario::new();
    let pushed = scenario
        .push(&content(5000), true, Upload::default())
        .unwrap();
    assert!(pushed.uploaded);
    assert_eq!(pushed.digest, Digest::of(&content(5000)));
    assert_eq!(scenario.requests(), ["POST uploads", "PUT upload"]);

    let check = Upload {
        check: true,
        ..Upload::default()
    };
    let mut scenario = Scenario::new();
    scenario.push(&content(5000), true, check.clone()).unwrap();
    assert_eq!(
        scenario.requests(),
        ["HEAD blobs/", "POST uploads", "PUT upload"]
    );
    let pushed = scenario.push(&content(5000), true, check).unwrap();
    assert!(!pushed.uploaded);
    assert_eq!(scenario.requests().len(), 4);
}

#[test]
fn an_unknown_digest_is_found_while_sending() {
    let mut scenario = Scenario::new();
    scenario.simulator.weather.chunk = 100;
    let pushed = scenario
        .push(&content(5000), false, Upload::default())
        .unwrap();
    assert_eq!(pushed.digest, Digest::of(&content(5000)));
    assert_eq!(
        scenario.requests(),
        ["POST uploads", "PATCH upload", "PUT upload"]
    );
}

#[test]
fn an_empty_blob_exists_too() {
    for known in [true, false] {
        let mut scenario = Scenario::new();
        let pushed = scenario.push(b"", known, Upload::default()).unwrap();
        assert_eq!((pushed.size, pushed.digest), (0, Digest::of(b"")));
    }
}

#[test]
fn one_post_where_the_registry_takes_it_and_two_requests_where_not() {
    let single = Upload {
        single_request: true,
        ..Upload::default()
    };
    let mut scenario = Scenario::new();
    assert!(
        scenario
            .push(&content(5000), true, single.clone())
            .unwrap()
            .uploaded
    );
    assert_eq!(scenario.requests(), ["POST uploads"]);

    let mut scenario = Scenario::quirky([Rule::new(Quirk::SinglePostIgnored)]);
    scenario.push(&content(5000), true, single).unwrap();
    assert_eq!(scenario.requests(), ["POST uploads", "PUT upload"]);
}

#[test]
fn a_blob_is_mounted_where_the_registry_mounts() {
    let mount = Upload {
        mount_from: Some(repository("other/place")),
        ..Upload::default()
    };
    let mut scenario = Scenario::new();
    scenario.registry().put_blob("other/place", content(5000));
    assert!(
        !scenario
            .push(&content(5000), true, mount.clone())
            .unwrap()
            .uploaded
    );
    assert_eq!(scenario.requests(), ["POST uploads"]);

    let mut scenario = Scenario::quirky([Rule::new(Quirk::MountIgnored)]);
    scenario.registry().put_blob("other/place", content(5000));
    assert!(
        scenario
            .push(&content(5000), true, mount.clone())
            .unwrap()
            .uploaded
    );
    assert_eq!(scenario.requests(), ["POST uploads", "PUT upload"]);

    // A registry that does not know mounting at all.
    let mut scenario =
        Scenario::quirky([
            on(Method::POST, Quirk::Status(StatusCode::METHOD_NOT_ALLOWED)).first(1),
        ]);
    scenario.push(&content(5000), true, mount).unwrap();
    assert_eq!(
        scenario.requests(),
        ["POST uploads", "POST uploads", "PUT upload"]
    );
}

#[test]
fn chunks_are_as_small_as_asked_and_as_large_as_the_registry_wants() {
    let chunked = Upload {
        chunk: Some(1000),
        ..Upload::default()
    };
    for known in [true, false] {
        let mut scenario = Scenario::new();
        scenario
            .push(&content(2500), known, chunked.clone())
            .unwrap();
        assert_eq!(
            scenario.requests(),
            [
                "POST uploads",
                "PATCH upload",
                "PATCH upload",
                "PATCH upload",
                "PUT upload"
            ]
        );
        let ranges: Vec<_> = scenario
            .simulator
            .sent
            .iter()
            .filter_map(|sent| Some(sent.headers.get("content-range")?.to_str().unwrap()))
            .collect();
        assert_eq!(ranges, ["0-999", "1000-1999", "2000-2499"]);
    }

    let registry = RegistryConfig {
        chunk_min: Some(2000),
        ..RegistryConfig::default()
    };
    let mut scenario = Scenario::with(Default::default(), registry);
    scenario.push(&content(2500), false, chunked).unwrap();
    let patches = scenario
        .requests()
        .iter()
        .filter(|r| r.starts_with("PATCH"))
        .count();
    assert_eq!(patches, 2);
}

#[test]
fn a_request_that_is_too_large_becomes_chunks() {
    let limit = on(Method::PATCH, Quirk::ChunkLimit(4 * MIB as u64));
    let refused = on(Method::PUT, Quirk::Status(StatusCode::PAYLOAD_TOO_LARGE)).first(1);
    for (known, rules) in [(true, vec![limit.clone(), refused]), (false, vec![limit])] {
        let mut scenario = Scenario::quirky(rules);
        scenario
            .push(&content(9 * MIB), known, Upload::default())
            .unwrap();
        let patches = scenario
            .requests()
            .iter()
            .filter(|r| r.starts_with("PATCH"))
            .count();
        assert!((3..=4).contains(&patches), "{:?}", scenario.requests());
    }
}

#[test]
fn a_registry_without_chunks_gets_the_whole_once_the_digest_is_known() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::NoChunkedUpload)]);
    let chunked = Upload {
        chunk: Some(1000),
        ..Upload::default()
    };
    scenario.push(&content(2500), true, chunked).unwrap();

    // The whole source was read before the refusal came, so its digest is known.
    let mut scenario = Scenario::quirky([Rule::new(Quirk::NoChunkedUpload)]);
    scenario
        .push(&content(2500), false, Upload::default())
        .unwrap();
    assert_eq!(
        scenario.requests(),
        ["POST uploads", "PATCH upload", "POST uploads", "PUT upload"]
    );

    let mut scenario = Scenario::quirky([Rule::new(Quirk::NoChunkedUpload)]);
    let chunked = Upload {
        chunk: Some(1000),
        ..Upload::default()
    };
    let result = scenario.push(&content(2500), false, chunked);
    assert_kind(result, ErrorKind::Unsupported, "hash the source first");
}

#[test]
fn a_registry_that_refuses_an_empty_closing_put_gets_the_whole() {
    for known in [true, false] {
        let mut scenario = Scenario::quirky([Rule::new(Quirk::EmptyPutRefused)]);
        let chunked = Upload {
            chunk: Some(1000),
            ..Upload::default()
        };
        scenario.push(&content(2500), known, chunked).unwrap();
    }
}

#[test]
fn a_patch_may_be_answered_with_201() {
    let mut scenario =
        Scenario::quirky([on(Method::PATCH, Quirk::AnswerWith(StatusCode::CREATED))]);
    scenario
        .push(&content(2500), false, Upload::default())
        .unwrap();
    assert_eq!(scenario.requests().len(), 3);
}

#[test]
fn locations_may_be_absolute_or_carry_a_query() {
    for quirk in [
        Quirk::LocationOrigin(crate::scenario::ORIGIN.into()),
        Quirk::LocationQuery("_state=a%2Fb%3D".into()),
    ] {
        let mut scenario = Scenario::quirky([Rule::new(quirk)]);
        scenario
            .push(&content(2500), false, Upload::default())
            .unwrap();
    }
}

#[test]
fn an_upload_on_another_host_sees_no_credentials() {
    let mut scenario = Scenario::with_auth(ocirepo_registry::Auth::bearer("lab", "labpass"));
    scenario.log_in();
    scenario.script(on(
        Method::POST,
        Quirk::LocationOrigin("https://uploads.example".into()),
    ));
    let result = scenario.push(&content(100), true, Upload::default());
    // That host is not there; what matters is what was sent to it.
    assert_kind(result, ErrorKind::Network, "no connection");
    let (mut elsewhere, mut here) = (0, 0);
    for sent in &scenario.simulator.sent {
        let authorized = sent.headers.contains_key("authorization");
        if sent.url.host_str() == Some("uploads.example") {
            assert!(!authorized, "{}", sent.url);
            elsewhere += 1;
        } else {
            here += usize::from(authorized);
        }
    }
    assert!(elsewhere > 0 && here > 0);
}

#[test]
fn an_upload_location_over_http_is_refused() {
    let mut scenario = Scenario::quirky([on(
        Method::POST,
        Quirk::LocationOrigin("http://registry.example".into()),
    )]);
    let result = scenario.push(&content(100), true, Upload::default());
    assert_kind(result, ErrorKind::Redirect, "leads from https");
}

#[test]
fn a_lost_connection_asks_for_the_status_and_sends_the_rest() {
    let mut scenario = Scenario::quirky([on(Method::PATCH, Quirk::LostAfter(1700)).first(1)]);
    let pushed = scenario
        .push(&content(5000), false, Upload::default())
        .unwrap();
    assert_eq!(pushed.digest, Digest::of(&content(5000)));
    assert_eq!(
        scenario.requests(),
        [
            "POST uploads",
            "PATCH upload",
            "GET upload",
            "PATCH upload",
            "PUT upload"
        ]
    );
    let rest = &scenario.simulator.sent[3].headers["content-range"];
    assert_eq!(rest, "1700-4999");
}

#[test]
fn a_lost_answer_to_the_closing_put_is_not_a_second_upload() {
    let mut scenario = Scenario::quirky([on(Method::PUT, Quirk::Reset).first(1)]);
    scenario
        .push(&content(5000), false, Upload::default())
        .unwrap();
    assert_eq!(
        scenario.requests(),
        ["POST uploads", "PATCH upload", "PUT upload", "HEAD blobs/"]
    );
}

#[test]
fn an_upload_that_the_registry_forgot_is_begun_again() {
    let mut scenario = Scenario::quirky([
        on(Method::PATCH, Quirk::LostAfter(1700)).first(1),
        on(Method::GET, Quirk::Status(StatusCode::NOT_FOUND)).first(1),
    ]);
    scenario
        .push(
            &content(5000),
            true,
            Upload {
                chunk: Some(4000),
                ..Upload::default()
            },
        )
        .unwrap();
    let posts = scenario
        .requests()
        .iter()
        .filter(|r| r.starts_with("POST"))
        .count();
    assert_eq!(posts, 2);
}

#[test]
fn a_chunk_out_of_order_is_answered_by_the_status() {
    let mut scenario = Scenario::quirky([on(
        Method::PATCH,
        Quirk::Status(StatusCode::RANGE_NOT_SATISFIABLE),
    )
    .nth(2)]);
    let chunked = Upload {
        chunk: Some(1000),
        ..Upload::default()
    };
    scenario.push(&content(2500), false, chunked).unwrap();
    assert!(scenario.requests().contains(&"GET upload".to_owned()));
}

#[test]
fn a_token_that_ends_in_mid_push_is_renewed_and_the_push_goes_on() {
    let mut scenario = Scenario::with_auth(ocirepo_registry::Auth::bearer("lab", "labpass"));
    scenario.log_in();
    scenario.script(on(Method::PATCH, Quirk::TokensRevoked).nth(2));
    let chunked = Upload {
        chunk: Some(1000),
        ..Upload::default()
    };
    scenario.push(&content(2500), false, chunked).unwrap();
    let requests = scenario.requests();
    let tokens = requests.iter().filter(|r| r.ends_with("/token")).count();
    assert_eq!(tokens, 2, "{requests:?}");
    assert!(requests.contains(&"GET upload".to_owned()), "{requests:?}");
    assert_eq!(
        requests.iter().filter(|r| *r == "POST uploads").count(),
        2,
        "{requests:?}"
    );
}

#[test]
fn a_source_that_changed_is_an_error() {
    let mut scenario = Scenario::new();
    let source = BlobSource::with_digest(5, Digest::of(b"hello"));
    let operation = scenario
        .session
        .push_blob(&scenario.repository, source, Upload::default());
    scenario
        .simulator
        .sources
        .insert(operation.id(), "HELLO".into());
    scenario.simulator.run(&mut scenario.session);
    let result = scenario.session.take(operation).unwrap();
    assert_kind(result, ErrorKind::SourceChanged, "changed");
}

#[test]
fn content_kept_under_another_digest_is_an_error() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::Sha256Only)]);
    let digest = Digest::with(ocirepo::digest::Algorithm::Sha512, b"hello");
    let source = BlobSource::with_digest(5, digest);
    let operation = scenario
        .session
        .push_blob(&scenario.repository, source, Upload::default());
    scenario
        .simulator
        .sources
        .insert(operation.id(), "hello".into());
    scenario.simulator.run(&mut scenario.session);
    let result = scenario.session.take(operation).unwrap();
    assert_kind(result, ErrorKind::Corrupt, "another digest");
}

#[test]
fn a_cancelled_upload_is_cancelled_at_the_registry() {
    let mut scenario = Scenario::new();
    scenario.simulator.weather.chunk = 10;
    let source = BlobSource::new(5000);
    let operation = scenario
        .session
        .push_blob(&scenario.repository, source, Upload::default());
    scenario
        .simulator
        .sources
        .insert(operation.id(), content(5000).into());
    while scenario.requests().last().map(String::as_str) != Some("PATCH upload") {
        assert!(scenario.simulator.step(&mut scenario.session));
    }
    scenario.session.cancel(operation.id());
    scenario.session.cancel(operation.id());
    scenario.simulator.run(&mut scenario.session);
    let result = scenario.session.take(operation).unwrap();
    assert_kind(result, ErrorKind::Cancelled, "cancelled");
    assert_eq!(scenario.simulator.done, [operation.id()]);
    assert_eq!(scenario.requests().last().unwrap(), "DELETE upload");
}

#[test]
fn losses_at_random_cost_time_but_no_byte() {
    let (mut ended, mut given_up) = (0, 0);
    for seed in 0..60 {
        for (known, chunk) in [(true, None), (false, None), (false, Some(1000))] {
            let mut scenario = Scenario::new();
            scenario.simulator = ocirepo_registry::simulator::Simulator::new(seed);
            scenario.registry();
            scenario.simulator.weather = Weather {
                chunk: 700,
                losses: 50,
                forgets: 300,
            };
            let upload = Upload {
                chunk,
                ..Upload::default()
            };
            // Scenario::push compares what is stored with what was sent.
            match scenario.push(&content(5000), known, upload) {
                Ok(_) => ended += 1,
                Err(error) => {
                    assert!(
                        matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Network),
                        "seed {seed}: {error}"
                    );
                    given_up += 1;
                }
            }
        }
    }
    assert!(given_up * 20 < ended, "{given_up} of {ended} were given up");
}

#[test]
fn a_missing_digest_header_is_no_error() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::WithoutHeader(header(
        "docker-content-digest",
    )))]);
    scenario
        .push(&content(2500), true, Upload::default())
        .unwrap();
}

#[test]
fn to_ask_where_an_upload_stands_is_no_progress() {
    let nowhere = Quirk::Redirect {
        origin: "https://nowhere.example".into(),
    };
    let mut scenario = Scenario::quirky([on(Method::PUT, nowhere)]);
    assert_kind(
        scenario.push(&content(1952), false, Upload::default()),
        ErrorKind::Network,
        "no connection",
    );
    let requests = scenario.requests().len();
    assert!(requests < 40, "{requests} requests");
}

#[test]
fn an_upload_that_gains_a_little_each_time_is_not_given_up() {
    let mut scenario = Scenario::quirky([on(Method::PATCH, Quirk::LostAfter(10)).first(30)]);
    scenario
        .push(&content(1952), false, Upload::default())
        .unwrap();
}

#[test]
fn a_chunk_that_no_token_helps_is_given_up() {
    let mut scenario = Scenario::with_auth(ocirepo_registry::Auth::bearer("lab", "labpass"));
    scenario.log_in();
    scenario.script(on(Method::PATCH, Quirk::TokensRevoked));
    let chunked = Upload {
        chunk: Some(826),
        ..Upload::default()
    };
    assert_kind(
        scenario.push(&content(2628), true, chunked),
        ErrorKind::Unauthorized,
        "401",
    );
    let requests = scenario.requests().len();
    assert!(requests < 15, "{requests} requests");
}
