use std::fs;

use ocirepo::manifest::{ImageIndex, ImageManifest};

use super::*;

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn artifact(kind: &str) -> Manifest {
    ImageManifest::artifact(kind).to_manifest()
}

fn put(directory: &OciDirectory, manifest: &Manifest) {
    directory.put(&manifest.digest(), manifest.raw()).unwrap();
}

#[test]
fn what_is_put_and_listed_is_found_by_its_tag() {
    let temp = tempfile::tempdir().unwrap();
    let directory = OciDirectory::create(temp.path().join("new")).unwrap();
    let (one, two) = (artifact("a/one"), artifact("a/two"));
    put(&directory, &one);
    put(&directory, &two);
    let tags = [(tag("b"), one.descriptor()), (tag("a"), one.descriptor())];
    directory.list(&tags, &[]).unwrap();
    directory
        .list(&[(tag("b"), two.descriptor())], &[])
        .unwrap();
    let directory = OciDirectory::open(directory.path()).unwrap();
    assert_eq!(directory.tags().unwrap(), [tag("a"), tag("b")]);
    let read = |selector: &str| directory.manifest(&selector.parse().unwrap()).unwrap();
    assert_eq!(read("a"), Some(one.clone()));
    assert_eq!(read("b"), Some(two));
    assert_eq!(read(&one.digest().to_string()), Some(one));
    assert_eq!(read("c"), None);
}

#[cfg(unix)]
#[test]
fn listing_what_is_listed_writes_nothing() {
    use std::os::unix::fs::MetadataExt as _;
    let temp = tempfile::tempdir().unwrap();
    let directory = OciDirectory::create(temp.path()).unwrap();
    let one = artifact("a/one");
    put(&directory, &one);
    let tags = [(tag("a"), one.descriptor())];
    directory.list(&tags, &[one.descriptor()]).unwrap();
    let index = temp.path().join("index.json");
    let before = fs::metadata(&index).unwrap().ino();
    directory.list(&tags, &[one.descriptor()]).unwrap();
    assert_eq!(fs::metadata(&index).unwrap().ino(), before);
}

#[test]
fn manifests_about_another_are_found_by_their_subject() {
    let temp = tempfile::tempdir().unwrap();
    let directory = OciDirectory::create(temp.path()).unwrap();
    let subject = artifact("a/subject");
    let about = |kind: &str| {
        ImageManifest::artifact(kind)
            .about(subject.descriptor())
            .to_manifest()
    };
    let (listed, under_tag) = (about("a/listed"), about("a/under-tag"));
    let list = ImageIndex::new()
        .manifest(under_tag.referrer())
        .to_manifest();
    for manifest in [&subject, &listed, &under_tag, &list] {
        put(&directory, manifest);
    }
    let fallback = tag(&format!("sha256-{}", subject.digest().hex()));
    let tags = [
        (tag("a"), subject.descriptor()),
        (fallback, list.descriptor()),
    ];
    directory.list(&tags, &[listed.descriptor()]).unwrap();
    let found = directory.referrers().unwrap();
    let mut found: Vec<_> = found[&subject.digest()].iter().map(|d| d.digest).collect();
    found.sort();
    let mut expected = [listed.digest(), under_tag.digest()];
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn content_that_is_not_what_its_name_says_is_an_error_that_names_the_file() {
    let temp = tempfile::tempdir().unwrap();
    let directory = OciDirectory::create(temp.path()).unwrap();
    let one = artifact("a/one");
    directory.put(&one.digest(), b"{}").unwrap();
    let error = directory.manifest(&one.digest().into()).unwrap_err();
    assert!(error.to_string().contains(&one.digest().hex()), "{error}");
    let file = temp.path().join("file");
    fs::write(&file, b"other").unwrap();
    let digest = Digest::of(b"this");
    assert!(directory.put_file(&digest, &file).is_err());
    assert_eq!(directory.blob_size(&digest).unwrap(), None);
    directory.put_file(&Digest::of(b"other"), &file).unwrap();
    let size = directory.blob_size(&Digest::of(b"other")).unwrap();
    assert_eq!(size, Some(5));
}

#[test]
fn a_directory_with_other_things_in_it_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("mine"), b"").unwrap();
    let error = OciDirectory::create(temp.path()).unwrap_err();
    assert!(error.to_string().contains("neither empty"), "{error}");
    assert!(OciDirectory::open(temp.path()).unwrap_err().is_not_found());
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
}

#[test]
fn a_layout_of_another_version_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(
        temp.path().join("oci-layout"),
        br#"{"imageLayoutVersion":"2.0.0"}"#,
    )
    .unwrap();
    let error = OciDirectory::open(temp.path()).unwrap_err();
    assert!(error.to_string().contains("version 2.0.0"), "{error}");
}

#[test]
fn a_list_that_says_no_media_type_is_read_and_kept() {
    let temp = tempfile::tempdir().unwrap();
    let directory = OciDirectory::create(temp.path()).unwrap();
    let one = artifact("a/one");
    put(&directory, &one);
    // As skopeo writes it.
    let text = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"{}","size":{},
        "annotations":{{"org.opencontainers.image.ref.name":"el9"}}}}],"extra":1}}"#,
        one.media_type(),
        one.digest(),
        one.raw().len(),
    );
    fs::write(temp.path().join("index.json"), text).unwrap();
    assert_eq!(directory.tags().unwrap(), [tag("el9")]);
    directory
        .list(&[(tag("el10"), one.descriptor())], &[])
        .unwrap();
    let written = fs::read_to_string(temp.path().join("index.json")).unwrap();
    assert!(written.contains(r#""extra":1"#), "{written}");
    assert_eq!(directory.tags().unwrap(), [tag("el10"), tag("el9")]);
}
