//! The grammar of the parts of a reference: each function reads its text once, from
//! left to right, and says at which byte it first goes wrong.

use super::error::{Fault, Problem};

/// Longest name of a repository, in bytes.
const NAME_MAX: usize = 255;
/// Longest tag, in bytes.
const TAG_MAX: usize = 128;

/// `host[:port]`, where the host is a domain name, an IPv4 address or an IPv6 address
/// in brackets.
pub(super) fn authority(text: &str) -> Result<(), Fault> {
    let (host_len, port) = if let Some(inner) = text.strip_prefix('[') {
        let len = inner
            .bytes()
            .take_while(|b| b.is_ascii_hexdigit() || *b == b':')
            .count();
        let rest = inner.get(len..).unwrap_or_default();
        match rest.strip_prefix(']') {
            Some(port) if len > 0 => (len + 2, port),
            _ => return Fault::new(len + 1, Problem::Ipv6),
        }
    } else {
        let host = text.split_once(':').map_or(text, |(host, _)| host);
        domain_name(host)?;
        (host.len(), text.get(host.len()..).unwrap_or_default())
    };
    let Some(digits) = port.strip_prefix(':') else {
        return match port.is_empty() {
            true => Ok(()),
            false => Fault::new(host_len, Problem::Ipv6),
        };
    };
    let len = digits.bytes().take_while(u8::is_ascii_digit).count();
    if len == 0 || len < digits.len() {
        return Fault::new(host_len + 1 + len, Problem::Port);
    }
    Ok(())
}

fn domain_name(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Fault::new(0, Problem::RegistryEmpty);
    }
    let bytes = text.as_bytes();
    let mut start = 0;
    loop {
        let end = start + run(bytes, start, LETTER | DIGIT | HYPHEN);
        let label = bytes.get(start..end).unwrap_or_default();
        if bytes.get(end).is_some_and(|b| *b != b'.') {
            return Fault::new(end, Problem::RegistryChar(char_at(text, end)));
        }
        match label {
            [] => return Fault::new(start, Problem::RegistryLabel),
            [b'-', ..] => return Fault::new(start, Problem::RegistryHyphen),
            [.., b'-'] => return Fault::new(end - 1, Problem::RegistryHyphen),
            _ if end == bytes.len() => return Ok(()),
            _ => start = end + 1,
        }
    }
}

/// Path components, separated by slashes. `implied` bytes are part of the name but not
/// of the text.
pub(super) fn name(text: &str, implied: usize) -> Result<(), Fault> {
    let mut end = component(text, 0)?;
    while end < text.len() {
        end = component(text, end + 1)?;
    }
    let length = implied + text.len();
    if length > NAME_MAX {
        return Fault::new(NAME_MAX - implied, Problem::NameTooLong(length));
    }
    Ok(())
}

/// Runs of lower-case letters and digits, with a separator between two of them, from `start` to
/// the slash or the end of the text that is returned.
pub(super) fn component(text: &str, start: usize) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    let mut at = start;
    loop {
        let length = run(bytes, at, LOWER | DIGIT);
        at += length;
        at += match bytes.get(at) {
            None | Some(b'/') if at == start => return Fault::new(at, Problem::ComponentEmpty),
            None | Some(b'/') if length == 0 => return Fault::new(at - 1, Problem::Separator),
            None | Some(b'/') => return Ok(at),
            Some(b'.' | b'_' | b'-') if length == 0 => return Fault::new(at, Problem::Separator),
            Some(b'_') if bytes.get(at + 1) == Some(&b'_') => 2,
            Some(b'.' | b'_') => 1,
            Some(b'-') => run(bytes, at, HYPHEN),
            Some(_) => {
                return match char_at(text, at) {
                    c if c.is_uppercase() => Fault::new(at, Problem::Upper(c)),
                    c => Fault::new(at, Problem::NameChar(c)),
                };
            }
        };
    }
}

/// `[\w][\w.-]{0,127}`, in ASCII.
pub(super) fn tag(text: &str) -> Result<(), Fault> {
    let bytes = text.as_bytes();
    let legal = match run(bytes, 0, LETTER | DIGIT | UNDERSCORE) {
        0 => 0,
        _ => run(bytes, 0, LETTER | DIGIT | UNDERSCORE | DOT | HYPHEN),
    };
    match text.len() {
        0 => Fault::new(0, Problem::TagEmpty),
        _ if legal == 0 => Fault::new(0, Problem::TagStart(char_at(text, 0))),
        length if legal < length => Fault::new(legal, Problem::TagChar(char_at(text, legal))),
        1..=TAG_MAX => Ok(()),
        length => Fault::new(TAG_MAX, Problem::TagTooLong(length)),
    }
}

// What a byte is, one bit each: a reference is parsed for every line of a log and every entry of
// a configuration, so each of its bytes is looked at once, and looked up.
const LOWER: u8 = 1;
const UPPER: u8 = 1 << 1;
const LETTER: u8 = LOWER | UPPER;
const DIGIT: u8 = 1 << 2;
const HYPHEN: u8 = 1 << 3;
const UNDERSCORE: u8 = 1 << 4;
const DOT: u8 = 1 << 5;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    // All of these are ASCII.
    while byte < 0x80 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            b'0'..=b'9' => DIGIT,
            b'-' => HYPHEN,
            b'_' => UNDERSCORE,
            b'.' => DOT,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// How many bytes from `start` on are of one of the classes.
fn run(bytes: &[u8], start: usize, classes: u8) -> usize {
    let of = |byte: &&u8| CLASSES[usize::from(**byte)] & classes != 0;
    bytes.iter().skip(start).take_while(of).count()
}

/// The character that begins where a run of ASCII ended.
fn char_at(text: &str, at: usize) -> char {
    let mut rest = text.get(at..).unwrap_or_default().chars();
    rest.next().unwrap_or(char::REPLACEMENT_CHARACTER)
}
