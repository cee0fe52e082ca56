//! The cache in a scratch directory.

use std::fs::FileTimes;
use std::time::Duration;

use super::*;

fn cache(dir: &tempfile::TempDir, limit: u64) -> Cache {
    Cache::open(dir.path(), limit).unwrap()
}

fn read(entry: CacheEntry) -> Vec<u8> {
    entry.read(u64::MAX).unwrap()
}

fn age(cache: &Cache, digest: &Digest, hours: u64) {
    let used = SystemTime::now() - Duration::from_secs(hours * 3600);
    let file = File::open(cache.path(digest)).unwrap();
    file.set_times(FileTimes::new().set_modified(used)).unwrap();
}

#[test]
fn what_was_put_in_comes_out_in_every_process() {
    let dir = tempfile::tempdir().unwrap();
    let digest = Digest::of(b"content");
    let first = cache(&dir, 1000);
    assert!(first.get(&digest).unwrap().is_none());
    first.put(digest, b"content").unwrap();
    assert_eq!(read(first.get(&digest).unwrap().unwrap()), b"content");
    let second = cache(&dir, 1000);
    assert_eq!(read(second.get(&digest).unwrap().unwrap()), b"content");
    second.remove(&digest).unwrap();
    assert!(!first.contains(&digest));
}

#[test]
fn content_that_is_not_what_its_digest_says_never_gets_in() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir, 1000);
    let digest = Digest::of(b"content");
    let error = cache.put(digest, b"c0ntent").unwrap_err().to_string();
    assert!(error.contains("thrown away"), "{error}");
    let mut dropped = cache.writer(digest).unwrap();
    dropped.write(b"cont").unwrap();
    drop(dropped);
    assert!(cache.get(&digest).unwrap().is_none());
    assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 0);
}

#[test]
fn a_damaged_entry_is_removed_and_can_be_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let digest = Digest::of(b"content");
    cache(&dir, 1000).put(digest, b"content").unwrap();
    for recheck in [Recheck::Once, Recheck::Always] {
        let cache = cache(&dir, 1000).recheck(recheck);
        assert!(cache.get(&digest).unwrap().is_some());
        let path = cache.path(&digest);
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, b"damaged").unwrap();
        // Where systems do not tell when it was changed, the time it was written must do.
        let written = written - Duration::from_secs(u64::from(!cfg!(unix)));
        let times = FileTimes::new().set_modified(written);
        File::open(&path).unwrap().set_times(times).unwrap();
        assert!(cache.get(&digest).unwrap().is_none(), "{recheck:?}");
        assert!(!cache.contains(&digest));
        cache.put(digest, b"content").unwrap();
    }
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir, 1000);
    let entries: Vec<Vec<u8>> = (0..4u8).map(|n| vec![n; 300]).collect();
    let digests: Vec<Digest> = entries.iter().map(|entry| Digest::of(entry)).collect();
    for (hours, n) in [(3, 0), (2, 1), (1, 2)] {
        cache.put(digests[n], &entries[n]).unwrap();
        age(&cache, &digests[n], hours);
    }
    let oldest = cache.get(&digests[0]).unwrap().unwrap();
    assert!(cache.checked().contains_key(&digests[1]));
    cache.put(digests[3], &entries[3]).unwrap();
    let left = cache.evict().unwrap();
    assert_eq!(left, Some(900));
    assert!(!cache.checked().contains_key(&digests[1]), "forgotten");
    let kept: Vec<bool> = digests
        .iter()
        .map(|digest| cache.contains(digest))
        .collect();
    assert_eq!(kept, [true, false, true, true]);

    cache.remove(&digests[0]).unwrap();
    assert_eq!(read(oldest), entries[0], "an open entry outlives its file");
}

#[test]
fn one_process_at_a_time_evicts() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir, 1000);
    let lock = File::create(dir.path().join("evict.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(cache.evict().unwrap(), None);
    drop(lock);
    assert_eq!(cache.evict().unwrap(), Some(0));
}

#[test]
fn unfinished_files_that_nobody_works_on_are_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir, 1000);
    let left = dir.path().join("new/left");
    fs::write(&left, "x").unwrap();
    let mut writer = cache.writer(Digest::of(b"content")).unwrap();
    writer.write(b"cont").unwrap();
    cache.evict().unwrap();
    assert!(!left.exists());
    writer.write(b"ent").unwrap();
    writer.finish().unwrap();
    assert!(cache.get(&Digest::of(b"content")).unwrap().is_some());
    cache.evict().unwrap();
    assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 0);
}
