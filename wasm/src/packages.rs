//! The table of packages that JavaScript holds, and what it shows of single packages.

use std::rc::Rc;

use js_sys::{Float64Array, Uint32Array};
use ocirepo_rpm::header::Facts;
use ocirepo_rpm::other::Change;
use ocirepo_rpm::package::File;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::Failure;
use crate::json::to_js;
use crate::table::{Dependencies, DependenciesOut, Details, Filters, Sort, Table};

/// The packages of a repository.
#[wasm_bindgen(skip_typescript)]
pub struct PackageTable {
    pub(crate) table: Rc<Table>,
}

#[wasm_bindgen]
impl PackageTable {
    /// How many packages there are.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> u32 {
        self.table.len() as u32
    }

    /// Bytes that it takes.
    #[wasm_bindgen(getter)]
    pub fn memory(&self) -> f64 {
        self.table.memory() as f64
    }

    /// The packages that match; filters and sort as JSON.
    pub fn search(
        &self,
        query: &str,
        filters: Option<String>,
        sort: Option<String>,
    ) -> Result<Uint32Array, JsValue> {
        let filters: Filters = match filters {
            Some(filters) => serde_json::from_str(&filters).map_err(Failure::input)?,
            None => Filters::default(),
        };
        let sort: Option<Sort> = match sort {
            Some(sort) => Some(serde_json::from_str(&sort).map_err(Failure::input)?),
            None => None,
        };
        let found = self.table.search(query, &filters, sort.as_ref());
        let found = found.map_err(Failure::input)?;
        Ok(Uint32Array::from(&found[..]))
    }

    /// Rows to show. There are none for ids that are not there.
    pub fn rows(&self, ids: Vec<u32>) -> JsValue {
        let rows = ids.iter().filter_map(|id| self.table.shown(*id));
        to_js(&rows.collect::<Vec<_>>())
    }

    /// Everything about a package but its dependencies.
    pub fn details(&self, id: u32) -> Result<JsValue, JsValue> {
        match self.table.details(id) {
            Some(details) => Ok(to_js(&details)),
            None => Err(Failure::input(format!("there is no package {id}")).into()),
        }
    }

    /// Whether dependencies were read.
    #[wasm_bindgen(getter, js_name = hasDependencies)]
    pub fn has_dependencies(&self) -> bool {
        self.table.dependencies().is_ok()
    }

    /// What a package requires and provides.
    pub fn dependencies(&self, id: u32) -> Result<JsValue, JsValue> {
        let all = self.table.dependencies().map_err(Failure::input)?;
        Ok(to_js(&all.shown(&self.table, id)))
    }

    /// The packages that provide a name.
    pub fn providers(&self, name: &str) -> Result<Uint32Array, JsValue> {
        let all = self.table.dependencies().map_err(Failure::input)?;
        Ok(distinct(all.providers(name)))
    }

    /// The packages that require a name.
    #[wasm_bindgen(js_name = requiredBy)]
    pub fn required_by(&self, name: &str) -> Result<Uint32Array, JsValue> {
        let all = self.table.dependencies().map_err(Failure::input)?;
        Ok(distinct(all.required_by(name)))
    }

    /// The package with a NEVRA, checksum or path.
    pub fn find(&self, text: &str) -> Option<u32> {
        self.table.find(text)
    }

    /// The architectures.
    pub fn arches(&self) -> JsValue {
        to_js(&self.table.arches())
    }

    /// The licences.
    pub fn licenses(&self) -> JsValue {
        to_js(&self.table.licenses())
    }

    /// The source packages.
    pub fn sources(&self) -> JsValue {
        to_js(&self.table.sources())
    }

    /// One number of each package.
    pub fn column(&self, name: &str) -> Result<Float64Array, JsValue> {
        match self.table.column(name) {
            Some(column) => Ok(Float64Array::from(&column[..])),
            None => Err(Failure::input(format!("there is no column `{name}`")).into()),
        }
    }

    /// What changed from this table to another.
    pub fn diff(&self, to: &PackageTable) -> JsValue {
        to_js(&self.table.diff(&to.table))
    }

    /// The path of a package file.
    pub fn location(&self, id: u32) -> String {
        self.table.location(id).to_owned()
    }
}

/// Without repetitions, which a package that names something twice makes.
fn distinct(ids: &[u32]) -> Uint32Array {
    let mut ids = ids.to_vec();
    ids.dedup();
    Uint32Array::from(&ids[..])
}

#[derive(Serialize)]
pub(crate) struct FileOut {
    path: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

impl FileOut {
    /// Path and kind.
    pub(crate) fn plain(file: &File) -> Self {
        Self {
            path: file.path.to_string(),
            kind: file.kind.as_str().unwrap_or("file"),
            checksum: None,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct ChangeOut<'a> {
    author: &'a str,
    date: u64,
    text: &'a str,
}

/// A change log, the newest entry first.
pub(crate) fn change_out(changes: &[Change]) -> Vec<ChangeOut<'_>> {
    let mut list: Vec<ChangeOut> = changes
        .iter()
        .map(|change| ChangeOut {
            author: &change.author,
            date: change.date,
            text: &change.text,
        })
        .collect();
    list.sort_by_key(|change| std::cmp::Reverse(change.date));
    list
}

/// What the header of a package says, as JSON.
pub(crate) fn header(facts: &Facts, bytes_read: usize, table: &Table, id: u32) -> JsValue {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Out<'a> {
        verified: bool,
        nevra: String,
        bytes_read: usize,
        details: Option<Details<'a>>,
        dependencies: DependenciesOut,
        files: Vec<FileOut>,
        changes: Vec<ChangeOut<'a>>,
        differs: Vec<&'static str>,
    }
    // The same shapes as the table has, by the same code.
    let mut alone = Table::default();
    alone.push(&facts.package);
    alone.finish();
    let mut dependencies = Dependencies::default();
    dependencies.push(&facts.package);
    let details = alone.details(0);
    let listed = table.details(id);
    let differs = details.as_ref().zip(listed.as_ref());
    let files = facts.files.files.iter().map(|file| FileOut {
        checksum: file.checksum.as_ref().map(|checksum| checksum.to_string()),
        ..FileOut::plain(file)
    });
    to_js(&Out {
        verified: false,
        nevra: facts.package.nevra.to_string(),
        bytes_read,
        differs: differs.map_or_else(Vec::new, |(one, other)| one.differs(other)),
        details,
        dependencies: dependencies.shown(&alone, 0),
        files: files.collect(),
        changes: change_out(&facts.changes.changes),
    })
}
