use super::*;

fn open(text: &str) -> Result<Xml<&[u8]>, MetadataError> {
    let limits = Limits {
        text: 1000,
        tag: 100,
        depth: 4,
        ..Limits::default()
    };
    Xml::open(text.as_bytes(), "a.xml", limits, &["r"])
}

/// Every child of the root with its text.
fn children(text: &str) -> Result<Vec<(String, String)>, MetadataError> {
    let mut xml = open(text)?;
    let mut children = Vec::new();
    while let Some(element) = xml.child(1)? {
        let name = element.name().to_owned();
        children.push((name, xml.text()?.to_owned()));
    }
    xml.finish()?;
    Ok(children)
}

fn message(text: &str) -> String {
    children(text).unwrap_err().to_string()
}

#[test]
fn children_are_visited_in_order_and_the_rest_is_skipped() {
    let mut xml = open("<r> <a><b>x</b></a><!-- no --><?no ?><rpm:c k='1'/>t<a/></r>\n").unwrap();
    let mut names = Vec::new();
    while let Some(element) = xml.child(1).unwrap() {
        names.push(element.name().to_owned());
    }
    assert_eq!(names, ["a", "c", "a"]);
    xml.finish().unwrap();
}

#[test]
fn text_has_entities_resolved_and_elements_left_out() {
    let text = "<r><a> x&amp;&lt;&#65;&#x42;<b>no</b><![CDATA[<&>]]>\r\n</a></r>";
    let found = children(text).unwrap();
    assert_eq!(found, [("a".to_owned(), " x&<AB<&>\n".to_owned())]);
}

#[test]
fn attributes_have_entities_resolved_once() {
    let mut xml = open("<r><a k='1' rpm:k=\"&amp;lt;&#x41;\t&quot;\"/></r>").unwrap();
    let element = xml.child(1).unwrap().unwrap();
    assert_eq!(element.attribute("k").unwrap().unwrap(), "1");
    assert_eq!(element.attribute("rpm:k").unwrap().unwrap(), "&lt;A \"");
    assert_eq!(element.attribute("x").unwrap(), None);
    assert_eq!(
        element.require("x").unwrap_err().to_string(),
        "cannot read metadata: <a> has no attribute `x`"
    );
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for text in [
        "",
        "plain text",
        "<other/>",
        "<r>",
        "<r><a></r>",
        "<r></a></r>",
        "<r/><r/>",
        "<r/>text",
        "<r><a>&unknown;</a></r>",
        "<r><a>&#0;</a></r>",
        "<r><a>&#1;</a></r>",
        "<r><a>&#xD800;</a></r>",
        "<r><a>& b</a></r>",
        "<r><a>\u{7}</a></r>",
        "<r><a",
        "<r><a/><!-- ",
        "<r><![CDATA[",
    ] {
        let error = children(text).unwrap_err();
        assert_eq!(error.kind(), MetadataErrorKind::Malformed, "{text}");
        assert!(error.to_string().len() < 200, "{error}");
    }
    let mut xml = open("<r><a k='1' k='2'/></r>").unwrap();
    assert!(xml.child(1).unwrap().unwrap().attribute("x").is_err());
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let source: &[u8] = b"<r><a>\xff</a></r>";
    let mut xml = Xml::open(source, "a.xml", Limits::default(), &["r"]).unwrap();
    xml.child(1).unwrap();
    assert_eq!(xml.text().unwrap_err().kind(), MetadataErrorKind::Malformed);
    assert!(children("<?xml version='1.0' encoding='ISO-8859-1'?><r/>").is_err());
    assert!(children("<?xml version='1.0' encoding='utf-8'?><r/>").is_ok());
    assert!(children("\u{feff}<r/>").is_ok());
    // Places are those in the file, however it comes.
    let open = |capacity| {
        let text = "\u{feff}<s/>".as_bytes();
        let source = std::io::BufReader::with_capacity(capacity, text);
        Xml::open(source, "a.xml", Limits::default(), &["r"])
    };
    for capacity in [1, 2, 100] {
        let error = open(capacity).err().unwrap().to_string();
        let wanted = "cannot read a.xml, at byte 7: expected <r>, found <s>";
        assert_eq!(error, wanted, "in pieces of {capacity}");
    }
    let pieces = std::io::BufReader::with_capacity(1, "\u{feff}<r/>".as_bytes());
    assert!(Xml::open(pieces, "a.xml", Limits::default(), &["r"]).is_ok());
}

#[test]
fn a_doctype_that_declares_something_is_refused() {
    assert!(children("<!DOCTYPE r PUBLIC '-//x//EN' 'r.dtd'><r/>").is_ok());
    assert!(children("<!DOCTYPE r PUBLIC '-//x//EN' 'r.dtd'><r><a>&b;</a></r>").is_err());
    let text = "<!DOCTYPE r [<!ENTITY a 'aaaaaaaaaa'>]><r>&a;</r>";
    let error = children(text).unwrap_err();
    assert_eq!(error.kind(), MetadataErrorKind::Unsupported);
}

#[test]
fn what_is_too_long_or_too_deep_is_refused() {
    let long = "x".repeat(1001);
    let pieces = "<b/>".repeat(10) + &"<![CDATA[xxxxxxxxxxxxxxxxxxxxxxxxxxx]]>".repeat(40);
    let attributes: String = (0..65).map(|n| format!(" k{n}=''")).collect();
    for text in [
        format!("<r><a>{long}</a></r>"),
        format!("<r><!--{long}--></r>"),
        format!("<r><a>{pieces}</a></r>"),
        format!("<r><a k='{}'/></r>", "x".repeat(100)),
        "<r><a><a><a><a/></a></a></a></r>".to_owned(),
    ] {
        let error = children(&text).unwrap_err();
        assert_eq!(error.kind(), MetadataErrorKind::TooLarge, "{text}");
    }
    let text = format!("<r><a{attributes}/></r>");
    let mut xml = Xml::open(text.as_bytes(), "a.xml", Limits::default(), &["r"]).unwrap();
    let element = xml.child(1).unwrap().unwrap();
    let error = element.attribute("x").unwrap_err();
    assert_eq!(error.kind(), MetadataErrorKind::TooLarge);
}

#[test]
fn messages_name_file_and_position() {
    assert_eq!(
        open("<s/>").err().unwrap().to_string(),
        "cannot read a.xml, at byte 4: expected <r>, found <s>"
    );
    let mut xml = open("<r><a>1.x</a></r>").unwrap();
    xml.child(1).unwrap();
    let error = xml.number().unwrap_err();
    assert_eq!(
        xml.locate(error).to_string(),
        "cannot read a.xml, at byte 13: `1.x` is not a number"
    );
    assert!(message("<r>").contains("it was cut off"));
}

#[test]
fn numbers_are_whole_and_never_negative() {
    for (text, value) in [
        ("0", 0),
        (" 12 ", 12),
        ("1334667230.82", 1_334_667_230),
        ("7.", 7),
    ] {
        assert_eq!(number(text).unwrap(), value);
    }
    for text in [
        "",
        "-1",
        "+1",
        "1e3",
        ".5",
        "0x1",
        "1.5.2",
        "18446744073709551616",
    ] {
        assert!(number(text).is_err(), "{text}");
    }
}
