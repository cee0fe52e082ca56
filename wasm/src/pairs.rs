//! A map of a few entries.
//!
//! For each type of its entries a map of the standard library takes two kilobytes of a module that
//! every visitor of a page fetches first. A list is searched from its start, and takes nearly none.

use std::borrow::Borrow;

/// Values by their keys, in no order that counts.
pub(crate) struct Pairs<K, V>(Vec<(K, V)>);

impl<K, V> Default for Pairs<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq, V> Pairs<K, V> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value of a key.
    pub(crate) fn get<Q: PartialEq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let mut pairs = self.0.iter();
        pairs
            .find(|pair| pair.0.borrow() == key)
            .map(|pair| &pair.1)
    }

    /// Gives a key another value than it had.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.remove(&key);
        self.0.push((key, value));
    }

    /// Takes the value of a key out.
    pub(crate) fn remove<Q: PartialEq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.0.iter().position(|pair| pair.0.borrow() == key)?;
        Some(self.0.swap_remove(at).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_value_that_it_was_given_last() {
        let mut pairs = Pairs::default();
        pairs.insert("a".to_owned(), 1);
        pairs.insert("b".to_owned(), 2);
        pairs.insert("a".to_owned(), 3);
        assert_eq!(
            (pairs.get("a"), pairs.get("c"), pairs.len()),
            (Some(&3), None, 2)
        );
        assert_eq!((pairs.remove("a"), pairs.remove("a")), (Some(3), None));
        assert_eq!((pairs.get("b"), pairs.len()), (Some(&2), 1));
    }
}
