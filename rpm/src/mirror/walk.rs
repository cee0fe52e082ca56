//! A walk over every manifest that some roots reach, children before what lists them.
//!
//! The walk knows digests only. It says what to [read](Step::Read) and what to
//! [write](Step::Write), as many at a time as the host likes; the host says what it found.
//! A manifest is to be written once everything that it lists is there, so whoever
//! interrupts the walk leaves no manifest without its children. Each manifest comes once,
//! however many list it.
//!
//! ```
//! use ocirepo::Descriptor;
//! use ocirepo_rpm::mirror::walk::{Step, Walk};
//!
//! let child = Descriptor::of("application/vnd.oci.image.manifest.v1+json", b"child");
//! let root = Descriptor::of("application/vnd.oci.image.index.v1+json", b"root");
//! let mut walk = Walk::new();
//! walk.add(root.clone())?;
//! assert_eq!(walk.step(), Some(Step::Read(root.clone())));
//! walk.read(&root.digest, std::slice::from_ref(&child))?;
//! assert_eq!(walk.step(), Some(Step::Read(child.clone())));
//! assert_eq!(walk.step(), None, "nothing more until the child is read");
//! walk.read(&child.digest, &[])?;
//! assert_eq!(walk.step(), Some(Step::Write(child.digest)));
//! walk.written(&child.digest);
//! assert_eq!(walk.step(), Some(Step::Write(root.digest)));
//! walk.written(&root.digest);
//! assert!(walk.is_done());
//! # Ok::<(), ocirepo_rpm::mirror::walk::TooMany>(())
//! ```

use std::collections::BTreeMap;
use std::fmt;

use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;

/// The most manifests in one walk. The largest repositories have some 100,000 packages.
pub const MAX_MANIFESTS: usize = 2_000_000;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read this manifest, then call [`Walk::read`], or [`Walk::written`] if it is known
    /// to be written already with all that it lists.
    Read(Descriptor),
    /// Everything this manifest lists is written; write it, then call [`Walk::written`].
    Write(Digest),
}

/// The walk.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    nodes: BTreeMap<Digest, Node>,
    /// Taken from the end, so that what hangs below a manifest comes before its siblings
    /// and few manifests wait.
    unread: Vec<Descriptor>,
    ready: Vec<Digest>,
    unwritten: usize,
}

#[derive(Clone, Debug, Default)]
struct Node {
    written: bool,
    /// How many of its children are not written yet.
    waits_for: usize,
    listed_by: Vec<Digest>,
}

impl Walk {
    /// A walk without roots.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a root, or whatever else belongs to what was found, such as a referrer.
    ///
    /// # Errors
    /// When there are more than [`MAX_MANIFESTS`].
    pub fn add(&mut self, manifest: Descriptor) -> Result<(), TooMany> {
        if self.nodes.contains_key(&manifest.digest) {
            return Ok(());
        }
        if self.nodes.len() >= MAX_MANIFESTS {
            return Err(TooMany);
        }
        self.nodes.insert(manifest.digest, Node::default());
        self.unwritten += 1;
        self.unread.push(manifest);
        Ok(())
    }

    /// What to do next; `None` when everything is done or waits for what is being done.
    pub fn step(&mut self) -> Option<Step> {
        if let Some(digest) = self.ready.pop() {
            return Some(Step::Write(digest));
        }
        self.unread.pop().map(Step::Read)
    }

    /// Takes what a manifest lists.
    ///
    /// # Errors
    /// As for [`Walk::add`].
    pub fn read(&mut self, digest: &Digest, children: &[Descriptor]) -> Result<(), TooMany> {
        let mut waits_for = 0;
        for child in children {
            self.add(child.clone())?;
            if let Some(node) = self.nodes.get_mut(&child.digest)
                && !node.written
                && !node.listed_by.contains(digest)
            {
                node.listed_by.push(*digest);
                waits_for += 1;
            }
        }
        if let Some(node) = self.nodes.get_mut(digest) {
            node.waits_for = waits_for;
            if waits_for == 0 {
                self.ready.push(*digest);
            }
        }
        Ok(())
    }

    /// Notes that a manifest is written.
    pub fn written(&mut self, digest: &Digest) {
        let Some(node) = self.nodes.get_mut(digest) else {
            return;
        };
        if std::mem::replace(&mut node.written, true) {
            return;
        }
        self.unwritten -= 1;
        for parent in std::mem::take(&mut node.listed_by) {
            if let Some(node) = self.nodes.get_mut(&parent) {
                node.waits_for -= 1;
                if node.waits_for == 0 {
                    self.ready.push(parent);
                }
            }
        }
    }

    /// Whether everything is written.
    pub fn is_done(&self) -> bool {
        self.unwritten == 0
    }

    /// How many manifests were found so far.
    pub fn found(&self) -> usize {
        self.nodes.len()
    }

    /// Whether a manifest was found.
    pub fn has(&self, digest: &Digest) -> bool {
        self.nodes.contains_key(digest)
    }
}

/// There are more manifests than any repository has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "there are more than {MAX_MANIFESTS} manifests, which no repository needs; \
             look at what its indexes list"
        )
    }
}

impl std::error::Error for TooMany {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn manifest(number: usize) -> Descriptor {
        Descriptor::of("application/x", &number.to_le_bytes())
    }

    #[test]
    fn what_is_known_to_be_written_needs_no_second_step() {
        let (root, child) = (manifest(0), manifest(1));
        let mut walk = Walk::new();
        walk.add(root.clone()).unwrap();
        walk.step();
        walk.read(&root.digest, &[child.clone(), child.clone()])
            .unwrap();
        assert_eq!(walk.step(), Some(Step::Read(child.clone())));
        walk.written(&child.digest);
        walk.written(&child.digest);
        assert_eq!(walk.step(), Some(Step::Write(root.digest)));
        assert!(!walk.is_done());
        walk.written(&root.digest);
        assert!(walk.is_done());
    }

    #[test]
    fn what_is_added_on_the_way_is_done_too() {
        let (root, referrer) = (manifest(0), manifest(1));
        let mut walk = Walk::new();
        walk.add(root.clone()).unwrap();
        walk.step();
        walk.add(referrer.clone()).unwrap();
        walk.read(&root.digest, &[]).unwrap();
        assert_eq!(walk.step(), Some(Step::Write(root.digest)));
        walk.written(&root.digest);
        assert!(!walk.is_done());
        assert_eq!(walk.step(), Some(Step::Read(referrer)));
    }

    proptest! {
        /// Lists only go from lower numbers to higher ones, since no manifest can list
        /// one that (indirectly) lists it.
        #[test]
        fn each_is_written_once_and_after_what_it_lists(
            edges in prop::collection::vec((0usize..20, 1usize..20), 0..80),
            order in prop::collection::vec(any::<prop::sample::Index>(), 1..200),
        ) {
            let children = |number: usize| -> Vec<usize> {
                let below = edges.iter().filter(|(from, _)| *from == number);
                below.map(|(from, further)| from + further).collect()
            };
            let number = |digest: &Digest| (0..64).find(|n| manifest(*n).digest == *digest);
            let mut walk = Walk::new();
            walk.add(manifest(0)).unwrap();
            let (mut begun, mut written) = (Vec::new(), Vec::new());
            let mut choices = order.iter().cycle();
            loop {
                while let Some(step) = walk.step() {
                    begun.push(step);
                }
                if begun.is_empty() {
                    break;
                }
                // Steps end in any order.
                let at = choices.next().unwrap().index(begun.len());
                match begun.swap_remove(at) {
                    Step::Read(found) => {
                        let below = children(number(&found.digest).unwrap());
                        let below: Vec<_> = below.into_iter().map(manifest).collect();
                        walk.read(&found.digest, &below).unwrap();
                    }
                    Step::Write(digest) => {
                        let this = number(&digest).unwrap();
                        prop_assert!(!written.contains(&this));
                        for child in children(this) {
                            prop_assert!(written.contains(&child), "{child} below {this}");
                        }
                        written.push(this);
                        walk.written(&digest);
                    }
                }
            }
            prop_assert!(walk.is_done());
            prop_assert_eq!(written.len(), walk.found());
        }
    }
}
