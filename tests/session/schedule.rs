//! Queues, caps, warnings, cancellation and determinism.

use http::StatusCode;
use ocirepo::operation::{Resume, Upload};
use ocirepo::session::{Config, Event, Input, Output};
use ocirepo::{Digest, ErrorKind, Session};
use ocirepo_registry::simulator::{Simulator, Weather};
use ocirepo_registry::{Quirk, Rule};

use crate::scenario::{Scenario, assert_kind};

#[test]
fn no_registry_sees_more_requests_at_once_than_the_cap() {
    for cap in [1, 3, 16] {
        let config = Config {
            concurrency: cap,
            ..Config::default()
        };
        let mut scenario = Scenario::with(config, Default::default());
        scenario.simulator.weather.chunk = 2;
        let digests: Vec<Digest> = (0..100u8).map(|i| scenario.blob(vec![i; 20])).collect();
        for digest in digests {
            scenario
                .session
                .pull_blob_bytes(&scenario.repository, digest, 100);
        }
        scenario.simulator.run(&mut scenario.session);
        assert_eq!(scenario.simulator.done.len(), 100);
        assert_eq!(scenario.simulator.most_in_flight, cap);
    }
}

#[test]
fn a_hundred_thousand_operations_may_wait() {
    let mut scenario = Scenario::new();
    let digest = scenario.blob(&b"hello"[..]);
    for _ in 0..100_000 {
        scenario
            .session
            .pull_blob(&scenario.repository, digest, Resume::Fresh);
    }
    for _ in 0..50 {
        scenario.simulator.step(&mut scenario.session);
    }
    assert!(scenario.simulator.most_in_flight <= 8);
    assert!(!scenario.session.is_idle());
}

#[test]
fn a_warning_is_told_once() {
    let text = "the repository moves next month";
    let mut scenario = Scenario::quirky([Rule::new(Quirk::Warning(text.into()))]);
    let digest = scenario.blob(&b"hello"[..]);
    for _ in 0..3 {
        scenario
            .run(|s, r| s.pull_blob_bytes(r, digest, 10))
            .unwrap();
    }
    let registry = scenario.repository.registry.clone();
    assert_eq!(
        scenario.simulator.events,
        [Event::Warning {
            registry,
            text: text.into()
        }]
    );
}

#[test]
fn every_operation_ends_in_exactly_one_done() {
    let mut scenario = Scenario::new();
    scenario.simulator.weather.chunk = 1;
    let digest = scenario.blob(vec![1; 1000]);
    let operations: Vec<_> = (0..20)
        .map(|_| {
            scenario
                .session
                .pull_blob_bytes(&scenario.repository, digest, 5000)
        })
        .collect();
    for _ in 0..300 {
        scenario.simulator.step(&mut scenario.session);
    }
    for operation in &operations {
        scenario.session.cancel(operation.id());
    }
    scenario.simulator.run(&mut scenario.session);
    let mut done = scenario.simulator.done.clone();
    done.sort();
    done.dedup();
    assert_eq!((done.len(), scenario.simulator.done.len()), (20, 20));
    for operation in operations {
        let result = scenario.session.take(operation).expect("a result");
        assert!(
            result.is_ok_and(|bytes| bytes.len() == 1000)
                || scenario.session.take(operation).is_none()
        );
    }
    assert!(scenario.session.is_idle());
}

#[test]
fn a_cancelled_operation_says_so_and_frees_its_slot() {
    let config = Config {
        concurrency: 1,
        ..Config::default()
    };
    let mut scenario = Scenario::with(config, Default::default());
    scenario.simulator.weather.chunk = 1;
    let digest = scenario.blob(vec![1; 100]);
    let first = scenario
        .session
        .pull_blob_bytes(&scenario.repository, digest, 500);
    let second = scenario
        .session
        .pull_blob_bytes(&scenario.repository, digest, 500);
    for _ in 0..20 {
        scenario.simulator.step(&mut scenario.session);
    }
    scenario.session.cancel(first.id());
    scenario.simulator.run(&mut scenario.session);
    let result = scenario.session.take(first).unwrap();
    assert_kind(result, ErrorKind::Cancelled, "pull blob");
    assert!(scenario.session.take(second).unwrap().is_ok());
}

#[test]
fn forgotten_results_are_freed() {
    let mut scenario = Scenario::new();
    let digest = scenario.blob(&b"hello"[..]);
    let before = scenario
        .session
        .pull_blob_bytes(&scenario.repository, digest, 10);
    scenario.session.forget(before.id());
    scenario.simulator.run(&mut scenario.session);
    assert_eq!(scenario.simulator.done, [before.id()]);
    assert!(scenario.session.take(before).is_none());
}

#[test]
fn inputs_for_unknown_exchanges_are_ignored() {
    let mut session = Session::new(Config::default(), 1);
    let now = Simulator::new(1).now();
    let exchange = 77.into();
    session.handle(
        now,
        Input::Data {
            exchange,
            bytes: b"x",
        },
    );
    session.handle(
        now,
        Input::End {
            exchange,
            sink: None,
        },
    );
    session.head(now, exchange, Default::default());
    session.handle(now, Input::Timeout);
    session.cancel(5.into());
    session.forget(5.into());
    assert!(matches!(session.poll(now), Output::Wait { until: None }));
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let run = || {
        let mut scenario = Scenario::quirky([
            Rule::new(Quirk::Status(StatusCode::SERVICE_UNAVAILABLE)).first(2),
            Rule::new(Quirk::CutAfter(40)).nth(4),
        ]);
        scenario.simulator.weather = Weather {
            chunk: 9,
            losses: 20,
            forgets: 500,
        };
        for i in 0..30u8 {
            let digest = scenario.blob(vec![i; 200]);
            scenario
                .session
                .pull_blob_bytes(&scenario.repository, digest, 500);
        }
        let _ = scenario.push(&[7; 3000], false, Upload::default());
        let urls: Vec<String> = scenario
            .simulator
            .sent
            .iter()
            .map(|s| s.url.to_string())
            .collect();
        let now = scenario.simulator.now();
        (urls, scenario.simulator.events, now)
    };
    assert_eq!(run(), run());
}

#[test]
fn the_session_can_be_moved_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Session>();
    is_send::<ocirepo::sink::BlobSink>();
    is_send::<ocirepo::source::BlobSource>();
}
