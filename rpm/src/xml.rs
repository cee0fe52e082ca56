//! A capped pull parser for the XML of rpm-md.
//!
//! Elements are visited as [`Xml::child`] of the element at a depth; whatever a
//! caller does not look at is skipped, so unknown elements cost a parser nothing. Only
//! the predefined entities and character references exist: a DOCTYPE that declares
//! anything is refused.
//! Every event takes at least four bytes of input, so work is linear in its size.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use quick_xml::XmlVersion;
use quick_xml::events::attributes::AttrError;
use quick_xml::events::{BytesDecl, BytesRef, Event};

use crate::error::{MetadataError, MetadataErrorKind, excerpt};
use crate::limits::Limits;

/// An XML document, read from its beginning to its end.
pub(crate) struct Xml<R> {
    reader: quick_xml::Reader<Metered<R>>,
    /// The bytes of the current event.
    event: Vec<u8>,
    /// Name and attributes of the element opened last.
    tag: String,
    /// How much of `tag` is the name.
    name_len: usize,
    text: Text,
    /// How many elements are open.
    depth: usize,
    /// Whether the element opened last is empty, and closes with the next step.
    is_empty: bool,
    file: Box<str>,
    limits: Limits,
}

/// What happened next in the document.
enum Step {
    Open,
    Close,
    Other,
    End,
}

impl<R: BufRead> Xml<R> {
    /// Opens a document and its root element, which must have one of those names.
    pub(crate) fn open(
        source: R,
        file: &str,
        limits: Limits,
        roots: &[&str],
    ) -> Result<Self, MetadataError> {
        let mut xml = Self {
            reader: quick_xml::Reader::from_reader(Metered::new(source)),
            event: Vec::new(),
            tag: String::new(),
            name_len: 0,
            text: Text::default(),
            depth: 0,
            is_empty: false,
            file: file.into(),
            limits,
        };
        let problem = match xml.child(0) {
            Ok(Some(element)) if roots.contains(&element.name()) => None,
            Ok(Some(element)) => Some(MetadataError::malformed(format!(
                "expected <{}>, found <{}>",
                roots.join("> or <"),
                excerpt(element.name())
            ))),
            Ok(None) => Some(MetadataError::malformed(format!(
                "expected <{}>, found no XML",
                roots.join("> or <")
            ))),
            Err(error) => Some(error),
        };
        match problem {
            None => Ok(xml),
            Some(problem) => Err(xml.locate(problem)),
        }
    }

    /// How many elements are open: what to give to [`Xml::child`] for the children
    /// of the element that it just returned.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// The caps this document is read under.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The element that was opened last.
    pub(crate) fn element(&self) -> Element<'_> {
        Element {
            tag: &self.tag,
            name_len: self.name_len,
        }
    }

    /// The next child of the element at `depth`, after skipping what is left of the
    /// one before. `None` at the end of that element, or of the document for 0.
    pub(crate) fn child(&mut self, depth: usize) -> Result<Option<Element<'_>>, MetadataError> {
        while self.depth >= depth {
            match self.step()? {
                Step::Open if self.depth == depth + 1 => return Ok(Some(self.element())),
                Step::End => break,
                _ => {}
            }
        }
        Ok(None)
    }

    /// The text directly inside the element that [`Xml::child`] just returned, up to
    /// its end. Elements inside it are skipped.
    pub(crate) fn text(&mut self) -> Result<&str, MetadataError> {
        let depth = self.depth;
        self.text.content.clear();
        self.text.wanted = Some(depth);
        while self.depth >= depth {
            self.step()?;
        }
        self.text.wanted = None;
        Ok(&self.text.content)
    }

    /// [`Xml::text`] without white space around it.
    pub(crate) fn token(&mut self) -> Result<&str, MetadataError> {
        Ok(self.text()?.trim())
    }

    /// [`Xml::token`] as a whole number. Old tools write times as fractions, whose
    /// digits after the point are dropped.
    pub(crate) fn number(&mut self) -> Result<u64, MetadataError> {
        number(self.token()?)
    }

    /// Reads to the end of the document, where nothing may follow the root element.
    pub(crate) fn finish(&mut self) -> Result<(), MetadataError> {
        while self.depth > 0 {
            self.step()?;
        }
        match self.child(0)? {
            None => Ok(()),
            Some(element) => Err(MetadataError::malformed(format!(
                "<{}> follows the end of the document",
                excerpt(element.name())
            ))),
        }
    }

    /// Adds the file and the position to an error.
    pub(crate) fn locate(&self, error: MetadataError) -> MetadataError {
        let error = error.in_file(&self.file);
        match error.kind() {
            // These are about the file as a whole.
            MetadataErrorKind::Source | MetadataErrorKind::Corrupt => error,
            _ => error.at(self.reader.buffer_position()),
        }
    }

    fn step(&mut self) -> Result<Step, MetadataError> {
        if std::mem::take(&mut self.is_empty) {
            self.depth -= 1;
            return Ok(Step::Close);
        }
        self.event.clear();
        // The space between elements is most of the text there is.
        self.reader.config_mut().trim_text_start = !self.text.is_of_interest(self.depth);
        self.reader.get_mut().left = self.limits.text;
        let event = match self.reader.read_event_into(&mut self.event) {
            Ok(event) => event,
            Err(quick_xml::Error::Io(error)) => return Err(MetadataError::from_io(&error)),
            Err(error) => return Err(MetadataError::malformed(excerpt(&error.to_string()))),
        };
        self.is_empty = matches!(event, Event::Empty(_));
        match event {
            Event::Start(start) | Event::Empty(start) => {
                self.depth += 1;
                if self.depth > self.limits.depth {
                    return Err(too_large("elements lie too deep inside each other"));
                }
                if start.len() > self.limits.tag {
                    return Err(too_large("a tag is too long"));
                }
                self.tag.clear();
                self.tag.push_str(&start);
                self.name_len = start.name().as_ref().len();
                Ok(Step::Open)
            }
            Event::End(_) => {
                self.depth = self.depth.checked_sub(1).ok_or_else(|| {
                    MetadataError::malformed("an element ends that was never opened")
                })?;
                Ok(Step::Close)
            }
            Event::Text(_) | Event::CData(_) if !self.text.is_of_interest(self.depth) => {
                Ok(Step::Other)
            }
            Event::Text(text) => {
                let text = text.xml10_content();
                self.text.take(&text, self.depth, &self.limits)
            }
            Event::CData(text) => {
                let text = text.xml10_content();
                self.text.take(&text, self.depth, &self.limits)
            }
            Event::GeneralRef(reference) => {
                let mut buffer = [0; 4];
                let resolved = resolve(&reference, &mut buffer)?;
                self.text.take(resolved, self.depth, &self.limits)
            }
            // Comps files name their DTD, which nobody fetches.
            Event::DocType(text) if !text.contains('[') => Ok(Step::Other),
            Event::DocType(_) => Err(MetadataError::new(
                MetadataErrorKind::Unsupported,
                "its DOCTYPE declares something; metadata does not, and it is not obeyed",
            )),
            Event::Decl(declaration) => check_encoding(&declaration),
            Event::Eof if self.depth > 0 => Err(MetadataError::malformed(
                "it ends in the middle of an element: it was cut off",
            )),
            Event::Eof => Ok(Step::End),
            Event::Comment(_) | Event::PI(_) => Ok(Step::Other),
        }
    }
}

/// Where [`Xml::text`] collects.
#[derive(Default)]
struct Text {
    content: String,
    /// The depth of the element whose text is wanted.
    wanted: Option<usize>,
}

impl Text {
    /// Whether text at this depth is wanted, or must not be there.
    fn is_of_interest(&self, depth: usize) -> bool {
        depth == 0 || self.wanted == Some(depth)
    }

    fn take(&mut self, piece: &str, depth: usize, limits: &Limits) -> Result<Step, MetadataError> {
        // A byte order mark is text here.
        let nothing = |c| is_space(c) || c == '\u{feff}';
        if depth == 0 && !piece.chars().all(nothing) {
            return Err(MetadataError::malformed(
                "there is text outside the root element",
            ));
        }
        if self.wanted == Some(depth) {
            if self.content.len() + piece.len() > limits.text {
                return Err(too_large("a text is too long"));
            }
            check_characters(piece)?;
            self.content.push_str(piece);
        }
        Ok(Step::Other)
    }
}

/// The start tag of an element.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    tag: &'a str,
    name_len: usize,
}

impl<'a> Element<'a> {
    /// Its name without the prefix `rpm:`. Names with another prefix, which stand
    /// for extensions, keep it.
    pub(crate) fn name(&self) -> &'a str {
        let name = self.tag.get(..self.name_len).unwrap_or(self.tag);
        name.strip_prefix("rpm:").unwrap_or(name)
    }

    /// The attributes with their values, entities resolved, in the order written.
    pub(crate) fn attributes(&self) -> Attributes<'a> {
        Attributes {
            element: *self,
            inner: self.unchecked(),
            count: 0,
            seen: 0,
            failed: false,
        }
    }

    /// The attributes as they are written, also such that are there twice.
    fn unchecked(&self) -> quick_xml::events::attributes::Attributes<'a> {
        let mut all = quick_xml::events::attributes::Attributes::new(self.tag, self.name_len);
        all.with_checks(false);
        all
    }

    /// The value of one attribute.
    pub(crate) fn attribute(&self, name: &str) -> Result<Option<Cow<'a, str>>, MetadataError> {
        for attribute in self.attributes() {
            let (key, value) = attribute?;
            if key == name {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// The value of an attribute that must be there.
    pub(crate) fn require(&self, name: &str) -> Result<Cow<'a, str>, MetadataError> {
        self.attribute(name)?.ok_or_else(|| {
            MetadataError::malformed(format!(
                "<{}> has no attribute `{name}`",
                excerpt(self.name())
            ))
        })
    }
}

/// The attributes of an element, up to the first that is wrong.
pub(crate) struct Attributes<'a> {
    element: Element<'a>,
    inner: quick_xml::events::attributes::Attributes<'a>,
    /// How many came so far.
    count: usize,
    /// A bit for each name that came, which others may share.
    seen: u64,
    failed: bool,
}

impl<'a> Attributes<'a> {
    /// Finding those that are there twice takes quadratic time at worst.
    const MAX: usize = 64;

    fn read(
        &mut self,
        attribute: Result<quick_xml::events::attributes::Attribute<'a>, AttrError>,
    ) -> Result<(&'a str, Cow<'a, str>), MetadataError> {
        let malformed = |text: String| MetadataError::malformed(excerpt(&text));
        let attribute = attribute.map_err(|e| malformed(e.to_string()))?;
        if self.count >= Self::MAX {
            return Err(too_large("an element has too many attributes"));
        }
        let key = attribute.key.into_inner();
        let mix = key.bytes().fold(0, |mix: u8, b| mix.wrapping_mul(31) ^ b);
        let bit = 1 << (mix % 64);
        if self.seen & bit != 0 {
            let mut before = self.element.unchecked().take(self.count).flatten();
            if before.any(|before| before.key.into_inner() == key) {
                return Err(malformed(format!("the attribute `{key}` is there twice")));
            }
        }
        self.seen |= bit;
        self.count += 1;
        // Most values stand for themselves.
        let plain = |value: &str| {
            !value
                .bytes()
                .fold(false, |found, b| found | (b < b' ' || b == b'&'))
        };
        if let Cow::Borrowed(value) = &attribute.value
            && plain(value)
        {
            return Ok((key, Cow::Borrowed(value)));
        }
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(|e| malformed(e.to_string()))?;
        check_characters(&value)?;
        Ok((key, value))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(&'a str, Cow<'a, str>), MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let attribute = self.inner.next()?;
        let read = self.read(attribute);
        self.failed = read.is_err();
        Some(read)
    }
}

/// A whole number; see [`Xml::number`].
pub(crate) fn number(text: &str) -> Result<u64, MetadataError> {
    let text = text.trim();
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b.is_ascii_digit()) => whole,
        _ => text,
    };
    if whole.bytes().all(|b| b.is_ascii_digit())
        && let Ok(number) = whole.parse()
    {
        return Ok(number);
    }
    Err(MetadataError::malformed(format!(
        "`{}` is not a number",
        excerpt(text)
    )))
}

fn too_large(message: &str) -> MetadataError {
    MetadataError::new(MetadataErrorKind::TooLarge, message)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Refuses the control characters that XML 1.0 does not allow (section 2.2), which
/// terminals would act on.
fn check_characters(text: &str) -> Result<(), MetadataError> {
    let bad = |b: u8| b < b' ' && !matches!(b, b'\t' | b'\r' | b'\n');
    // Without leaving early, which lets it look at many at a time.
    if !text.bytes().fold(false, |found, b| found | bad(b)) {
        return Ok(());
    }
    match text.bytes().find(|b| bad(*b)) {
        None => Ok(()),
        Some(bad) => Err(MetadataError::malformed(format!(
            "the control character {bad:#04x} is not allowed in XML"
        ))),
    }
}

fn resolve<'b>(
    reference: &BytesRef<'_>,
    buffer: &'b mut [u8; 4],
) -> Result<&'b str, MetadataError> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.encode_utf8(buffer)),
        Ok(None) => quick_xml::escape::resolve_xml_entity(reference).ok_or_else(|| {
            MetadataError::malformed(format!("`&{};` is not a known entity", excerpt(reference)))
        }),
        Err(error) => Err(MetadataError::malformed(excerpt(&error.to_string()))),
    }
}

fn check_encoding(declaration: &BytesDecl<'_>) -> Result<Step, MetadataError> {
    match declaration.encoding() {
        None => Ok(Step::Other),
        Some(Ok(encoding))
            if encoding.eq_ignore_ascii_case("utf-8")
                || encoding.eq_ignore_ascii_case("us-ascii") =>
        {
            Ok(Step::Other)
        }
        Some(Ok(encoding)) => Err(MetadataError::new(
            MetadataErrorKind::Unsupported,
            format!("its encoding is {}, not UTF-8", excerpt(&encoding)),
        )),
        Some(Err(error)) => Err(MetadataError::malformed(excerpt(&error.to_string()))),
    }
}

/// Stops one event from growing without bound.
struct Metered<R> {
    inner: R,
    /// How many bytes the current event may still take.
    left: usize,
    /// Whether the first byte was taken. It comes alone, so that the parser never takes a byte
    /// order mark away: it would only where the mark comes in one piece, and count places in the
    /// file from behind it.
    begun: bool,
}

impl<R> Metered<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            left: 0,
            begun: false,
        }
    }
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let available = self.inner.fill_buf()?;
        if self.left == 0 && !available.is_empty() {
            return Err(too_large("a text, comment or tag is too long").into());
        }
        let most = if self.begun { self.left } else { 1 };
        Ok(available.get(..most).unwrap_or(available))
    }

    fn consume(&mut self, amount: usize) {
        self.begun |= amount > 0;
        self.left = self.left.saturating_sub(amount);
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests;
