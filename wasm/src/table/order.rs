//! Orders of the packages, made when first asked for.

use std::cmp::Ordering;
use std::rc::Rc;

use ocirepo_rpm::evr::rpmvercmp;
use serde::Deserialize;

use super::{Row, Table};

/// What packages are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SortKey {
    Relevance,
    Name,
    Size,
    InstalledSize,
    BuildTime,
    Source,
    Arch,
    License,
}

impl Table {
    /// Sorts by name, architecture and version, and tells the newest.
    pub(super) fn put_in_order(&mut self) {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by(|a, b| self.compare(*a, *b));
        let mut latest = vec![false; order.len()];
        for (at, id) in order.iter().enumerate() {
            let next = order.get(at + 1).and_then(|next| self.row(*next));
            let is_last = match (self.row(*id), next) {
                (Some(row), Some(next)) => (row.name, row.arch) != (next.name, next.arch),
                _ => true,
            };
            if is_last {
                // Others of the same version are as new.
                for same in order.iter().take(at + 1).rev() {
                    let (Some(row), Some(newest)) = (self.row(*same), self.row(*id)) else {
                        break;
                    };
                    if (row.name, row.arch) != (newest.name, newest.arch)
                        || self.versions(row, newest) != Ordering::Equal
                    {
                        break;
                    }
                    if let Some(latest) = latest.get_mut(*same as usize) {
                        *latest = true;
                    }
                }
            }
        }
        let mut rank = vec![0; order.len()];
        for (at, id) in order.iter().enumerate() {
            if let Some(rank) = rank.get_mut(*id as usize) {
                *rank = at as u32;
            }
        }
        (self.by_name, self.rank, self.latest) = (order, rank, latest);
    }

    fn compare(&self, a: u32, b: u32) -> Ordering {
        let (Some(one), Some(other)) = (self.row(a), self.row(b)) else {
            return Ordering::Equal;
        };
        let text = |a: u32, b: u32| match a == b {
            true => Ordering::Equal,
            false => self.texts.get(a).cmp(self.texts.get(b)),
        };
        text(one.name, other.name)
            .then_with(|| text(one.arch, other.arch))
            .then_with(|| self.versions(one, other))
            .then(a.cmp(&b))
    }

    /// RPM's order of versions.
    fn versions(&self, one: &Row, other: &Row) -> Ordering {
        let part = |a: u32, b: u32| match a == b {
            true => Ordering::Equal,
            false => rpmvercmp(self.texts.get(a), self.texts.get(b)),
        };
        (one.epoch.cmp(&other.epoch))
            .then_with(|| part(one.version, other.version))
            .then_with(|| part(one.release, other.release))
    }

    /// The packages in an order; those that are equal in it by name.
    pub(super) fn order(&self, key: SortKey) -> Rc<Vec<u32>> {
        if let Some(order) = self.orders.borrow().get(&key) {
            return Rc::clone(order);
        }
        let mut order = self.by_name.clone();
        // One sort for all, by numbers that keep the order.
        let keys: Vec<u64> = match key {
            SortKey::Relevance | SortKey::Name => Vec::new(),
            SortKey::Size => self.rows.iter().map(|row| row.size).collect(),
            SortKey::InstalledSize => self.rows.iter().map(|row| row.installed).collect(),
            SortKey::BuildTime => self.rows.iter().map(|row| row.build_time).collect(),
            SortKey::Source => self.text_keys(|row| row.source),
            SortKey::Arch => self.text_keys(|row| row.arch),
            SortKey::License => self.text_keys(|row| row.license),
        };
        if !keys.is_empty() {
            let of = |id: u32| keys.get(id as usize).copied().unwrap_or_default();
            let rank = |id: u32| self.rank.get(id as usize).copied().unwrap_or_default();
            order.sort_unstable_by_key(|id| (of(*id), rank(*id)));
        }
        let order = Rc::new(order);
        self.orders.borrow_mut().insert(key, Rc::clone(&order));
        order
    }

    /// For each package the place of a text of it among all such texts.
    fn text_keys(&self, of: impl Fn(&Row) -> u32) -> Vec<u64> {
        let mut texts: Vec<u32> = self.rows.iter().map(&of).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.sort_unstable_by(|a, b| self.texts.get(*a).cmp(self.texts.get(*b)));
        let mut places = vec![0; self.texts.len()];
        for (place, text) in texts.iter().enumerate() {
            if let Some(to) = places.get_mut(*text as usize) {
                *to = place as u64;
            }
        }
        let place = |row: &Row| places.get(of(row) as usize).copied().unwrap_or_default();
        self.rows.iter().map(place).collect()
    }
}
