//! Sharing of texts that occur again and again.
//!
//! Architectures, licences, versions and names of dependencies are few in a
//! repository of many packages. A cache of fixed size with one place for each hash
//! finds most repetitions; what it forgets is merely stored twice. It cannot grow
//! and no input makes it slow.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::evr::Evr;

/// Places for texts and for versions, each a power of two.
const PLACES: usize = 1 << 15;

/// Texts longer than this, in bytes, are not worth comparing.
const LONGEST: usize = 128;

/// Makes shared texts and versions, the same one twice if it can.
pub(crate) struct Interner {
    texts: Vec<Option<Arc<str>>>,
    versions: Vec<Option<Arc<Evr>>>,
    empty: Arc<str>,
}

impl Interner {
    pub(crate) fn new() -> Self {
        Self {
            texts: vec![None; PLACES],
            versions: vec![None; PLACES],
            empty: Arc::from(""),
        }
    }

    pub(crate) fn text(&mut self, text: &str) -> Arc<str> {
        if text.is_empty() {
            return self.empty.clone();
        }
        match self.texts.get_mut(place(text)) {
            Some(place) if text.len() <= LONGEST => match place {
                Some(known) if **known == *text => known.clone(),
                _ => place.insert(text.into()).clone(),
            },
            _ => text.into(),
        }
    }

    pub(crate) fn version(&mut self, evr: Evr) -> Arc<Evr> {
        match self.versions.get_mut(place(&evr)) {
            Some(place) => match place {
                Some(known) if **known == evr => known.clone(),
                _ => place.insert(Arc::new(evr)).clone(),
            },
            None => Arc::new(evr),
        }
    }
}

fn place(value: impl Hash) -> usize {
    // Its keys are constants: the same input is stored the same way every time.
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    usize::try_from(hasher.finish() % PLACES as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_stored_once() {
        let mut interner = Interner::new();
        let (a, b) = (interner.text("x86_64"), interner.text("x86_64"));
        assert!(Arc::ptr_eq(&a, &b));
        assert!(Arc::ptr_eq(&interner.text(""), &interner.text("")));
        let long = "x".repeat(LONGEST + 1);
        assert!(!Arc::ptr_eq(&interner.text(&long), &interner.text(&long)));
        let evr = Evr::new(0, "1", "2");
        let (a, b) = (interner.version(evr.clone()), interner.version(evr));
        assert!(Arc::ptr_eq(&a, &b));
    }

    #[test]
    fn more_texts_than_places_are_all_right() {
        let mut interner = Interner::new();
        for n in 0..3 * PLACES {
            assert_eq!(&*interner.text(&n.to_string()), n.to_string());
        }
    }
}
