use super::*;
use sha2::Digest as _;

const REPOMD_XML: &[u8] = b"<repomd/>";

fn hash(kind: &str, of: &[u8]) -> String {
    let hex: String = match kind {
        "md5" => "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        "sha1" => hex(&sha1::Sha1::digest(of)),
        "sha256" | "sha-256" => hex(&sha2::Sha256::digest(of)),
        _ => hex(&sha2::Sha512::digest(of)),
    };
    format!("<hash type=\"{kind}\">{hex}</hash>")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A metalink of version 3 with this inside its file.
fn v3(inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<metalink version=\"3.0\" \
         xmlns=\"http://www.metalinker.org/\" \
         xmlns:mm0=\"http://fedorahosted.org/mirrormanager\"><files>\
         <file name=\"repomd.xml\">{inner}</file></files></metalink>"
    )
}

fn verification(hashes: &str) -> String {
    format!("<size>9</size><verification>{hashes}</verification>")
}

#[test]
fn mirrors_come_by_preference_and_only_those_of_http() {
    let metalink = v3(&format!(
        "{}<resources maxconnections=\"1\">\
         <url protocol=\"rsync\" preference=\"100\">rsync://a/os/repodata/repomd.xml</url>\
         <url protocol=\"http\" preference=\"98\"> http://b/os/repodata/repomd.xml\n</url>\
         <url protocol=\"https\" preference=\"100\">https://c/os/repodata/repomd.xml</url>\
         <url protocol=\"https\" preference=\"98\">https://d/os/repodata/repomd.xml</url>\
         <url preference=\"98\">https://e/os/primary.xml</url>\
         <url>file:///etc/repodata/repomd.xml</url></resources>",
        verification(&hash("sha256", REPOMD_XML))
    ));
    let metalink = Metalink::parse(metalink.as_bytes()).unwrap();
    assert_eq!(
        metalink.bases,
        ["https://c/os/", "http://b/os/", "https://d/os/"]
    );
    assert!(metalink.current.is(REPOMD_XML));
    assert!(!metalink.current.is(b"<repomd>>"));
}

#[test]
fn earlier_versions_are_told_apart_whatever_the_prefix() {
    let metalink = v3(&format!(
        "{}<x:alternates xmlns:x=\"http://fedorahosted.org/mirrormanager\"><x:alternate>\
         <x:timestamp>1</x:timestamp><size>3</size><verification>{}</verification>\
         </x:alternate><x:alternate><verification>{}</verification></x:alternate>\
         </x:alternates>",
        verification(&hash("sha256", REPOMD_XML)),
        hash("sha512", b"old"),
        hash("md5", b"older"),
    ));
    let metalink = Metalink::parse(metalink.as_bytes()).unwrap();
    // The one with only MD5 vouches for nothing.
    assert_eq!(metalink.earlier.len(), 1);
    assert!(metalink.earlier[0].is(b"old"));
    assert!(!metalink.earlier[0].is(b"new"));
}

#[test]
fn the_strongest_checksum_decides() {
    let hashes = format!(
        "{}{}{}",
        hash("md5", b""),
        hash("sha1", b"forged"),
        hash("sha512", REPOMD_XML)
    );
    let metalink = Metalink::parse(v3(&verification(&hashes)).as_bytes()).unwrap();
    assert!(metalink.current.is(REPOMD_XML));
    let hashes = format!(
        "{}{}",
        hash("sha1", REPOMD_XML),
        hash("sha256", b"<repomd>>")
    );
    let metalink = Metalink::parse(v3(&verification(&hashes)).as_bytes()).unwrap();
    assert!(!metalink.current.is(REPOMD_XML));
}

#[test]
fn version_4_is_read_too() {
    let metalink = format!(
        "<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\"><file name=\"repodata/repomd.xml\">\
         <size>9</size>{}<url location=\"de\" priority=\"2\">https://two/repodata/repomd.xml</url>\
         <url priority=\"1\">https://one/repodata/repomd.xml</url></file></metalink>",
        hash("sha-256", REPOMD_XML)
    );
    let metalink = Metalink::parse(metalink.as_bytes()).unwrap();
    assert_eq!(metalink.bases, ["https://one/", "https://two/"]);
    assert!(metalink.current.is(REPOMD_XML));
}

#[test]
fn what_vouches_for_nothing_is_refused() {
    for (metalink, says) in [
        (v3(""), "no checksum"),
        (v3(&verification(&hash("md5", b""))), "only MD5"),
        (
            v3("<verification><hash type=\"sha256\">abc</hash></verification>"),
            "64 hex digits",
        ),
        (
            "<metalink><files><file name=\"other\"/></files></metalink>".to_owned(),
            "nothing about a file",
        ),
        ("<html/>".to_owned(), "expected <metalink>"),
        (v3("<resources>").replace("</file>", ""), "cannot read"),
    ] {
        let error = Metalink::parse(metalink.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn lists_have_a_cap() {
    let url = "<url>https://a/repodata/repomd.xml</url>".repeat(MAX_MIRRORS + 1);
    let hashes = verification(&hash("sha256", REPOMD_XML));
    let metalink = v3(&format!("{hashes}<resources>{url}</resources>"));
    let error = Metalink::parse(metalink.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), MetadataErrorKind::TooLarge);
    let list = "http://a/\n".repeat(MAX_MIRRORS + 1);
    let error = mirrorlist(list.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), MetadataErrorKind::TooLarge);
}

#[test]
fn damage_never_panics() {
    let metalink = v3(&format!(
        "{}<resources><url preference=\"1\">https://a/repodata/repomd.xml</url></resources>",
        verification(&hash("sha256", REPOMD_XML))
    ));
    for cut in 0..metalink.len() {
        assert!(Metalink::parse(&metalink.as_bytes()[..cut]).is_err());
        let mut bent = metalink.clone().into_bytes();
        bent[cut] = bent[cut].wrapping_add(1);
        // Whether it can still be read depends on the byte.
        let _ = Metalink::parse(&bent);
        let _ = mirrorlist(&bent);
    }
}

#[test]
fn a_mirror_list_is_one_url_a_line() {
    let list = b"# repo = x\n\nhttps://a/os\r\n  http://b/os/  \nftp://c/\nmirror\n\
        https://d/os/repodata/repomd.xml\nfile:///etc/\nhttp://e/a b\n";
    assert_eq!(
        mirrorlist(list).unwrap(),
        ["https://a/os/", "http://b/os/", "https://d/os/"]
    );
    for refused in [&b"\xff"[..], b"", b"<html>\n", b"ftp://a/\n"] {
        assert!(mirrorlist(refused).is_err());
    }
}
