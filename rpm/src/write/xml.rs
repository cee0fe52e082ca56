//! XML as createrepo_c lays it out.

use std::fmt::Write as _;

/// A document in the making.
#[derive(Debug)]
pub(super) struct Xml {
    text: String,
    open: Vec<&'static str>,
    /// How many of the open elements do not indent what is in them.
    flat: usize,
}

impl Xml {
    /// Begins a document.
    pub(super) fn new() -> Self {
        Self {
            text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
            open: Vec::new(),
            flat: 0,
        }
    }

    /// Begins a document of many elements, which are not indented.
    pub(super) fn of_many() -> Self {
        Self {
            flat: 1,
            ..Self::new()
        }
    }

    /// The text since the beginning, or since it was last cleared.
    pub(super) fn text_so_far(&self) -> &str {
        &self.text
    }

    /// The text since the beginning, or since it was last cleared, with whatever is open
    /// left open.
    pub(super) fn take(self) -> String {
        self.text
    }

    /// Forgets the text, not what is open.
    pub(super) fn clear(&mut self) {
        self.text.clear();
    }

    /// Begins an element with children.
    pub(super) fn start(&mut self, name: &'static str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.text.push_str(">\n");
        self.open.push(name);
    }

    /// Ends the element begun last.
    pub(super) fn end(&mut self) {
        if let Some(name) = self.open.pop() {
            self.indent();
            self.text.push_str("</");
            self.text.push_str(name);
            self.text.push_str(">\n");
        }
    }

    /// An element with attributes alone.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.text.push_str("/>\n");
    }

    /// An element with text; without any it is written empty.
    pub(super) fn text(&mut self, name: &str, attributes: &[(&str, &str)], content: &str) {
        if content.is_empty() {
            return self.empty(name, attributes);
        }
        self.tag(name, attributes);
        self.text.push('>');
        escape(&mut self.text, content, false);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push_str(">\n");
    }

    /// An element with a number.
    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.tag(name, &[]);
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, ">{number}</{name}>");
    }

    /// Ends what is open.
    pub(super) fn end_all(&mut self) {
        while !self.open.is_empty() {
            self.end();
        }
    }

    /// Ends what is open and gives the document.
    pub(super) fn finish(mut self) -> String {
        self.end_all();
        self.text
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.indent();
        self.text.push('<');
        self.text.push_str(name);
        for (key, value) in attributes {
            self.text.push(' ');
            self.text.push_str(key);
            self.text.push_str("=\"");
            escape(&mut self.text, value, true);
            self.text.push('"');
        }
    }

    fn indent(&mut self) {
        for _ in self.flat..self.open.len() {
            self.text.push_str("  ");
        }
    }
}

/// Escapes what XML cannot hold as it is, and leaves out what it cannot hold at all
/// (XML 1.0, section 2.2): one control character would make the document unreadable.
fn escape(to: &mut String, text: &str, attribute: bool) {
    for c in text.chars() {
        match c {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' if attribute => to.push_str("&quot;"),
            // A reader turns these into spaces in attributes, and a bare CR into LF.
            '\t' if attribute => to.push_str("&#9;"),
            '\n' if attribute => to.push_str("&#10;"),
            '\r' => to.push_str("&#13;"),
            '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => to.push(c),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_indented_and_closed() {
        let mut xml = Xml::new();
        xml.start("a", &[("b", "c")]);
        xml.text("d", &[], "e");
        xml.text("f", &[], "");
        xml.number("g", 7);
        assert_eq!(
            xml.finish(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <a b=\"c\">\n  <d>e</d>\n  <f/>\n  <g>7</g>\n</a>\n"
        );
    }

    #[test]
    fn what_xml_cannot_hold_is_escaped_or_left_out() {
        let mut xml = Xml::new();
        xml.text("a", &[("b", "\"<\n\t")], "<&>\"\n\u{1b}\u{0}\u{fffe}é\r");
        let text = xml.finish();
        assert_eq!(
            text.lines().skip(1).collect::<Vec<_>>().join("\n"),
            "<a b=\"&quot;&lt;&#10;&#9;\">&lt;&amp;&gt;\"\né&#13;</a>"
        );
    }
}
