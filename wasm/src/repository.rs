//! An RPM repository that JavaScript holds.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use js_sys::{Function, Object, Uint8Array};
use ocirepo::reference::{Location, Reference};
use ocirepo::sink::Content;
use ocirepo_rpm::checksum::Checksum;
use ocirepo_rpm::error::MetadataError;
use ocirepo_rpm::filelists::Filelists;
use ocirepo_rpm::header::{self, FileFacts, HeaderOptions};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::other::Other;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::snapshot::{Options, PackageEntry, Snapshot};
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::client::{Client, Download, abortable, manifest, progress, reference};
use crate::driver::{Driver, Job, OnBytes, now};
use crate::failure::Failure;
use crate::js::{self, Call};
use crate::json::to_js;
use crate::load::{self, Located, Metadata};
use crate::packages::{FileOut, PackageTable, change_out, header as shown};
use crate::pairs::Pairs;
use crate::table::{Dependencies, Table};
use crate::wait::sleep;

/// How long packages are read before others have their turn, in milliseconds.
const SLICE: f64 = 60.0;

/// The same where what others want is more urgent: searches are to feel instant.
const SHORT_SLICE: f64 = 12.0;

/// One snapshot of a repository.
#[wasm_bindgen(skip_typescript)]
pub struct Repository {
    driver: Driver,
    decompress: Function,
    reference: Reference,
    snapshot: Rc<RefCell<Snapshot>>,
    /// Metadata files that were pulled, by their kind.
    pulled: RefCell<Pairs<String, Metadata>>,
}

#[wasm_bindgen]
impl Client {
    /// Opens a repository at what its location names now.
    pub async fn open(&self, location: String, call: Call) -> Result<Repository, JsValue> {
        let reference = reference(&location)?;
        let options = Options {
            now: now().unix_secs,
            signature: true,
            ..Options::default()
        };
        let open = load::open(&self.driver, &reference, options);
        let snapshot = abortable(&call, open).await?;
        Ok(Repository {
            driver: self.driver.clone(),
            decompress: self.decompress.clone(),
            reference,
            snapshot: Rc::new(RefCell::new(snapshot)),
            pulled: RefCell::default(),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    location: String,
    layout: &'static str,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    records: Vec<RecordOut<'a>>,
    signed: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordOut<'a> {
    r#type: &'a str,
    path: &'a str,
    checksum: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
}

#[wasm_bindgen]
impl Repository {
    /// What is known from opening it.
    pub fn facts(&self) -> JsValue {
        let snapshot = self.snapshot.borrow();
        let records = snapshot.repomd().records.iter().map(|record| RecordOut {
            r#type: &record.kind,
            path: record.location.path(),
            checksum: record.checksum.to_string(),
            size: record.size,
            open_size: record.open_size,
            timestamp: record.timestamp,
        });
        let facts = to_js(&Facts {
            location: Location::from(self.reference.clone()).to_string(),
            layout: snapshot.layout().as_str(),
            digest: snapshot.digest().to_string(),
            date: snapshot.date(),
            revision: snapshot.repomd().revision.as_deref(),
            sequence: snapshot.sequence(),
            parent: snapshot.parent().map(|parent| parent.to_string()),
            records: records.collect(),
            signed: snapshot.signature().is_some(),
        });
        let object = Object::from(facts.clone());
        js::set(&object, "repomd", &Uint8Array::from(snapshot.raw_repomd()));
        if let Some(root) = snapshot.root() {
            js::set(&object, "root", &manifest(root));
        }
        facts
    }

    /// The signature of repomd.xml, if there is one.
    pub fn signature(&self) -> Option<Uint8Array> {
        self.snapshot.borrow().signature().map(Uint8Array::from)
    }

    /// Reads the packages, without their dependencies.
    pub async fn packages(&self, call: Call) -> Result<PackageTable, JsValue> {
        Ok(abortable(&call, self.read_packages(&call)).await?)
    }

    /// Reads what the packages of a table require and provide into it.
    #[wasm_bindgen(js_name = readDependencies)]
    pub async fn read_dependencies(&self, table: &PackageTable, call: Call) -> Result<(), JsValue> {
        let table = Rc::clone(&table.table);
        Ok(abortable(&call, self.read_dependencies_of(&table, &call)).await?)
    }

    /// Files that are neither packages nor metadata, as JSON.
    pub async fn files(&self, call: Call) -> Result<JsValue, JsValue> {
        #[derive(Serialize)]
        struct Out {
            path: String,
            digest: String,
            size: u64,
        }
        let found = abortable(&call, async {
            let mut lists = Vec::new();
            let wanted = self.snapshot.borrow().other_lists();
            for list in wanted {
                let found = load::find_manifest(&self.driver, &list.repository, list.selector);
                lists.extend(found.await?);
            }
            Ok(self.snapshot.borrow().other_files(&lists))
        });
        let found = found.await?;
        let found: Vec<Out> = found
            .into_iter()
            .map(|(path, descriptor)| Out {
                path: path.path().to_owned(),
                digest: descriptor.digest.to_string(),
                size: descriptor.size,
            })
            .collect();
        Ok(to_js(&found))
    }

    /// A file by its path: its bytes if they are at hand, or else a download.
    pub async fn file(&self, path: String, call: Call) -> Result<JsValue, JsValue> {
        let work = async {
            let href = Href::from_path(path.trim_start_matches('/')).map_err(Failure::input)?;
            let snapshot = self.snapshot.borrow().clone();
            let located = load::locate(&self.driver, &snapshot, &href).await?;
            let missing = || Failure::new("not-found", format!("there is no {path} in it"));
            Ok(match located.ok_or_else(missing)? {
                Located::Held(bytes) => Uint8Array::from(&bytes[..]).into(),
                Located::Made(made) => {
                    let most = load::MOST_METADATA;
                    let from = load::pull(&self.driver, &made.from, most, None).await?;
                    Uint8Array::from(&load::made(&made, from)?[..]).into()
                }
                Located::Blob(blob) if blob.checksum.is_some() => {
                    let most = load::MOST_METADATA;
                    let bytes = load::pull(&self.driver, &blob, most, None).await?;
                    Uint8Array::from(&bytes[..]).into()
                }
                Located::Blob(blob) => {
                    let content = Content::from(&blob.descriptor);
                    let object = Object::new();
                    js::set(&object, "digest", &content.digest.to_string().into());
                    js::set(&object, "size", &(blob.descriptor.size as f64).into());
                    let call: Call = JsValue::from(&call).into();
                    let download =
                        Download::start(&self.driver, blob.repository.clone(), content, call);
                    js::set(&object, "download", &download.into());
                    object.into()
                }
            })
        };
        let found: JsValue = abortable(&call, work).await?;
        Ok(found)
    }

    /// The files of a package, as JSON.
    #[wasm_bindgen(js_name = filesOf)]
    pub async fn files_of(
        &self,
        table: &PackageTable,
        id: u32,
        call: Call,
    ) -> Result<JsValue, JsValue> {
        let pkgid = self.pkgid(&table.table, id)?;
        let found = abortable(&call, async {
            let (metadata, record) = self.metadata("filelists", &call).await?;
            let source = metadata.reader(&record)?;
            let path = record.location.path();
            let packages = Filelists::open(source, path, Limits::default())?;
            let files = find(&call, packages, |files| files.pkgid == pkgid).await?;
            Ok(files.map(|files| files.files).unwrap_or_default())
        });
        let found = found.await?;
        let files: Vec<FileOut> = found.iter().map(FileOut::plain).collect();
        Ok(to_js(&files))
    }

    /// The change log of a package, as JSON.
    #[wasm_bindgen(js_name = changesOf)]
    pub async fn changes_of(
        &self,
        table: &PackageTable,
        id: u32,
        call: Call,
    ) -> Result<JsValue, JsValue> {
        let pkgid = self.pkgid(&table.table, id)?;
        let found = abortable(&call, async {
            let (metadata, record) = self.metadata("other", &call).await?;
            let source = metadata.reader(&record)?;
            let path = record.location.path();
            let packages = Other::open(source, path, Limits::default())?;
            let changes = find(&call, packages, |changes| changes.pkgid == pkgid).await?;
            Ok(changes.map(|changes| changes.changes).unwrap_or_default())
        });
        let found = found.await?;
        Ok(to_js(&change_out(&found)))
    }

    /// The header of a package file, as JSON, by a ranged request.
    #[wasm_bindgen(js_name = headerOf)]
    pub async fn header_of(
        &self,
        table: &PackageTable,
        id: u32,
        call: Call,
    ) -> Result<JsValue, JsValue> {
        let table = Rc::clone(&table.table);
        Ok(abortable(&call, self.read_header(&table, id)).await?)
    }
}

impl Repository {
    fn pkgid(&self, table: &Table, id: u32) -> Result<Checksum, Failure> {
        let checksum = table.checksum(id);
        checksum.ok_or_else(|| Failure::input(format!("there is no package {id}")))
    }

    /// A metadata file, pulled once.
    async fn metadata(
        &self,
        kind: &str,
        call: &Call,
    ) -> Result<(Metadata, ocirepo_rpm::repomd::Record), Failure> {
        let (snapshot, record) = {
            let snapshot = self.snapshot.borrow();
            let record = snapshot.repomd().require(kind)?.clone();
            (snapshot.clone(), record)
        };
        if let Some(pulled) = self.pulled.borrow().get(kind) {
            return Ok((pulled.clone(), record));
        }
        let on_bytes = progress(call, "download", record.size, record.location.path());
        let pulled = load::metadata(&self.driver, &snapshot, &record, on_bytes).await?;
        let pulled = pulled.readable(&record, &self.decompress).await?;
        self.pulled
            .borrow_mut()
            .insert(kind.to_owned(), pulled.clone());
        Ok((pulled, record))
    }

    /// All but dependencies, which are read from the same bytes later.
    async fn read_packages(&self, call: &Call) -> Result<PackageTable, Failure> {
        let (metadata, record) = self.metadata("primary", call).await?;
        let path = record.location.path();
        let source = metadata.reader(&record)?;
        let packages = Primary::open(source, path, Limits::default())?
            .keep_base()
            .without_dependencies();
        let report = progress(call, "read", packages.declared(), path);
        let mut table = Table::default();
        let all = each(packages, SLICE, report.as_ref(), |package| {
            table.push(&package);
            ControlFlow::Continue(())
        });
        all.await?;
        table.finish();
        let mut snapshot = self.snapshot.borrow_mut();
        for id in 0..table.len() as u32 {
            let (Some(checksum), Some((name, source)), Ok(path)) = (
                table.checksum(id),
                table.names(id),
                Href::from_path(table.location(id)),
            ) else {
                continue;
            };
            let size = Some(table.size(id)).filter(|size| *size > 0);
            snapshot.learn_packages([PackageEntry {
                path: &path,
                checksum,
                size,
                name,
                source,
            }]);
        }
        snapshot.learn_packages([]);
        Ok(PackageTable {
            table: Rc::new(table),
        })
    }

    async fn read_dependencies_of(&self, table: &Table, call: &Call) -> Result<(), Failure> {
        if table.dependencies().is_ok() {
            return Ok(());
        }
        let (metadata, record) = self.metadata("primary", call).await?;
        let path = record.location.path();
        let source = metadata.reader(&record)?;
        let packages = Primary::open(source, path, Limits::default())?.keep_base();
        let report = progress(call, "read", packages.declared(), path);
        let mut dependencies = Dependencies::default();
        let all = each(packages, SHORT_SLICE, report.as_ref(), |package| {
            dependencies.push(&package);
            ControlFlow::Continue(())
        });
        all.await?;
        dependencies.finish();
        table.depend(dependencies);
        // It is not needed again.
        self.pulled.borrow_mut().remove("primary");
        Ok(())
    }

    async fn read_header(&self, table: &Table, id: u32) -> Result<JsValue, Failure> {
        let checksum = self.pkgid(table, id)?;
        let path = table.location(id);
        let end = table.header_end(id).ok_or_else(|| {
            Failure::new(
                "unsupported",
                "the metadata does not say where the header is in the package",
            )
        })?;
        let href = Href::from_path(path).map_err(Failure::input)?;
        let snapshot = self.snapshot.borrow().clone();
        let Some(Located::Blob(blob)) = load::locate(&self.driver, &snapshot, &href).await? else {
            return Err(Failure::new("not-found", format!("there is no {path}")));
        };
        let found = self
            .driver
            .run(Job::default(), |session| {
                session.pull_blob_range(&blob.repository, blob.descriptor.digest, 0..end.into())
            })
            .await?;
        let options = HeaderOptions {
            changelog_limit: None,
            ..HeaderOptions::default()
        };
        let header = header::read(&found.bytes[..], path, &options)?;
        let facts = header.facts(FileFacts {
            location: href,
            checksum,
            size: table.size(id),
            time: 0,
            payload: None,
        })?;
        Ok(shown(&facts, found.bytes.len(), table, id))
    }
}

/// Gives entries until the function has enough, and lets others have their turn after so many
/// milliseconds.
async fn each<T>(
    entries: impl Iterator<Item = Result<T, MetadataError>>,
    slice: f64,
    report: Option<&OnBytes>,
    mut give: impl FnMut(T) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let tell = |count: usize| {
        if let Some(report) = report {
            report(count as u64);
        }
    };
    let mut begun = js::performance_now();
    let mut count = 0;
    for entry in entries {
        if give(entry?).is_break() {
            return Ok(());
        }
        count += 1;
        if count % 64 == 0 && js::performance_now() - begun > slice {
            tell(count);
            sleep(0.0).await;
            begun = js::performance_now();
        }
    }
    tell(count);
    Ok(())
}

/// The entry that fits.
async fn find<T>(
    call: &Call,
    entries: impl Iterator<Item = Result<T, MetadataError>>,
    fits: impl Fn(&T) -> bool,
) -> Result<Option<T>, Failure> {
    let report = progress(call, "read", None, "packages");
    let mut found = None;
    let all = each(entries, SLICE, report.as_ref(), |entry| {
        match fits(&entry) {
            true => {
                found = Some(entry);
                ControlFlow::Break(())
            }
            false => ControlFlow::Continue(()),
        }
    });
    all.await?;
    Ok(found)
}
