//! What the JSON documents of the image specification have in common.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::{Map, Value};

/// Fills a slot, once: a document that says a thing twice means different things to
/// different readers.
pub(crate) fn once<T, E: Error>(
    slot: &mut Option<T>,
    name: &'static str,
    value: T,
) -> Result<(), E> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(name)),
    }
}

/// Refuses the name of a known field in other letters.
///
/// Go's decoder ignores case, so to a Go client `Layers` is `layers`. A document with
/// a field that only Go would understand is refused, for else two clients could be
/// made to see two different documents (as in CVE-2021-41190).
pub(crate) fn no_other_case<E: Error>(known: &[&str], key: &str) -> Result<(), E> {
    match known.iter().find(|name| folds_to(key, name)) {
        None => Ok(()),
        Some(name) => Err(E::custom(format_args!(
            "field `{}` differs from `{name}` only in case, which some clients ignore and some do not",
            key.escape_debug()
        ))),
    }
}

/// Keeps a field that has no meaning here.
pub(crate) fn keep<E: Error>(
    unknown: &mut Map<String, Value>,
    known: &[&str],
    key: String,
    value: Value,
) -> Result<(), E> {
    no_other_case(known, &key)?;
    match unknown.insert(key, value) {
        None => Ok(()),
        Some(_) => Err(E::custom("a field occurs twice")),
    }
}

/// Whether Go's `encoding/json` takes `key` for `name`, which is ASCII: simple Unicode
/// case folding has two letters beyond ASCII that fold into it.
pub(crate) fn folds_to(key: &str, name: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(name.chars().map(fold))
}

/// Reads `null` as the default: Go's encoders write an empty list so.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Writes a document of this crate, whose keys are all strings.
pub(crate) fn write(document: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("writing string keys to memory cannot fail")
}
