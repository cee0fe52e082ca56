//! Texts in one piece of memory, named by numbers.

/// Texts in the order they came.
#[derive(Default)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Texts {
    /// Adds a text; its number is how many there were. What does not fit into 4 GiB is left
    /// out, and is an empty text.
    pub(crate) fn push(&mut self, text: &str) -> u32 {
        if u32::try_from(self.bytes.len() + text.len()).is_ok() {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        let number = self.ends.len() as u32;
        self.ends.push(self.bytes.len() as u32);
        number
    }

    pub(crate) fn bytes(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let start = match at {
            0 => 0,
            at => self.ends.get(at - 1).map_or(0, |end| *end as usize),
        };
        let end = self.ends.get(at).map_or(0, |end| *end as usize);
        self.bytes.get(start..end).unwrap_or_default()
    }

    pub(crate) fn get(&self, number: u32) -> &str {
        std::str::from_utf8(self.bytes(number)).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All of them as one, and where each ends.
    pub(crate) fn whole(&self) -> (&[u8], &[u32]) {
        (&self.bytes, &self.ends)
    }

    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 4
    }
}

/// Texts of which each is kept once.
#[derive(Default)]
pub(crate) struct Interner {
    texts: Texts,
    /// Numbers of texts plus one, at the place their hash says or behind it; 0 is free.
    slots: Vec<u32>,
}

impl Interner {
    /// The number of a text, which is kept if it is new.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if (self.texts.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let (at, found) = self.place(text.as_bytes());
        if let Some(found) = found {
            return found;
        }
        let number = self.texts.push(text);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = number + 1;
        }
        number
    }

    /// The number of a text, if it was kept.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        match self.slots.is_empty() {
            true => None,
            false => self.place(text.as_bytes()).1,
        }
    }

    pub(crate) fn get(&self, number: u32) -> &str {
        self.texts.get(number)
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn shrink(&mut self) {
        self.texts.shrink();
    }

    pub(crate) fn memory(&self) -> usize {
        self.texts.memory() + self.slots.capacity() * 4
    }

    /// Where a text is or belongs.
    fn place(&self, text: &[u8]) -> (usize, Option<u32>) {
        let mask = self.slots.len() - 1;
        let mut at = hash(text) as usize & mask;
        // A quarter is always free.
        while let Some(slot) = self.slots.get(at).copied().filter(|slot| *slot != 0) {
            if self.texts.bytes(slot - 1) == text {
                return (at, Some(slot - 1));
            }
            at = (at + 1) & mask;
        }
        (at, None)
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(1024);
        self.slots = vec![0; size];
        for number in 0..self.texts.len() as u32 {
            let mut at = hash(self.texts.bytes(number)) as usize & (size - 1);
            while self.slots.get(at).is_some_and(|slot| *slot != 0) {
                at = (at + 1) & (size - 1);
            }
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = number + 1;
            }
        }
    }
}

/// Eight bytes at a time. Who makes collisions on purpose slows down only their own
/// repository.
fn hash(text: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = text.len() as u64;
    for piece in text.chunks(8) {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(piece) {
            *to = *from;
        }
        state = (state.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    (state ^ (state >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_however_many_there_are() {
        let mut interner = Interner::default();
        let texts: Vec<String> = (0..5000).map(|n| format!("text {n}")).collect();
        let numbers: Vec<u32> = texts.iter().map(|text| interner.number(text)).collect();
        for (text, number) in texts.iter().zip(&numbers) {
            assert_eq!(interner.number(text), *number);
            assert_eq!(interner.find(text), Some(*number));
            assert_eq!(interner.get(*number), text);
        }
        assert_eq!(interner.len(), 5000);
        assert_eq!(interner.find("other"), None);
        assert_eq!(interner.number(""), 5000);
        assert_eq!(interner.get(5000), "");
    }
}
