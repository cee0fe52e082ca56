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
    let mut start = 0;
    for label in text.split('.') {
        if let Some((at, c)) = label
            .char_indices()
            .find(|(_, c)| !c.is_ascii_alphanumeric() && *c != '-')
        {
            return Fault::new(start + at, Problem::RegistryChar(c));
        }
        if label.is_empty() {
            return Fault::new(start, Problem::RegistryLabel);
        }
        if label.starts_with('-') {
            return Fault::new(start, Problem::RegistryHyphen);
        }
        if label.ends_with('-') {
            return Fault::new(start + label.len() - 1, Problem::RegistryHyphen);
        }
        start += label.len() + 1;
    }
    Ok(())
}

/// Path components, separated by slashes. `implied` bytes are part of the name but not
/// of the text.
pub(super) fn name(text: &str, implied: usize) -> Result<(), Fault> {
    let mut start = 0;
    for text in text.split('/') {
        component(text).map_err(|fault| Fault {
            at: start + fault.at,
            ..fault
        })?;
        start += text.len() + 1;
    }
    let length = implied + text.len();
    if length > NAME_MAX {
        return Fault::new(NAME_MAX - implied, Problem::NameTooLong(length));
    }
    Ok(())
}

/// Runs of lower-case letters and digits, with a separator between two of them.
pub(super) fn component(text: &str) -> Result<(), Fault> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let run = (bytes.iter().skip(at))
            .take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            .count();
        // Everything before `at` is ASCII, so the rest begins at a character.
        let rest = text.get(at + run..).unwrap_or_default();
        let mut next = rest.chars();
        at += run;
        let separator = match (next.next(), next.next()) {
            (None, _) if text.is_empty() => return Fault::new(0, Problem::ComponentEmpty),
            (None, _) if run == 0 => return Fault::new(at - 1, Problem::Separator),
            (None, _) => return Ok(()),
            (Some('.' | '_' | '-'), _) if run == 0 => return Fault::new(at, Problem::Separator),
            (Some('_'), Some('_')) => 2,
            (Some('.' | '_'), _) => 1,
            (Some('-'), _) => rest.bytes().take_while(|b| *b == b'-').count(),
            (Some(c), _) if c.is_uppercase() => return Fault::new(at, Problem::Upper(c)),
            (Some(c), _) => return Fault::new(at, Problem::NameChar(c)),
        };
        at += separator;
    }
}

/// `[\w][\w.-]{0,127}`, in ASCII.
pub(super) fn tag(text: &str) -> Result<(), Fault> {
    for (at, c) in text.char_indices() {
        let word = c.is_ascii_alphanumeric() || c == '_';
        if at == 0 && !word {
            return Fault::new(at, Problem::TagStart(c));
        }
        if !word && c != '.' && c != '-' {
            return Fault::new(at, Problem::TagChar(c));
        }
    }
    match text.len() {
        0 => Fault::new(0, Problem::TagEmpty),
        1..=TAG_MAX => Ok(()),
        length => Fault::new(TAG_MAX, Problem::TagTooLong(length)),
    }
}
