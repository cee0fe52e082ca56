//! Searching: which packages match, in which order.
//!
//! All words must be there. A plain word is looked for in names and summaries, which lie in
//! one piece of memory, so that a word costs one pass over it.

use ocirepo_rpm::query::Query;
use serde::Deserialize;

use super::{SortKey, Table, Unread};

/// Which packages are wanted at all.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Filters {
    arch: Option<Vec<String>>,
    source: Option<Vec<String>>,
    license: Option<Vec<String>>,
    min_size: Option<f64>,
    max_size: Option<f64>,
    since: Option<f64>,
    until: Option<f64>,
    latest: bool,
}

/// The order of what was found.
#[derive(Deserialize)]
pub(crate) struct Sort {
    by: SortKey,
    #[serde(default)]
    descending: bool,
}

/// How well a package fits, better is less: the name itself, its beginning, a part of it, the
/// summary.
const EXACT: u8 = 0;
const BEGINS: u8 = 1;
const IN_NAME: u8 = 2;
const IN_SUMMARY: u8 = 3;
/// It does not.
const NOT: u8 = u8::MAX;

impl Table {
    /// The packages that match, in order. Words about dependencies need these to have been read.
    pub(crate) fn search(
        &self,
        query: &str,
        filters: &Filters,
        sort: Option<&Sort>,
    ) -> Result<Vec<u32>, Unread> {
        let words: Vec<&str> = query.split_whitespace().collect();
        let mut fit = vec![EXACT; self.len()];
        self.filter(filters, &mut fit);
        for (at, word) in words.iter().enumerate() {
            self.narrow(word, at == 0, &mut fit)?;
        }
        let by = sort.map_or(SortKey::Relevance, |sort| sort.by);
        let order = match by {
            // Stays in the order of names where it is equal.
            SortKey::Relevance => self.order(SortKey::Name),
            key => self.order(key),
        };
        let fits = |id: &u32| fit.get(*id as usize).copied().unwrap_or(NOT);
        let found = order.iter().copied().filter(|id| fits(id) != NOT);
        let mut found: Vec<u32> = found.collect();
        if by == SortKey::Relevance && !words.is_empty() {
            let mut by_fit: [Vec<u32>; 4] = Default::default();
            for id in found {
                if let Some(list) = by_fit.get_mut(fits(&id) as usize) {
                    list.push(id);
                }
            }
            found = by_fit.concat();
        }
        if sort.is_some_and(|sort| sort.descending) {
            found.reverse();
        }
        Ok(found)
    }

    fn filter(&self, filters: &Filters, fit: &mut [u8]) {
        let numbers = |wanted: &Option<Vec<String>>| {
            let wanted = wanted.as_ref()?;
            let known = wanted.iter().filter_map(|text| self.texts.find(text));
            Some(known.collect::<Vec<u32>>())
        };
        let arch = numbers(&filters.arch);
        let source = numbers(&filters.source);
        let license = numbers(&filters.license);
        let among =
            |wanted: &Option<Vec<u32>>, it: u32| wanted.as_ref().is_none_or(|w| w.contains(&it));
        let within = |it: u64, least: Option<f64>, most: Option<f64>| {
            least.is_none_or(|least| it as f64 >= least)
                && most.is_none_or(|most| it as f64 <= most)
        };
        for ((row, latest), fit) in self.rows.iter().zip(&self.latest).zip(fit) {
            let wanted = (*latest || !filters.latest)
                && among(&arch, row.arch)
                && among(&source, row.source)
                && among(&license, row.license)
                && within(row.size, filters.min_size, filters.max_size)
                && within(row.build_time, filters.since, filters.until);
            if !wanted {
                *fit = NOT;
            }
        }
    }

    /// Leaves only packages that match a word. The first one says how well they fit.
    fn narrow(&self, word: &str, first: bool, fit: &mut [u8]) -> Result<(), Unread> {
        let found = match word.split_once(':') {
            Some(("provides", name)) => self.among(self.dependencies()?.providers(name)),
            Some(("requires", name)) => self.among(self.dependencies()?.required_by(name)),
            Some(("file", path)) => self.among(self.dependencies()?.providers(path)),
            Some(("name", name)) => self.named(&Query::new(name)),
            _ if word.contains(['*', '?', '[']) => self.named(&Query::new(word)),
            _ => self.containing(&word.to_lowercase()),
        };
        for (fit, found) in fit.iter_mut().zip(found) {
            if *fit == NOT || found == NOT {
                *fit = NOT;
            } else if first {
                *fit = found;
            }
        }
        Ok(())
    }

    fn among(&self, ids: &[u32]) -> Vec<u8> {
        let mut found = vec![NOT; self.len()];
        for id in ids {
            if let Some(found) = found.get_mut(*id as usize) {
                *found = EXACT;
            }
        }
        found
    }

    fn named(&self, query: &Query) -> Vec<u8> {
        let mut found = vec![NOT; self.len()];
        for (id, found) in found.iter_mut().enumerate() {
            let id = id as u32;
            if let Some(nevra) = self.nevra(id)
                && query.matches_at(&nevra, self.location(id))
            {
                *found = EXACT;
            }
        }
        found
    }

    /// A word in lower case. A package is a line break, its name, a line break and its
    /// summary.
    fn containing(&self, word: &str) -> Vec<u8> {
        let word = word.as_bytes();
        let mut found = vec![NOT; self.len()];
        let (text, ends) = self.searched.whole();
        let finder = memchr::memmem::Finder::new(word);
        let mut start = 0;
        let packages = ends.iter().map(|end| {
            let end = *end as usize;
            std::mem::replace(&mut start, end)..end
        });
        let mut packages = packages.zip(&mut found);
        let mut from = 0;
        while let Some(at) = finder.find(text.get(from..).unwrap_or_default()) {
            let at = from + at;
            let Some((package, found)) = packages.find(|(package, _)| package.end > at) else {
                break;
            };
            let before = text.get(package.start + 1..at).unwrap_or_default();
            let behind = text.get(at + word.len());
            // Where it stands first is how well it fits.
            *found = match (before, behind) {
                ([], Some(b'\n')) => EXACT,
                ([], _) => BEGINS,
                (before, _) if before.contains(&b'\n') => IN_SUMMARY,
                _ => IN_NAME,
            };
            from = package.end;
        }
        found
    }

    /// The package with a NEVRA, checksum or path.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        let nevra = text.parse().ok();
        let path = text.trim_start_matches('/');
        (0..self.len() as u32).find(|id| {
            self.location(*id) == path
                || (nevra.is_some() && self.nevra(*id) == nevra)
                || (text.contains(':')
                    && self
                        .checksum(*id)
                        .is_some_and(|checksum| checksum.to_string() == text))
        })
    }
}
