//! What is shown of packages, in the shapes of `ocirepo.d.ts`.

use ocirepo_rpm::diff::{self, Change, Entry};
use serde::Serialize;

use super::{Row, Table};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RowOut<'a> {
    id: u32,
    name: &'a str,
    epoch: u32,
    version: &'a str,
    release: &'a str,
    arch: &'a str,
    evr: String,
    nevra: String,
    summary: &'a str,
    size: u64,
    installed_size: u64,
    build_time: u64,
    license: &'a str,
    source: &'a str,
    location: &'a str,
    checksum: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details<'a> {
    /// The package puts its fields beside the others.
    row: RowOut<'a>,
    description: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    homepage: Option<String>,
    vendor: &'a str,
    packager: &'a str,
    group: &'a str,
    build_host: &'a str,
    source_rpm: &'a str,
    file_time: u64,
    archive_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    header_range: Option<(u32, u32)>,
}

/// How many packages have a value.
#[derive(Default, Serialize)]
pub(crate) struct Facet {
    value: String,
    count: u32,
    size: u64,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Source {
    value: String,
    count: u32,
    size: u64,
    installed_size: u64,
    newest: u64,
}

impl Details<'_> {
    /// The fields that another description of the same package has with another value. The
    /// metadata and the header of a package must agree on these.
    pub(crate) fn differs(&self, other: &Self) -> Vec<&'static str> {
        let (one, two) = (&self.row, &other.row);
        let same = [
            ("nevra", one.nevra == two.nevra),
            ("summary", one.summary == two.summary),
            ("description", self.description == other.description),
            ("license", one.license == two.license),
            ("url", self.url == other.url),
            ("vendor", self.vendor == other.vendor),
            ("packager", self.packager == other.packager),
            ("group", self.group == other.group),
            ("buildHost", self.build_host == other.build_host),
            ("sourceRpm", self.source_rpm == other.source_rpm),
            ("buildTime", one.build_time == two.build_time),
            ("installedSize", one.installed_size == two.installed_size),
        ];
        let differs = same.into_iter().filter(|(_, same)| !same);
        differs.map(|(name, _)| name).collect()
    }
}

#[derive(Serialize)]
pub(crate) struct DiffOut {
    changes: Vec<ChangeOut>,
    unchanged: usize,
}

#[derive(Serialize)]
struct ChangeOut {
    change: &'static str,
    name: String,
    arch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<SideOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<SideOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SideOut {
    nevra: String,
    evr: String,
    checksum: String,
    size: u64,
    build_time: u64,
}

impl Table {
    /// A row to show; `None` if there is no such package.
    pub(crate) fn shown(&self, id: u32) -> Option<RowOut<'_>> {
        let row = self.row(id)?;
        let nevra = self.nevra(id)?;
        Some(RowOut {
            id,
            name: self.texts.get(row.name),
            epoch: row.epoch,
            version: self.texts.get(row.version),
            release: self.texts.get(row.release),
            arch: self.texts.get(row.arch),
            evr: nevra.evr.to_string(),
            nevra: nevra.to_string(),
            summary: self.summaries.get(id),
            size: row.size,
            installed_size: row.installed,
            build_time: row.build_time,
            license: self.texts.get(row.license),
            source: self.texts.get(row.source),
            location: self.locations.get(id),
            checksum: row.checksum.to_string(),
        })
    }

    /// Everything that is known of a package but its dependencies.
    pub(crate) fn details(&self, id: u32) -> Option<Details<'_>> {
        let row = self.row(id)?;
        let url = self.texts.get(row.url);
        Some(Details {
            row: self.shown(id)?,
            description: self.descriptions.get(id),
            url,
            homepage: homepage(url),
            vendor: self.texts.get(row.vendor),
            packager: self.texts.get(row.packager),
            group: self.texts.get(row.group),
            build_host: self.texts.get(row.build_host),
            source_rpm: self.texts.get(row.source_rpm),
            file_time: row.file_time,
            archive_size: row.archive,
            header_range: Some(row.header).filter(|(_, end)| *end > 0),
        })
    }

    /// The architectures, the most frequent first.
    pub(crate) fn arches(&self) -> Vec<Facet> {
        self.facets(|row| row.arch)
    }

    /// The licences, the most frequent first.
    pub(crate) fn licenses(&self) -> Vec<Facet> {
        self.facets(|row| row.license)
    }

    fn facets(&self, of: impl Fn(&Row) -> u32) -> Vec<Facet> {
        let mut list: Vec<Facet> = Vec::new();
        self.gather(&of, |row, place| {
            if place == list.len() {
                list.push(Facet {
                    value: self.texts.get(of(row)).to_owned(),
                    ..Facet::default()
                });
            }
            if let Some(facet) = list.get_mut(place) {
                facet.count += 1;
                facet.size += row.size;
            }
        });
        list.sort_unstable_by(|a, b| (b.count, &a.value).cmp(&(a.count, &b.value)));
        list
    }

    /// Gives every row, with the place of its text among the different ones, which are counted
    /// as they come up.
    fn gather(&self, of: &dyn Fn(&Row) -> u32, mut give: impl FnMut(&Row, usize)) {
        let mut places = vec![None; self.texts.len()];
        let mut different = 0;
        for row in &self.rows {
            let Some(place) = places.get_mut(of(row) as usize) else {
                continue;
            };
            let place = *place.get_or_insert_with(|| {
                different += 1;
                different - 1
            });
            give(row, place);
        }
    }

    /// The source packages, the largest first.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let mut list: Vec<Source> = Vec::new();
        self.gather(&|row| row.source, |row, place| {
            if place == list.len() {
                list.push(Source {
                    value: self.texts.get(row.source).to_owned(),
                    ..Source::default()
                });
            }
            if let Some(source) = list.get_mut(place) {
                source.count += 1;
                source.size += row.size;
                source.installed_size += row.installed;
                source.newest = source.newest.max(row.build_time);
            }
        });
        list.sort_unstable_by(|a, b| (b.size, &a.value).cmp(&(a.size, &b.value)));
        list
    }

    /// One number of each package.
    pub(crate) fn column(&self, name: &str) -> Option<Vec<f64>> {
        let of: fn(&Row) -> u64 = match name {
            "size" => |row| row.size,
            "installedSize" => |row| row.installed,
            "buildTime" => |row| row.build_time,
            _ => return None,
        };
        Some(self.rows.iter().map(|row| of(row) as f64).collect())
    }

    fn entries(&self) -> Vec<Entry> {
        let ids = 0..self.len() as u32;
        ids.filter_map(|id| {
            let row = self.row(id)?;
            Some(Entry {
                nevra: self.nevra(id)?,
                checksum: *row.checksum,
                size: row.size,
                build_time: row.build_time,
            })
        })
        .collect()
    }

    /// What changed from this table to another.
    pub(crate) fn diff(&self, to: &Self) -> DiffOut {
        let found = diff::diff(self.entries(), to.entries());
        DiffOut {
            changes: found.changes.iter().map(ChangeOut::from).collect(),
            unchanged: found.unchanged,
        }
    }
}

impl From<&Change> for ChangeOut {
    fn from(change: &Change) -> Self {
        let (kind, old, new) = match change {
            Change::Added(entry) => ("added", None, Some(entry)),
            Change::Removed(entry) => ("removed", Some(entry), None),
            Change::Upgraded { from, to } => ("upgraded", Some(from), Some(to)),
            Change::Downgraded { from, to } => ("downgraded", Some(from), Some(to)),
            Change::Rebuilt { from, to } => ("rebuilt", Some(from), Some(to)),
        };
        let side = |entry: &Entry| SideOut {
            nevra: entry.nevra.to_string(),
            evr: entry.nevra.evr.to_string(),
            checksum: entry.checksum.to_string(),
            size: entry.size,
            build_time: entry.build_time,
        };
        let nevra = &change.shown().nevra;
        Self {
            change: kind,
            name: nevra.name.to_string(),
            arch: nevra.arch.to_string(),
            old: old.map(side),
            new: new.map(side),
        }
    }
}

/// A URL that can be followed: of the web, and nothing else that a browser would run.
fn homepage(url: &str) -> Option<String> {
    let parsed = url::Url::parse(url.trim()).ok()?;
    matches!(parsed.scheme(), "http" | "https").then(|| parsed.to_string())
}
