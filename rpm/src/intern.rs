//! Sharing of texts that occur again and again.
//!
//! Architectures, licences, versions and names of dependencies are few in a
//! repository of many packages. A cache of fixed size with one place for each hash
//! finds most repetitions; what it forgets is merely stored twice. It cannot grow
//! and no input makes it slow.

use std::sync::Arc;

use crate::evr::Evr;

/// Places for texts and for versions: two to the power of this.
const BITS: u32 = 15;

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
            texts: vec![None; 1 << BITS],
            versions: vec![None; 1 << BITS],
            empty: Arc::from(""),
        }
    }

    pub(crate) fn text(&mut self, text: &str) -> Arc<str> {
        if text.is_empty() {
            return self.empty.clone();
        }
        if text.len() > LONGEST {
            return text.into();
        }
        match self.texts.get_mut(Mix::default().add(text).place()) {
            Some(Some(known)) if **known == *text => known.clone(),
            Some(place) => place.insert(text.into()).clone(),
            None => text.into(),
        }
    }

    pub(crate) fn version(&mut self, epoch: u32, version: &str, release: &str) -> Arc<Evr> {
        let mix = Mix(epoch.into()).add(version).add(release);
        let place = self.versions.get(mix.place());
        if let Some(Some(known)) = place
            && (known.epoch, &*known.version, &*known.release) == (epoch, version, release)
        {
            return known.clone();
        }
        let evr = Arc::new(Evr {
            epoch,
            version: self.text(version),
            release: self.text(release),
        });
        if let Some(place) = self.versions.get_mut(mix.place()) {
            *place = Some(evr.clone());
        }
        evr
    }
}

/// A hash for places alone: quick, and the same every time. Texts that were made to have the
/// same one are merely stored more often.
#[derive(Clone, Copy, Default)]
struct Mix(u64);

impl Mix {
    /// The golden ratio, whose bits are as mixed as any.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

    fn add(self, text: &str) -> Self {
        let (words, rest) = text.as_bytes().as_chunks();
        let last = rest
            .iter()
            .fold(rest.len() as u64, |last, byte| last << 8 | u64::from(*byte));
        words
            .iter()
            .fold(self, |mix, word| mix.word(u64::from_le_bytes(*word)))
            .word(last)
    }

    fn word(self, word: u64) -> Self {
        let mixed = (self.0 ^ word).wrapping_mul(Self::FACTOR);
        Self(mixed ^ mixed >> 32)
    }

    fn place(self) -> usize {
        (self.0.wrapping_mul(Self::FACTOR) >> (u64::BITS - BITS)) as usize
    }
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
        let (a, b) = (interner.version(0, "1", "2"), interner.version(0, "1", "2"));
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(*interner.version(1, "1", "2"), Evr::new(1, "1", "2"));
    }

    #[test]
    fn more_texts_than_places_are_all_right() {
        let mut interner = Interner::new();
        for n in 0..3 << BITS {
            assert_eq!(&*interner.text(&n.to_string()), n.to_string());
        }
    }
}
