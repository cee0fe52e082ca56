//! Pulling blobs.

use http::{Method, StatusCode};
use ocirepo::Now;
use ocirepo::capabilities::Capabilities;
use ocirepo::exchange::Head;
use ocirepo::operation::Resume;
use ocirepo::retry::Cause;
use ocirepo::session::{Config, Destination, Event, Input, Output};
use ocirepo::sink::{BlobSink, Content};
use ocirepo::{Digest, ErrorKind, Session};
use ocirepo_registry::simulator::Weather;
use ocirepo_registry::{Quirk, Rule};

use crate::scenario::{ORIGIN, Scenario, assert_kind, header, on};

fn content() -> Vec<u8> {
    (0..100_000u32).map(|i| (i * 7 % 251) as u8).collect()
}

fn declared(content: &[u8]) -> Content {
    Content {
        digest: Digest::of(content),
        size: Some(content.len() as u64),
    }
}

/// Pulls the content through a sink and returns what was written.
fn pull(scenario: &mut Scenario, content: Content) -> Result<Vec<u8>, ocirepo::Error> {
    let operation = scenario
        .session
        .pull_blob(&scenario.repository, content, Resume::Fresh);
    scenario.simulator.run(&mut scenario.session);
    let blob = scenario.session.take(operation).unwrap()?;
    let file = scenario
        .simulator
        .files
        .remove(&operation.id())
        .unwrap_or_default();
    assert_eq!(Digest::of(&file), blob.digest);
    assert_eq!(file.len() as u64, blob.size);
    Ok(file)
}

#[test]
fn a_known_blob_costs_one_request() {
    let mut scenario = Scenario::new();
    scenario.blob(content());
    assert_eq!(
        pull(&mut scenario, declared(&content())).unwrap(),
        content()
    );
    assert_eq!(scenario.requests(), ["GET blobs/"]);
    assert_eq!(scenario.authorized(), 0);
}

#[test]
fn a_body_whole_or_byte_by_byte_gives_the_same() {
    for chunk in [0, 1, 7, 4096] {
        let mut scenario = Scenario::new();
        scenario.simulator.weather.chunk = chunk;
        let content = &content()[..5000];
        scenario.blob(content.to_vec());
        assert_eq!(pull(&mut scenario, declared(content)).unwrap(), content);
        assert_eq!(scenario.requests().len(), 1);
    }
}

#[test]
fn a_body_cut_in_the_middle_goes_on_from_the_last_byte() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::CutAfter(40_000)).first(2)]);
    scenario.blob(content());
    assert_eq!(
        pull(&mut scenario, declared(&content())).unwrap(),
        content()
    );
    let ranges: Vec<_> = scenario
        .simulator
        .sent
        .iter()
        .map(|sent| {
            sent.headers
                .get("range")
                .map(|v| v.to_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(
        ranges,
        [
            None,
            Some("bytes=40000-".into()),
            Some("bytes=80000-".into())
        ]
    );
    assert!(matches!(
        scenario.simulator.events[0],
        Event::Retry {
            wait_ms: 250..=500,
            ..
        }
    ));
}

#[test]
fn a_server_that_ignores_ranges_is_windowed_not_appended() {
    let mut scenario = Scenario::quirky([
        Rule::new(Quirk::CutAfter(40_000)).first(1),
        Rule::new(Quirk::RangeIgnored),
    ]);
    scenario.blob(content());
    assert_eq!(
        pull(&mut scenario, declared(&content())).unwrap(),
        content()
    );
    assert_eq!(scenario.requests().len(), 2);
}

#[test]
fn a_wrong_content_range_starts_over() {
    let mut scenario = Scenario::quirky([
        Rule::new(Quirk::CutAfter(40_000)).first(1),
        Rule::new(Quirk::SetHeader(
            header("content-range"),
            "bytes 1-9/100000".into(),
        ))
        .nth(2),
    ]);
    scenario.blob(content());
    assert_eq!(
        pull(&mut scenario, declared(&content())).unwrap(),
        content()
    );
    assert_eq!(scenario.requests().len(), 3);
}

#[test]
fn a_wrong_byte_is_never_delivered_as_verified() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::Corrupt { at: 99_999 })]);
    scenario.blob(content());
    let result = pull(&mut scenario, declared(&content()));
    assert_kind(result, ErrorKind::Corrupt, "do not hash to");
    assert_eq!(scenario.requests().len(), 1, "a fresh pull is not repeated");
}

#[test]
fn a_resumed_pull_that_does_not_verify_starts_over_once() {
    let mut scenario = Scenario::new();
    scenario.blob(content());
    let mut sink = BlobSink::new(declared(&content()));
    sink.chunk(b"what some other program left here").unwrap();
    let pulled = scenario
        .run(|session, repository| {
            session.pull_blob(repository, declared(&content()), Resume::From(sink))
        })
        .unwrap();
    assert_eq!(pulled.size, 100_000);
    assert_eq!(scenario.requests().len(), 2);

    let mut scenario = Scenario::quirky([Rule::new(Quirk::Corrupt { at: 0 })]);
    scenario.blob(content());
    let mut sink = BlobSink::new(declared(&content()));
    sink.chunk(&content()[..500]).unwrap();
    let result = scenario.run(|session, repository| {
        session.pull_blob(repository, declared(&content()), Resume::From(sink))
    });
    assert_kind(result, ErrorKind::Corrupt, "do not hash to");
    assert_eq!(scenario.requests().len(), 2);
}

#[test]
fn a_complete_partial_file_needs_no_request() {
    let mut scenario = Scenario::new();
    let mut sink = BlobSink::new(declared(&content()));
    sink.chunk(&content()).unwrap();
    let blob = scenario
        .run(|session, repository| {
            session.pull_blob(repository, declared(&content()), Resume::From(sink))
        })
        .unwrap();
    assert_eq!(blob.digest, Digest::of(&content()));
    assert!(scenario.requests().is_empty());
}

#[test]
fn the_end_of_a_blob_of_unknown_size_is_found_by_416() {
    let mut scenario = Scenario::new();
    let digest = scenario.blob(content());
    let mut sink = BlobSink::new(digest.into());
    sink.chunk(&content()).unwrap();
    let blob = scenario
        .run(|session, repository| session.pull_blob(repository, digest, Resume::From(sink)))
        .unwrap();
    assert_eq!(blob.size, 100_000);
    assert_eq!(scenario.requests().len(), 1);
}

#[test]
fn more_bytes_than_declared_stop_the_exchange() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::Surplus(b"x".to_vec()))]);
    scenario.blob(content());
    let result = pull(&mut scenario, declared(&content()));
    assert_kind(result, ErrorKind::Corrupt, "more than the 100000 bytes");
}

#[test]
fn fewer_bytes_than_declared_are_asked_for_again_and_then_an_error() {
    let mut scenario = Scenario::new();
    scenario.blob(content());
    let longer = Content {
        size: Some(100_001),
        ..declared(&content())
    };
    let error = pull(&mut scenario, longer).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Network),
        "{error}"
    );
    assert!(scenario.requests().len() <= 8);
}

#[test]
fn storage_on_another_host_sees_no_credentials() {
    let mut scenario = Scenario::with_auth(ocirepo_registry::Auth::bearer("lab", "labpass"));
    scenario.log_in();
    scenario
        .simulator
        .add_registry("https://storage.example", Default::default());
    let name = scenario.repository.name().to_owned();
    scenario
        .simulator
        .registry("https://storage.example")
        .put_blob(&name, content());
    scenario.script(Rule::new(Quirk::StorageRedirect {
        origin: "https://storage.example".into(),
    }));
    scenario.blob(content());
    assert_eq!(
        pull(&mut scenario, declared(&content())).unwrap(),
        content()
    );
    for sent in &scenario.simulator.sent {
        if sent.url.host_str() == Some("storage.example") {
            assert!(!sent.headers.contains_key("authorization"));
        }
    }
    assert!(scenario.authorized() > 0);
    let redirected = Event::Redirect {
        operation: scenario.simulator.sent[0].operation,
        to: "https://storage.example/".into(),
    };
    assert!(scenario.simulator.events.contains(&redirected));
}

#[test]
fn a_redirect_from_https_to_http_is_refused() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::Redirect {
        origin: "http://registry.example".into(),
    })]);
    scenario.blob(content());
    let result = pull(&mut scenario, declared(&content()));
    assert_kind(result, ErrorKind::Redirect, "leads from https");
    assert_eq!(scenario.requests().len(), 1);
}

#[test]
fn redirects_in_a_circle_end() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::Redirect {
        origin: ORIGIN.into(),
    })]);
    scenario.blob(content());
    let result = pull(&mut scenario, declared(&content()));
    assert_kind(result, ErrorKind::Redirect, "more than 10 redirects");
    assert_eq!(scenario.requests().len(), 11);
}

#[test]
fn an_expired_signed_url_sends_us_back_to_the_registry() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::StorageRedirect {
        origin: "https://storage.example".into(),
    })]);
    scenario.blob(content());
    let name = scenario.repository.name().to_owned();
    let storage = scenario.simulator.registry("https://storage.example");
    storage.put_blob(&name, content());
    storage.script(Rule::new(Quirk::Status(StatusCode::FORBIDDEN)).first(1));
    assert_eq!(
        pull(&mut scenario, declared(&content())).unwrap(),
        content()
    );
    assert_eq!(scenario.requests().len(), 4);
}

#[test]
fn a_host_that_was_led_to_an_expired_url_is_sent_to_the_registry_again() {
    let config = Config {
        capabilities: Capabilities::fetch(),
        ..Config::default()
    };
    let mut scenario = Scenario::with(config, Default::default());
    let session = &mut scenario.session;
    let operation = session.pull_blob(&scenario.repository, declared(&content()), Resume::Fresh);
    let now = Now::default();
    let asked = |session: &mut Session, led: bool| {
        let request = loop {
            match session.poll(now) {
                Output::Request(request) => break request,
                Output::Wait { .. } => return None,
                _ => {}
            }
        };
        let signed = "https://storage.example/x?signature=1".parse().unwrap();
        let head = Head {
            status: StatusCode::FORBIDDEN,
            headers: http::HeaderMap::new(),
            url: Some(if led { signed } else { request.url.clone() }),
        };
        session.head(now, request.exchange, head);
        session.handle(
            now,
            Input::End {
                exchange: request.exchange,
                sink: None,
            },
        );
        Some(request.url)
    };
    let first = asked(session, true).unwrap();
    assert_eq!(asked(session, true), Some(first.clone()));
    // What the registry itself refuses is refused.
    assert_eq!(asked(session, false), Some(first));
    assert_eq!(asked(session, false), None);
    let error = session.take(operation).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
}

#[test]
fn rate_limits_are_waited_out() {
    let day = "Tue, 14 Nov 2023 22:13:25 GMT"; // five seconds into the simulation
    for (retry_after, waits) in [
        (Some("7"), 7000..=7000),
        (Some(day), 5000..=5000),
        (None, 250..=500),
    ] {
        let mut scenario = Scenario::quirky([Rule::new(Quirk::TooManyRequests {
            retry_after: retry_after.map(str::to_owned),
        })
        .first(1)]);
        scenario.blob(content());
        let before = scenario.simulator.now().monotonic_ms;
        assert_eq!(
            pull(&mut scenario, declared(&content())).unwrap(),
            content()
        );
        let waited = scenario.simulator.now().monotonic_ms - before;
        assert!(waits.contains(&waited), "{retry_after:?}: {waited}");
    }
}

#[test]
fn a_rate_limit_of_hours_is_an_error_at_once() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::TooManyRequests {
        retry_after: Some("21600".into()),
    })]);
    scenario.blob(content());
    let result = pull(&mut scenario, declared(&content()));
    assert_kind(result, ErrorKind::RateLimited, "429");
    assert_eq!(scenario.requests().len(), 1);
}

#[test]
fn a_registry_that_stays_down_is_given_up() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::Status(StatusCode::BAD_GATEWAY))]);
    let result = pull(&mut scenario, declared(&content()));
    assert_kind(result, ErrorKind::Unavailable, "502");
    assert_eq!(scenario.requests().len(), 6);
}

#[test]
fn a_registry_that_is_not_there_is_given_up() {
    let mut scenario = Scenario::new();
    let nowhere = "other.example/me/demo"
        .parse::<ocirepo::Reference>()
        .unwrap();
    scenario.repository = nowhere.into_repository();
    let result = pull(&mut scenario, declared(&content()));
    assert_kind(result, ErrorKind::Network, "no connection");
    assert_eq!(scenario.requests().len(), 6);
}

#[test]
fn a_missing_blob_is_not_found() {
    let mut scenario = Scenario::new();
    let result = pull(&mut scenario, declared(&content()));
    assert_kind(result, ErrorKind::NotFound, "me/demo@sha256:");
}

#[test]
fn an_answer_that_takes_too_long_is_tried_again() {
    let mut scenario = Scenario::new();
    scenario.blob(content());
    let operation =
        scenario
            .session
            .pull_blob(&scenario.repository, declared(&content()), Resume::Fresh);
    let now = scenario.simulator.now();
    let first = scenario.session.poll(now);
    let ocirepo::session::Output::Request(first) = first else {
        panic!("{first:?}");
    };
    let ocirepo::session::Output::Wait { until: Some(until) } = scenario.session.poll(now) else {
        panic!("no time limit");
    };
    assert_eq!(until, now.monotonic_ms + 60_000);
    scenario.simulator.pass(60_000);
    scenario
        .session
        .handle(scenario.simulator.now(), ocirepo::session::Input::Timeout);
    let abort = scenario.session.poll(scenario.simulator.now());
    assert!(matches!(abort, ocirepo::session::Output::Abort(id) if id == first.exchange));
    scenario.simulator.run(&mut scenario.session);
    assert!(scenario.session.take(operation).unwrap().is_ok());
}

#[test]
fn a_body_may_take_as_long_as_it_wants() {
    let mut scenario = Scenario::new();
    scenario.blob(content());
    let content = declared(&content());
    let (session, simulator) = (&mut scenario.session, &mut scenario.simulator);
    let operation = session.pull_blob(&scenario.repository, content, Resume::Fresh);
    simulator.weather.chunk = 100;
    while simulator.step(session) {
        if simulator.files.contains_key(&operation.id()) {
            // The head is there; from now on each chunk takes an hour.
            simulator.pass(3_600_000);
            session.handle(simulator.now(), ocirepo::session::Input::Timeout);
        }
    }
    assert_eq!(
        session.take(operation).unwrap().unwrap().digest,
        content.digest
    );
    assert_eq!(scenario.requests(), ["GET blobs/"]);
}

#[test]
fn an_encoded_body_is_refused() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::SetHeader(
        header("content-encoding"),
        "gzip".into(),
    ))]);
    scenario.blob(content());
    let result = pull(&mut scenario, declared(&content()));
    assert_kind(result, ErrorKind::InvalidResponse, "encoded as `gzip`");
}

#[test]
fn small_blobs_come_into_memory_under_a_cap() {
    let mut scenario = Scenario::new();
    let digest = scenario.blob(content());
    let bytes = scenario
        .run(|s, r| s.pull_blob_bytes(r, digest, 100_000))
        .unwrap();
    assert_eq!(bytes, content());
    let result = scenario.run(|s, r| s.pull_blob_bytes(r, digest, 99_999));
    assert_kind(result, ErrorKind::TooLarge, "99999");
    let requests = scenario.requests().len();
    let result = scenario.run(|s, r| s.pull_blob_bytes(r, declared(&content()), 99_999));
    assert_kind(result, ErrorKind::TooLarge, "100000");
    assert_eq!(
        scenario.requests().len(),
        requests,
        "what is declared too large is not asked for"
    );
}

#[test]
fn a_range_is_unverified_and_exact_whatever_the_server_sends() {
    for rules in [vec![], vec![on(Method::GET, Quirk::RangeIgnored)]] {
        for chunk in [0, 1, 300] {
            let mut scenario = Scenario::quirky(rules.clone());
            scenario.simulator.weather.chunk = chunk;
            let digest = scenario.blob(content());
            let part = scenario
                .run(|s, r| s.pull_blob_range(r, digest, 200..1300))
                .unwrap();
            assert_eq!(part.bytes, &content()[200..1300]);
            assert_eq!(part.range, 200..1300);
        }
    }
    let mut scenario = Scenario::new();
    let digest = scenario.blob(content());
    let tail = scenario
        .run(|s, r| s.pull_blob_range(r, digest, 99_990..100_010))
        .unwrap();
    assert_eq!(tail.range, 99_990..100_000);
}

#[test]
fn losses_at_random_cost_time_but_no_byte() {
    for seed in 0..40 {
        let mut scenario = Scenario::new();
        scenario.simulator = ocirepo_registry::simulator::Simulator::new(seed);
        scenario.blob(content());
        scenario.simulator.weather = Weather {
            chunk: 4096,
            losses: 30,
            forgets: 300,
        };
        assert_eq!(
            pull(&mut scenario, declared(&content())).unwrap(),
            content(),
            "seed {seed}"
        );
    }
}

#[test]
fn what_could_not_be_written_is_not_the_blob_even_when_all_of_it_came() {
    let mut scenario = Scenario::new();
    let session = &mut scenario.session;
    let content = content();
    let operation = session.pull_blob(&scenario.repository, declared(&content), Resume::Fresh);
    let now = Now {
        monotonic_ms: 0,
        unix_secs: 1_700_000_000,
    };
    let exchange = loop {
        match session.poll(now) {
            Output::Request(request) => break request.exchange,
            Output::Wait { .. } => panic!("nothing is asked for"),
            _ => {}
        }
    };
    let head = Head {
        status: StatusCode::OK,
        headers: http::HeaderMap::new(),
        url: None,
    };
    let Destination::Stream(mut sink) = session.head(now, exchange, head) else {
        panic!("the blob goes nowhere");
    };
    sink.chunk(&content).unwrap();
    let full = Input::Lost {
        exchange,
        cause: Cause::Local,
        sink: Some(sink),
        source: None,
    };
    session.handle(now, full);
    while !matches!(session.poll(now), Output::Wait { .. }) {}
    let error = session.take(operation).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local, "{error}");
}
