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
        order.sort_by(|a, b| self.compare(*a, *b));
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
        let text = |a: u32, b: u32| match a == b {
            true => Ordering::Equal,
            false => self.texts.get(a).cmp(self.texts.get(b)),
        };
        let by = |compare: &dyn Fn(&Row, &Row) -> Ordering| {
            order.sort_by(|a, b| match (self.row(*a), self.row(*b)) {
                (Some(a), Some(b)) => compare(a, b),
                _ => Ordering::Equal,
            });
        };
        match key {
            SortKey::Relevance | SortKey::Name => {}
            SortKey::Size => order.sort_by_key(|id| self.size(*id)),
            SortKey::InstalledSize => {
                order.sort_by_key(|id| self.row(*id).map_or(0, |row| row.installed));
            }
            SortKey::BuildTime => {
                order.sort_by_key(|id| self.row(*id).map_or(0, |row| row.build_time));
            }
            SortKey::Source => {
                let mut by = by;
                by(&|a, b| text(a.source, b.source));
            }
            SortKey::Arch => {
                let mut by = by;
                by(&|a, b| text(a.arch, b.arch));
            }
            SortKey::License => {
                let mut by = by;
                by(&|a, b| text(a.license, b.license));
            }
        }
        let order = Rc::new(order);
        self.orders.borrow_mut().insert(key, Rc::clone(&order));
        order
    }
}
