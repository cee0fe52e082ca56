//! The new snapshot: which packages it has, what its metadata is, what to push.

use std::collections::BTreeMap;
use std::path::Path;

use ocirepo_native::Client;
use ocirepo_native::publish::{Local, Prepared, Sources};
use ocirepo_rpm::create::{self, Change, Entry, Fate, Selection, records, select};
use ocirepo_rpm::evr::Nevra;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::layout::format::SIGNATURE;
use ocirepo_rpm::native::{Catalogue, Part};
use ocirepo_rpm::publish::{self, Destination, File, Input, Parent};
use ocirepo_rpm::repomd::{Record, Repomd};
use ocirepo_rpm::snapshot::Snapshot;
use ocirepo_rpm::write;

use super::before::Before;
use super::contents::{Files, at_hand};
use super::file::{Compression, Written};
use super::metadata::{Olds, Parts};
use super::scan::{Content, Scanned};
use super::spool::Document;
use crate::catalogue;
use crate::exit::Failure;
use crate::output::note;
use crate::signing::Signer;

/// What to make of whatever snapshot is there.
pub(crate) struct Request<'a> {
    pub(crate) client: &'a Client,
    /// The files that were given.
    pub(crate) scanned: Scanned,
    /// What else to change.
    pub(crate) change: Change,
    /// Metadata that was given.
    pub(crate) given: Vec<Written>,
    /// How to compress, if that was said.
    pub(crate) compression: Option<Compression>,
    /// Whether `filelists-ext` is wanted.
    pub(crate) extended: bool,
    /// The date of the repository, if it was said.
    pub(crate) date: Option<u64>,
    /// Whether that is meant although it lies behind the date of the snapshot before.
    pub(crate) date_is_final: bool,
    pub(crate) signer: Option<Signer>,
    /// Where metadata is written.
    pub(crate) directory: &'a Path,
}

/// What becomes of the packages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    /// How many packages the repository has then.
    pub(crate) packages: usize,
    /// How many of the given ones it has already.
    pub(crate) known: usize,
    pub(crate) added: Vec<Nevra>,
    /// What is left out on demand.
    pub(crate) removed: Vec<Nevra>,
    pub(crate) replaced: Vec<Nevra>,
    /// What is left out for its age, old or new.
    pub(crate) outdated: Vec<Nevra>,
}

/// The new metadata.
struct Metadata {
    repomd: Repomd,
    raw: Vec<u8>,
    /// Records of files that were written now, and where they are.
    written: BTreeMap<Href, Written>,
}

impl Request<'_> {
    /// Makes the new snapshot on top of the one that is there.
    pub(crate) async fn prepare(
        &mut self,
        snapshot: Option<&Snapshot>,
        to: &Destination,
    ) -> Result<(Prepared, Summary), Failure> {
        let mut before = match snapshot {
            Some(snapshot) => Some(Before::read(self.client, snapshot).await?),
            None => None,
        };
        let entries = before
            .as_mut()
            .map(|before| std::mem::take(&mut before.entries));
        let old = entries.unwrap_or_default();
        let selection = select(&old, &self.scanned.new, &self.change).map_err(Failure::from)?;
        if before.is_none() && selection.count() == 0 {
            return Err(Failure::not_found(format!(
                "there is no repository at {}:{} to change, and no package to begin one with",
                to.repository, to.tag
            )));
        }
        // Done on top of this snapshot. Another publisher may do the same meanwhile.
        for removal in &mut self.change.remove {
            removal.required = false;
        }
        // A tree beside another layout of the same repository would be two repositories, and
        // who has a catalogue means to.
        let layout = to.layout.or(before
            .as_ref()
            .map(|before| before.snapshot.layout())
            .filter(|layout| [Layout::Tree, Layout::Native].contains(layout)));
        let native = layout == Some(Layout::Native);
        let mut metadata = self
            .metadata(before.as_ref(), &old, &selection, native)
            .await?;
        let packages = self.entries(&old, &selection).map(Into::into).collect();
        let mut files = Files {
            files: Vec::new(),
            sources: Sources::new(),
        };
        let mut catalogue = match native {
            true => Some(self.catalogue(&mut files, before.as_ref(), &mut metadata, &selection)?),
            false => None,
        };
        self.add_metadata(&mut files, before.as_mut(), &metadata, native)
            .await?;
        let signature = self.signature(before.as_mut(), snapshot, &metadata).await?;
        match &mut catalogue {
            None => files.add_repomd(signature, metadata.raw.clone())?,
            Some(catalogue) => {
                if let Some((_, Some(Local::Bytes(signature)))) = signature {
                    *catalogue = catalogue::signed(catalogue, signature.to_vec())?;
                }
            }
        }
        self.add_packages(&mut files, before.as_mut(), &old, &selection)
            .await?;
        self.add_others(&mut files, before.as_ref()).await?;
        let input = Input {
            files: files.files,
            repomd: &metadata.repomd,
            packages,
            date: None,
            catalogue: catalogue.as_ref(),
        };
        let to = Destination {
            layout,
            ..to.clone()
        };
        let parent = before.as_ref().map(|before| Parent::of(&before.snapshot));
        let plan = publish::plan(&input, &to, parent.as_ref()).map_err(Failure::failed)?;
        let summary = self.summary(&old, &selection);
        let sources = files.sources;
        Ok((Prepared { plan, sources }, summary))
    }

    /// The new metadata: of packages only if there are others than before.
    async fn metadata(
        &self,
        before: Option<&Before<'_>>,
        old: &[Entry],
        selection: &Selection,
        native: bool,
    ) -> Result<Metadata, Failure> {
        let repomd = before.map(|before| before.snapshot.repomd());
        // What is made from a catalogue is nowhere else, and the other way round.
        let same_kind = before.map(|before| before.snapshot.catalogue().is_some()) == Some(native);
        let written = match same_kind && self.is_as_wanted(repomd, selection, native) {
            true => None,
            false => Some(self.write(before, old, selection).await?),
        };
        let given = || self.given.iter().map(|written| written.record.clone());
        if let (None, Some(before)) = (&written, before)
            && records::has(before.snapshot.repomd(), &given().collect::<Vec<_>>())
        {
            return Ok(Metadata {
                repomd: before.snapshot.repomd().clone(),
                raw: before.snapshot.raw_repomd().to_vec(),
                written: BTreeMap::new(),
            });
        }
        let date = self.date_of(repomd, old, selection);
        let of_packages = written.as_ref().map(|written| {
            let records = written.iter().map(|written| written.record.clone());
            records.collect()
        });
        let repomd = records::assemble(repomd, of_packages, given().collect(), date);
        let written = written.into_iter().flatten().chain(self.given.clone());
        Ok(Metadata {
            raw: write::repomd(&repomd).into_bytes(),
            repomd,
            written: written
                .map(|written| (written.record.location.clone(), written))
                .collect(),
        })
    }

    /// Whether what the repository says of its packages may stay.
    fn is_as_wanted(&self, repomd: Option<&Repomd>, selection: &Selection, native: bool) -> bool {
        let Some(repomd) = repomd else { return false };
        let compressed_so = |wanted| {
            let records = repomd.records.iter();
            let mut records = records.filter(|record| Part::of_kind(&record.kind).is_some());
            records.all(|record| Compression::of(record) == Some(wanted))
        };
        selection.is_unchanged()
            && (native || self.compression.is_none_or(compressed_so))
            && (!self.extended || repomd.record("filelists-ext").is_some())
    }

    /// Writes what the repository says of its packages.
    async fn write(
        &self,
        before: Option<&Before<'_>>,
        old: &[Entry],
        selection: &Selection,
    ) -> Result<Vec<Written>, Failure> {
        let mut olds = Olds::default();
        let mut extended = self.extended;
        if let Some(before) = before {
            olds.primary = Some(before.metadata("primary").await?);
            olds.filelists = Some(before.metadata("filelists").await?);
            olds.other = Some(before.metadata("other").await?);
            if before.snapshot.repomd().record("filelists-ext").is_some() {
                extended = true;
                olds.extended = Some(Some(before.metadata("filelists-ext").await?));
            } else if extended && selection.kept() > 0 {
                return Err(without_checksums(before.snapshot.repository()));
            }
        }
        let has = |at: &usize| self.scanned.spool.has(Document::Extended, *at);
        if extended && !selection.added.iter().all(has) {
            return Err(without_checksums("a snapshot that is merged"));
        }
        if extended && olds.extended.is_none() {
            olds.extended = Some(None);
        }
        let parts = Parts {
            selection,
            old,
            new: &self.scanned.new,
            spool: &self.scanned.spool,
            directory: self.directory,
            compression: self.compression.unwrap_or(Compression::Gz),
        };
        tokio::task::block_in_place(|| parts.write(olds))
    }

    fn date_of(&self, repomd: Option<&Repomd>, old: &[Entry], selection: &Selection) -> u64 {
        let repomd = repomd.filter(|_| !self.date_is_final);
        records::date(repomd, self.date, self.entries(old, selection))
    }

    /// The packages of the new snapshot.
    fn entries<'a>(
        &'a self,
        old: &'a [Entry],
        selection: &'a Selection,
    ) -> impl Iterator<Item = &'a Entry> {
        let coming = selection.coming(&self.scanned.new);
        selection.staying(old).chain(coming)
    }

    async fn add_metadata(
        &self,
        files: &mut Files,
        mut before: Option<&mut Before<'_>>,
        metadata: &Metadata,
        native: bool,
    ) -> Result<(), Failure> {
        for record in &metadata.repomd.records {
            let path = &record.location;
            if native && Part::of_kind(&record.kind).is_some() {
                // It is made from the catalogue.
                continue;
            }
            if let Some(written) = metadata.written.get(path) {
                let digest = record.checksum.to_digest();
                let (Some(digest), Some(size)) = (digest, record.size) else {
                    continue;
                };
                let local = Local::File(written.file.clone());
                files.add(path.clone(), digest, size, Some(local));
            } else if let Some(before) = before.as_deref_mut() {
                let (file, local) = before.file(path).await?;
                files.add(file.path, file.digest, file.size, local);
            }
        }
        Ok(())
    }

    /// The signature of the new `repomd.xml`: a new one, or that of before if it fits.
    async fn signature(
        &self,
        before: Option<&mut Before<'_>>,
        snapshot: Option<&Snapshot>,
        metadata: &Metadata,
    ) -> Result<Option<(File, Option<Local>)>, Failure> {
        let path = Href::from_path(SIGNATURE).map_err(Failure::failed)?;
        if let Some(signer) = &self.signer {
            let signature = signer.signature(self.client, &metadata.raw, snapshot);
            return Ok(Some(at_hand(path, signature.await?)));
        }
        let Some(before) = before else {
            return Ok(None);
        };
        let signature = before.signature(&path).await?;
        if signature.is_some() && before.snapshot.raw_repomd() != metadata.raw {
            note(
                "warning",
                "the repository was signed, and its metadata has changed; without \
                 --sign-key or --sign-command it is no longer signed",
            );
            return Ok(None);
        }
        Ok(signature)
    }

    /// The catalogue of the new metadata, and from then on what that says.
    fn catalogue(
        &self,
        files: &mut Files,
        before: Option<&Before<'_>>,
        metadata: &mut Metadata,
        selection: &Selection,
    ) -> Result<Catalogue, Failure> {
        let before = before.and_then(|before| before.snapshot.catalogue());
        let written = |record: &Record| metadata.written.get(&record.location);
        let catalogue = match before {
            Some(before)
                if metadata
                    .repomd
                    .record("primary")
                    .and_then(written)
                    .is_none() =>
            {
                before.revised(&metadata.repomd)
            }
            _ => {
                // It goes with the directory it is in.
                let parts = tempfile::tempdir_in(self.directory)?.keep();
                let packages = selection.count() as u64;
                let open = |record: &Record| match written(record) {
                    Some(written) => catalogue::open(record, &written.file),
                    None => Err(Failure::failed(format!("{} was not written", record.kind))),
                };
                let made = tokio::task::block_in_place(|| {
                    catalogue::make(&parts, &metadata.repomd, packages, open)
                })?;
                catalogue::put_sources(&parts, &mut files.sources);
                made
            }
        };
        metadata.repomd = catalogue.repomd().clone();
        metadata.raw = catalogue.raw_repomd().into_bytes();
        Ok(catalogue)
    }

    async fn add_packages(
        &self,
        files: &mut Files,
        before: Option<&mut Before<'_>>,
        old: &[Entry],
        selection: &Selection,
    ) -> Result<(), Failure> {
        if let Some(before) = before {
            for entry in selection.staying(old) {
                files.files.push(before.package(entry).await?);
            }
        }
        for at in &selection.added {
            let Some(create::New { entry, .. }) = self.scanned.new.get(*at) else {
                continue;
            };
            match (self.scanned.contents.get(*at), entry.checksum.to_digest()) {
                (Some(Content::Here(file)), Some(digest)) => {
                    let local = Local::File(file.clone());
                    files.add(entry.location.clone(), digest, entry.size, Some(local));
                }
                (Some(Content::Registry(file)), _) => files.files.push(file.clone()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Keys and images: those that were given, and those that are there.
    async fn add_others(
        &self,
        files: &mut Files,
        before: Option<&Before<'_>>,
    ) -> Result<(), Failure> {
        let mut others = match before {
            Some(before) => before.others().await?,
            None => BTreeMap::new(),
        };
        for file in &files.files {
            others.remove(&file.path);
        }
        for (path, (file, local)) in &self.scanned.others {
            others.remove(path);
            let local = Local::File(local.clone());
            files.add(path.clone(), file.digest, file.size, Some(local));
        }
        files.files.extend(others.into_values());
        Ok(())
    }

    fn summary(&self, old: &[Entry], selection: &Selection) -> Summary {
        let olds = || old.iter().zip(&selection.old);
        let news = || self.scanned.new.iter().zip(&selection.new);
        let of = |wanted: Fate| {
            let olds = olds().filter(move |(_, fate)| **fate == wanted);
            olds.map(|(entry, _)| entry.nevra.clone())
        };
        let outdated = news().filter(|(_, fate)| **fate == Fate::Outdated);
        let added = selection.coming(&self.scanned.new);
        Summary {
            packages: selection.count(),
            known: news().filter(|(_, fate)| **fate == Fate::Known).count(),
            added: added.map(|entry| entry.nevra.clone()).collect(),
            removed: of(Fate::Removed).collect(),
            replaced: of(Fate::Replaced).collect(),
            outdated: of(Fate::Outdated)
                .chain(outdated.map(|(new, _)| new.entry.nevra.clone()))
                .collect(),
        }
    }
}

fn without_checksums(what: impl std::fmt::Display) -> Failure {
    Failure::failed(format!(
        "{what} has packages without the checksums of files that filelists-ext lists; publish \
         it anew from all packages"
    ))
}
