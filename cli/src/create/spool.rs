//! What the metadata has of new packages, kept out of memory.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

/// The elements of one package in each document.
#[derive(Clone, Debug)]
pub(crate) struct Elements {
    pub(crate) primary: String,
    pub(crate) filelists: String,
    pub(crate) other: String,
    /// Of `filelists-ext`, where that is written.
    pub(crate) extended: Option<String>,
}

/// A document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    Primary,
    Filelists,
    Other,
    Extended,
}

/// Elements of packages in temporary files, one for each document, so that documents can
/// be written side by side.
#[derive(Debug)]
pub(crate) struct Spool([Pile; 4]);

#[derive(Debug)]
struct Pile {
    file: Mutex<BufWriter<File>>,
    end: u64,
    /// Where the element of each package begins, and its length.
    places: Vec<(u64, usize)>,
}

impl Spool {
    /// Room for that many packages.
    pub(crate) fn new(packages: usize) -> io::Result<Self> {
        let pile = || {
            Ok::<_, io::Error>(Pile {
                file: Mutex::new(BufWriter::with_capacity(1 << 20, tempfile::tempfile()?)),
                end: 0,
                places: vec![(0, 0); packages],
            })
        };
        Ok(Self([pile()?, pile()?, pile()?, pile()?]))
    }

    /// Keeps the elements of the package with that place.
    pub(crate) fn put(&mut self, at: usize, elements: &Elements) -> io::Result<()> {
        let [primary, filelists, other, extended] = &mut self.0;
        primary.put(at, &elements.primary)?;
        filelists.put(at, &elements.filelists)?;
        other.put(at, &elements.other)?;
        extended.put(at, elements.extended.as_deref().unwrap_or_default())
    }

    /// Makes room for that many packages in all.
    pub(crate) fn grow(&mut self, packages: usize) {
        for pile in &mut self.0 {
            let places = packages.max(pile.places.len());
            pile.places.resize(places, (0, 0));
        }
    }

    /// Keeps the element of a package in one document.
    pub(crate) fn put_one(
        &mut self,
        document: Document,
        at: usize,
        element: &str,
    ) -> io::Result<()> {
        let [primary, filelists, other, extended] = &mut self.0;
        let pile = match document {
            Document::Primary => primary,
            Document::Filelists => filelists,
            Document::Other => other,
            Document::Extended => extended,
        };
        pile.put(at, element)
    }

    /// Whether it has the element of a package in a document.
    pub(crate) fn has(&self, document: Document, at: usize) -> bool {
        let place = self.pile(document).places.get(at);
        place.is_some_and(|(_, len)| *len > 0)
    }

    /// The element of a package in a document.
    pub(crate) fn get(&self, document: Document, at: usize) -> io::Result<String> {
        self.pile(document).get(at)
    }

    fn pile(&self, document: Document) -> &Pile {
        let [primary, filelists, other, extended] = &self.0;
        match document {
            Document::Primary => primary,
            Document::Filelists => filelists,
            Document::Other => other,
            Document::Extended => extended,
        }
    }
}

impl Pile {
    fn put(&mut self, at: usize, element: &str) -> io::Result<()> {
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        file.write_all(element.as_bytes())?;
        if let Some(place) = self.places.get_mut(at) {
            *place = (self.end, element.len());
        }
        self.end += element.len() as u64;
        Ok(())
    }

    fn get(&self, at: usize) -> io::Result<String> {
        let (start, len) = self.places.get(at).copied().unwrap_or_default();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Writes what is still in the buffer first.
        file.seek(SeekFrom::Start(start))?;
        let mut element = Vec::with_capacity(len);
        file.get_ref().take(len as u64).read_to_end(&mut element)?;
        String::from_utf8(element)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_that_come_later_are_put_document_by_document() {
        let mut spool = Spool::new(0).unwrap();
        spool.grow(1);
        assert!(!spool.has(Document::Other, 0));
        spool.put_one(Document::Other, 0, "<o/>").unwrap();
        assert!(spool.has(Document::Other, 0) && !spool.has(Document::Primary, 0));
        assert_eq!(spool.get(Document::Other, 0).unwrap(), "<o/>");
    }

    #[test]
    fn elements_come_back_in_any_order_and_as_often_as_wanted() {
        let mut spool = Spool::new(3).unwrap();
        for at in [2, 0, 1] {
            let elements = Elements {
                primary: format!("<p{at}/>"),
                filelists: "x".repeat(at * 1000),
                other: String::new(),
                extended: (at == 1).then(|| "é".to_owned()),
            };
            spool.put(at, &elements).unwrap();
        }
        for _ in 0..2 {
            for at in 0..3 {
                assert_eq!(
                    spool.get(Document::Primary, at).unwrap(),
                    format!("<p{at}/>")
                );
                assert_eq!(spool.get(Document::Filelists, at).unwrap().len(), at * 1000);
                assert_eq!(spool.get(Document::Other, at).unwrap(), "");
            }
        }
        assert_eq!(spool.get(Document::Extended, 1).unwrap(), "é");
    }
}
