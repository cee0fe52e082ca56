//! Annotations: what manifests and descriptors say in words of their own
//! (image-spec, `annotations.md`).

use std::borrow::Cow;
use std::fmt;
use std::ops::Index;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Texts by key, sorted by key.
///
/// A descriptor has one annotation or none, and a manifest may have thousands of descriptors.
/// So they are a sorted list and no tree, of which even the smallest takes half a kilobyte.
///
/// ```
/// use ocirepo::annotations::Annotations;
///
/// let mut annotations: Annotations = [("org.example.b", "2"), ("org.example.a", "1")].into();
/// annotations.insert("org.example.b", "3");
/// assert_eq!(annotations.get("org.example.b"), Some("3"));
/// let keys: Vec<&str> = annotations.iter().map(|(key, _)| key).collect();
/// assert_eq!(keys, ["org.example.a", "org.example.b"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Annotations(Vec<(Key, Box<str>)>);

impl Annotations {
    /// None yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.find(key).ok()?;
        self.0.get(at).map(|(_, value)| &**value)
    }

    /// Whether there is a value of this key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// Sets the value of a key, in place of one that is there.
    pub fn insert(&mut self, key: impl AsRef<str>, value: impl Into<Box<str>>) {
        let (key, value) = (key.as_ref(), value.into());
        match self.find(key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => {
                // The usual one takes the room of one.
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (Key::from(key), value));
            }
        }
    }

    /// Removes a key and its value, and says whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let found = self.find(key);
        found.map(|at| self.0.remove(at)).is_ok()
    }

    /// Keys and values, in the order of the keys' bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&*key.0, &**value))
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (*known.0).cmp(key))
    }

    /// Sorts what came in any order. The last value of a key counts.
    fn sorted(mut pairs: Vec<(Key, Box<str>)>) -> Self {
        if !pairs.is_sorted_by(|(one, _), (next, _)| one.0 < next.0) {
            // Once for all: one by one, a hostile order would take time in the square of them.
            pairs.sort_by(|(one, _), (other, _)| one.0.cmp(&other.0));
            pairs.dedup_by(|(key, value), (before, kept)| {
                let same = key == before;
                if same {
                    std::mem::swap(value, kept);
                }
                same
            });
        }
        Self(pairs)
    }
}

impl<K: AsRef<str>, V: Into<Box<str>>> FromIterator<(K, V)> for Annotations {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        Self::sorted(
            pairs
                .map(|(key, value)| (Key::from(key.as_ref()), value.into()))
                .collect(),
        )
    }
}

impl<K: AsRef<str>, V: Into<Box<str>>, const N: usize> From<[(K, V); N]> for Annotations {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl Index<&str> for Annotations {
    type Output = str;

    /// # Panics
    ///
    /// When there is no such key, as maps do.
    fn index(&self, key: &str) -> &str {
        self.get(key).expect("there is such an annotation")
    }
}

impl fmt::Debug for Annotations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Annotations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Annotations;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("annotations, which are an object of texts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    if pairs.is_empty() {
                        pairs.reserve_exact(1);
                    }
                    pairs.push(pair);
                }
                Ok(Annotations::sorted(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// A key. Those that the specification defines take no memory of their own.
#[derive(Clone, PartialEq, Eq)]
struct Key(Cow<'static, str>);

/// The pre-defined keys (image-spec, `annotations.md`).
const PREDEFINED: [&str; 15] = [
    "org.opencontainers.image.title",
    "org.opencontainers.image.created",
    "org.opencontainers.image.version",
    "org.opencontainers.image.ref.name",
    "org.opencontainers.image.authors",
    "org.opencontainers.image.base.digest",
    "org.opencontainers.image.base.name",
    "org.opencontainers.image.description",
    "org.opencontainers.image.documentation",
    "org.opencontainers.image.licenses",
    "org.opencontainers.image.revision",
    "org.opencontainers.image.source",
    "org.opencontainers.image.stopSignal",
    "org.opencontainers.image.url",
    "org.opencontainers.image.vendor",
];

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        let known = PREDEFINED.into_iter().find(|key| *key == text);
        Self(known.map_or_else(|| Cow::Owned(text.to_owned()), Cow::Borrowed))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E>(self, text: &str) -> Result<Key, E> {
                Ok(Key::from(text))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_sorted_and_the_last_of_a_key_counts() {
        let read: Annotations =
            serde_json::from_str(r#"{"b":"1","a":"2","b":"3","":"4","a":"5","\u0061":"6"}"#)
                .unwrap();
        assert_eq!(
            serde_json::to_string(&read).unwrap(),
            r#"{"":"4","a":"6","b":"3"}"#
        );
        let mut built = Annotations::new();
        for (key, value) in [("b", "1"), ("", "4"), ("a", "6"), ("c", "7"), ("b", "3")] {
            built.insert(key, value);
        }
        assert!(built.remove("c") && !built.remove("c"));
        assert_eq!(built, read);
        assert_eq!(
            [("b", "3"), ("a", "6"), ("", "4")]
                .into_iter()
                .collect::<Annotations>(),
            read
        );
    }

    #[test]
    fn what_is_there_is_found() {
        let annotations: Annotations = [(PREDEFINED[0], "x"), ("z", "y")].into();
        assert_eq!(annotations.get("org.opencontainers.image.title"), Some("x"));
        assert_eq!(&annotations["z"], "y");
        assert!(annotations.contains_key("z") && !annotations.contains_key("a"));
        assert_eq!(annotations.len(), 2);
        assert!(Annotations::new().is_empty());
    }

    #[test]
    fn only_texts_are_values() {
        for wrong in [r#"{"a":1}"#, r#"{"a":null}"#, r#"["a"]"#, "null"] {
            assert!(
                serde_json::from_str::<Annotations>(wrong).is_err(),
                "{wrong}"
            );
        }
    }
}
