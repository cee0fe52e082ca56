//! Lost publishes are found, and cheaply.

use ocirepo::Manifest;
use ocirepo::reference::{Reference, Tag};
use ocirepo_native::publish::{Options, lost};
use ocirepo_native::repository;
use ocirepo_rpm::layout::tags;
use ocirepo_rpm::publish::Destination;

use crate::directory::{add, names, read};
use crate::moving::{Scene, scene};

/// The tags outside of the history, and what it cost to find them.
async fn find(scene: &Scene) -> (Vec<String>, Vec<String>) {
    let reference = Reference::new(scene.to.repository.clone()).with_tag(scene.to.tag.clone());
    let snapshot = repository::open(&scene.client, &reference, Default::default(), None);
    let snapshot = snapshot.await.unwrap();
    let before = scene.server.asked().len();
    let found = lost(&scene.client, &scene.to.tag, &snapshot).await.unwrap();
    let asked = scene.server.asked().split_off(before);
    (
        found.iter().map(|lost| lost.tag.to_string()).collect(),
        asked,
    )
}

/// The tag of a snapshot that a rival left.
fn tag(scene: &Scene, sequence: u64, root: &Manifest) -> String {
    let tag: Option<Tag> = tags::snapshot(&scene.to.tag, sequence, &root.digest());
    tag.unwrap().to_string()
}

#[tokio::test]
async fn a_line_without_forks_costs_one_list() {
    let scene = scene(vec![]).await;
    for name in ["b", "c", "d"] {
        let published = add(&scene.client, &scene.to, Options::default(), &[name]).await;
        assert_eq!(published.unwrap().lost, []);
    }
    let (found, asked) = find(&scene).await;
    assert_eq!(found, [""; 0]);
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[tokio::test]
async fn a_snapshot_beside_the_line_is_found_wherever_it_is() {
    let scene = scene(vec![]).await;
    // Not merged yet: the tag goes on without it.
    let second = tag(&scene, 2, &scene.rival("lost").await);
    let (found, _) = find(&scene).await;
    assert_eq!(found, std::slice::from_ref(&second), "newer than the tag");

    let published = add(&scene.client, &scene.to, Options::default(), &["b"])
        .await
        .unwrap();
    assert_eq!(
        published
            .lost
            .iter()
            .map(|l| l.sequence)
            .collect::<Vec<_>>(),
        [2]
    );
    let (found, asked) = find(&scene).await;
    assert_eq!(
        found,
        std::slice::from_ref(&second),
        "with the number of the tag"
    );
    assert_eq!(asked.len(), 1, "{asked:?}");

    add(&scene.client, &scene.to, Options::default(), &["c"])
        .await
        .unwrap();
    let (found, asked) = find(&scene).await;
    assert_eq!(found, std::slice::from_ref(&second), "the parent's brother");
    assert_eq!(asked.len(), 1, "{asked:?}");

    for name in ["d", "e", "f"] {
        add(&scene.client, &scene.to, Options::default(), &[name])
            .await
            .unwrap();
    }
    let sixth = tag(&scene, 7, &scene.rival("also lost").await);
    let (found, asked) = find(&scene).await;
    assert_eq!(found, [sixth, second], "long ago");
    // The third snapshot tells which of the two seconds is its parent.
    assert_eq!(asked.len(), 2, "{asked:?}");
    let expected = names(&["a", "b", "c", "d", "e", "f"]);
    assert_eq!(read(&scene.client, &scene.to).await, expected);
}

#[tokio::test]
async fn what_was_merged_is_not_lost() {
    let scene = scene(vec![]).await;
    let lost = scene.rival("lost").await;
    let to = Destination {
        merges: vec![lost.digest()],
        ..scene.to.clone()
    };
    let published = add(&scene.client, &to, Options::default(), &["lost"])
        .await
        .unwrap();
    assert_eq!(published.lost, []);
    // Also after further snapshots.
    add(&scene.client, &scene.to, Options::default(), &["b"])
        .await
        .unwrap();
    let (found, _) = find(&scene).await;
    assert_eq!(found, [""; 0]);
    assert_eq!(
        read(&scene.client, &scene.to).await,
        names(&["a", "b", "lost"])
    );
}

#[tokio::test]
async fn other_tags_are_no_snapshots_of_this_one() {
    let scene = scene(vec![]).await;
    let other = Destination {
        tag: "el10".parse().unwrap(),
        ..scene.to.clone()
    };
    let now = || Options {
        now: 1_700_000_000,
        ..Options::default()
    };
    add(&scene.client, &other, now(), &["x"]).await.unwrap();
    add(&scene.client, &other, now(), &["y"]).await.unwrap();
    let (found, _) = find(&scene).await;
    assert_eq!(found, [""; 0]);
}
