//! Finding a file among the layers of a manifest by its title.

use std::collections::BTreeMap;

use ocirepo::descriptor::Descriptor;
use ocirepo::media_type::{OCI_LAYER, OCI_LAYER_GZIP};

use super::format::{REPODATA, REPOMD, TITLE, UNPACK};

/// The layers of a manifest by title.
#[derive(Clone, Debug)]
pub(crate) struct Titles {
    /// `None` where layers that differ have the same title, so that it says nothing.
    layers: BTreeMap<String, Option<Descriptor>>,
    form: Form,
}

/// How titles relate to the paths of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// They are paths, behind this prefix (nothing, or a folder with its slash).
    Paths(String),
    /// They are the last components of paths.
    BaseNames,
}

/// Layers with different content have the title that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

impl Titles {
    /// Sorts the layers and finds out what form their titles have: paths of the
    /// repository if one ends in `repodata/repomd.xml`, otherwise base names. If there
    /// are several such, the shortest says where the repository begins.
    pub(crate) fn new(layers: &[Descriptor]) -> Self {
        let mut found: BTreeMap<String, Option<Descriptor>> = BTreeMap::new();
        for layer in layers {
            let Some(title) = title(layer) else { continue };
            found
                .entry(title.to_owned())
                .and_modify(|known| {
                    if known.as_ref().is_some_and(|one| one.digest != layer.digest) {
                        *known = None;
                    }
                })
                .or_insert_with(|| Some(layer.clone()));
        }
        let prefix = found
            .keys()
            .filter_map(|title| title.strip_suffix(REPOMD))
            .filter(|prefix| prefix.is_empty() || prefix.ends_with('/'))
            .min_by_key(|prefix| prefix.len())
            .map(str::to_owned);
        Self {
            layers: found,
            form: prefix.map_or(Form::BaseNames, Form::Paths),
        }
    }

    /// Sorts layers whose titles are paths, as those of a catalogue are.
    pub(crate) fn of_paths(layers: &[Descriptor]) -> Self {
        Self {
            form: Form::Paths(String::new()),
            ..Self::new(layers)
        }
    }

    /// The layer of a path of the repository.
    pub(crate) fn find(&self, path: &str) -> Result<Option<&Descriptor>, Ambiguous> {
        let found = match &self.form {
            Form::Paths(prefix) if prefix.is_empty() => self.layers.get(path),
            Form::Paths(prefix) => self.layers.get(&format!("{prefix}{path}")),
            Form::BaseNames => self.layers.get(path.rsplit('/').next().unwrap_or(path)),
        };
        match found {
            None => Ok(None),
            Some(Some(layer)) => Ok(Some(layer)),
            Some(None) => Err(Ambiguous),
        }
    }

    /// Whether titles are base names: then they tell no paths.
    pub(crate) fn are_base_names(&self) -> bool {
        self.form == Form::BaseNames
    }

    /// Every file of the repository whose title says something, by path (or base name).
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Descriptor)> {
        let prefix = match &self.form {
            Form::Paths(prefix) => prefix,
            Form::BaseNames => "",
        };
        self.layers
            .iter()
            .filter_map(move |(title, layer)| Some((title.strip_prefix(prefix)?, layer.as_ref()?)))
    }

    /// The layer that holds the folder of metadata as an archive, if there is one.
    pub(crate) fn archive(&self) -> Option<&Descriptor> {
        let folder = REPODATA.trim_end_matches('/');
        let mut archives = self.layers.iter().filter_map(|(title, found)| {
            let layer = found.as_ref()?;
            let last = title.rsplit('/').next()?;
            let archive = layer.annotation(UNPACK) == Some("true")
                || matches!(layer.media_type.as_str(), OCI_LAYER | OCI_LAYER_GZIP);
            (last == folder && archive).then_some(layer)
        });
        archives.next()
    }
}

/// The title of a layer, without a leading `./` and a trailing slash.
fn title(layer: &Descriptor) -> Option<&str> {
    let title = layer.annotation(TITLE)?;
    let title = title.strip_prefix("./").unwrap_or(title);
    Some(title.strip_suffix('/').unwrap_or(title)).filter(|title| !title.is_empty())
}

#[cfg(test)]
mod tests {
    use ocirepo::digest::Digest;

    use super::*;

    fn layer(title: &str, content: &str) -> Descriptor {
        Descriptor::of("application/octet-stream", content.as_bytes()).annotate(TITLE, title)
    }

    fn find(titles: &Titles, path: &str) -> Option<Digest> {
        titles.find(path).unwrap().map(|layer| layer.digest)
    }

    #[test]
    fn titles_are_paths_when_one_is_that_of_repomd() {
        let titles = Titles::new(&[
            layer("repodata/repomd.xml", "1"),
            layer("./Packages/a.rpm", "2"),
            layer("a.rpm", "3"),
        ]);
        assert_eq!(find(&titles, "repodata/repomd.xml"), Some(Digest::of(b"1")));
        assert_eq!(find(&titles, "Packages/a.rpm"), Some(Digest::of(b"2")));
        assert_eq!(find(&titles, "a.rpm"), Some(Digest::of(b"3")));
        assert_eq!(find(&titles, "Other/a.rpm"), None);
    }

    #[test]
    fn the_repository_may_lie_in_a_folder() {
        let titles = Titles::new(&[
            layer("el9/repodata/repomd.xml", "1"),
            layer("el9/a.rpm", "2"),
            layer("a.rpm", "3"),
        ]);
        assert_eq!(find(&titles, "repodata/repomd.xml"), Some(Digest::of(b"1")));
        assert_eq!(find(&titles, "a.rpm"), Some(Digest::of(b"2")));
    }

    #[test]
    fn base_names_serve_any_folder() {
        let titles = Titles::new(&[layer("repomd.xml", "1"), layer("a.rpm", "2")]);
        assert_eq!(find(&titles, "repodata/repomd.xml"), Some(Digest::of(b"1")));
        assert_eq!(find(&titles, "Packages/a/a.rpm"), Some(Digest::of(b"2")));
        assert_eq!(find(&titles, "Packages/b.rpm"), None);
    }

    #[test]
    fn a_title_of_layers_that_differ_is_ambiguous() {
        let titles = Titles::new(&[
            layer("repomd.xml", "1"),
            layer("a.rpm", "2"),
            layer("a.rpm", "3"),
            layer("b.rpm", "4"),
            layer("b.rpm", "4"),
        ]);
        assert_eq!(titles.find("x/a.rpm"), Err(Ambiguous));
        assert_eq!(find(&titles, "x/b.rpm"), Some(Digest::of(b"4")));
    }

    #[test]
    fn an_archive_of_repodata_is_known_by_annotation_or_type() {
        let marked = layer("repodata", "1").annotate(UNPACK, "true");
        assert!(
            Titles::new(std::slice::from_ref(&marked))
                .archive()
                .is_some()
        );
        let typed = Descriptor {
            media_type: OCI_LAYER_GZIP.to_owned(),
            ..layer("repodata/", "1")
        };
        assert!(Titles::new(&[typed]).archive().is_some());
        assert!(Titles::new(&[layer("repodata", "1")]).archive().is_none());
        let elsewhere = layer("repodata2", "1").annotate(UNPACK, "true");
        assert!(Titles::new(&[elsewhere]).archive().is_none());
    }
}
