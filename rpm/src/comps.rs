//! Comps: the groups of packages that people install by one name.

use std::collections::BTreeMap;
use std::io::BufRead;

use crate::error::MetadataError;
use crate::fields;
use crate::limits::Limits;
use crate::xml::Xml;

/// What a comps file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comps {
    /// Groups of packages.
    pub groups: Vec<Group>,
    /// Groups of groups, to browse in.
    pub categories: Vec<Set>,
    /// Groups of groups, to install.
    pub environments: Vec<Set>,
    /// Which packages bring translations of others: the pattern, in which `%s` stands
    /// for the language, by the name of the package.
    pub langpacks: BTreeMap<String, String>,
}

/// A text with its translations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translated {
    /// The text itself.
    pub text: String,
    /// Its translations by language, as `xml:lang` names them.
    pub translations: BTreeMap<String, String>,
}

/// A group of packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name for programs.
    pub id: String,
    /// Its name for people.
    pub name: Translated,
    /// What it is for.
    pub description: Translated,
    /// Whether it is installed unless people say otherwise.
    pub default: bool,
    /// Whether people get to see it.
    pub user_visible: bool,
    /// Where among the others it is shown.
    pub display_order: Option<u64>,
    /// The language it is for.
    pub language: Option<String>,
    /// Its packages.
    pub packages: Vec<GroupPackage>,
}

/// A package of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupPackage {
    /// The name of the package.
    pub name: String,
    /// Whether it is `mandatory`, `default`, `optional` or `conditional`.
    pub kind: String,
    /// The package on whose presence a conditional one depends.
    pub requires: Option<String>,
}

/// A group of groups: a category or an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// Its name for programs.
    pub id: String,
    /// Its name for people.
    pub name: Translated,
    /// What it is for.
    pub description: Translated,
    /// Where among the others it is shown.
    pub display_order: Option<u64>,
    /// The ids of its groups.
    pub groups: Vec<String>,
    /// The ids of groups that an environment offers in addition.
    pub options: Vec<String>,
}

impl Comps {
    /// Reads the uncompressed file, which errors call `file`.
    pub fn read<R: BufRead>(source: R, file: &str, limits: Limits) -> Result<Self, MetadataError> {
        let mut xml = Xml::open(source, file, limits, &["comps"])?;
        parse(&mut xml).map_err(|error| xml.locate(error))
    }
}

fn parse<R: BufRead>(xml: &mut Xml<R>) -> Result<Comps, MetadataError> {
    let mut comps = Comps::default();
    let root = xml.depth();
    while let Some(element) = xml.child(root)? {
        match element.name() {
            "group" => {
                let mut group = Group {
                    user_visible: true,
                    ..Group::default()
                };
                parse_group(xml, &mut group)
                    .map_err(|error| error.in_entry(|| format!("group {}", group.id)))?;
                fields::push(&mut comps.groups, group, xml.limits())?;
            }
            "category" => {
                let category = parse_set(xml)?;
                fields::push(&mut comps.categories, category, xml.limits())?;
            }
            "environment" => {
                let environment = parse_set(xml)?;
                fields::push(&mut comps.environments, environment, xml.limits())?;
            }
            "langpacks" => {
                let parent = xml.depth();
                while let Some(element) = xml.child(parent)? {
                    if element.name() == "match" {
                        let name = element.require("name")?.into_owned();
                        let install = element.require("install")?.into_owned();
                        comps.langpacks.insert(name, install);
                    }
                }
            }
            _ => {}
        }
    }
    xml.finish()?;
    Ok(comps)
}

fn parse_group<R: BufRead>(xml: &mut Xml<R>, group: &mut Group) -> Result<(), MetadataError> {
    let parent = xml.depth();
    while let Some(element) = xml.child(parent)? {
        match element.name() {
            "id" => group.id = xml.token()?.to_owned(),
            "name" => parse_translated(xml, &mut group.name)?,
            "description" => parse_translated(xml, &mut group.description)?,
            "default" => group.default = parse_bool(xml)?,
            "uservisible" => group.user_visible = parse_bool(xml)?,
            "display_order" => group.display_order = Some(xml.number()?),
            "langonly" => group.language = Some(xml.token()?.to_owned()),
            "packagelist" => parse_packages(xml, &mut group.packages)?,
            _ => {}
        }
    }
    Ok(())
}

fn parse_packages<R: BufRead>(
    xml: &mut Xml<R>,
    packages: &mut Vec<GroupPackage>,
) -> Result<(), MetadataError> {
    let parent = xml.depth();
    while let Some(element) = xml.child(parent)? {
        if element.name() == "packagereq" {
            let kind = element.attribute("type")?;
            let package = GroupPackage {
                kind: kind.unwrap_or("mandatory".into()).into_owned(),
                requires: element.attribute("requires")?.map(String::from),
                name: xml.token()?.to_owned(),
            };
            fields::push(packages, package, xml.limits())?;
        }
    }
    Ok(())
}

fn parse_set<R: BufRead>(xml: &mut Xml<R>) -> Result<Set, MetadataError> {
    let mut set = Set::default();
    let parent = xml.depth();
    while let Some(element) = xml.child(parent)? {
        match element.name() {
            "id" => set.id = xml.token()?.to_owned(),
            "name" => parse_translated(xml, &mut set.name)?,
            "description" => parse_translated(xml, &mut set.description)?,
            "display_order" => set.display_order = Some(xml.number()?),
            "grouplist" => parse_ids(xml, &mut set.groups)?,
            "optionlist" => parse_ids(xml, &mut set.options)?,
            _ => {}
        }
    }
    Ok(set)
}

fn parse_ids<R: BufRead>(xml: &mut Xml<R>, ids: &mut Vec<String>) -> Result<(), MetadataError> {
    let parent = xml.depth();
    while let Some(element) = xml.child(parent)? {
        if element.name() == "groupid" {
            let id = xml.token()?.to_owned();
            fields::push(ids, id, xml.limits())?;
        }
    }
    Ok(())
}

fn parse_translated<R: BufRead>(
    xml: &mut Xml<R>,
    into: &mut Translated,
) -> Result<(), MetadataError> {
    let language = xml.element().attribute("xml:lang")?.map(String::from);
    let text = xml.text()?.to_owned();
    match language {
        None => into.text = text,
        Some(language) => {
            into.translations.insert(language, text);
        }
    }
    Ok(())
}

fn parse_bool<R: BufRead>(xml: &mut Xml<R>) -> Result<bool, MetadataError> {
    Ok(xml.token()?.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Comps, MetadataError> {
        let xml = format!("<!DOCTYPE comps PUBLIC '-//x//EN' 'comps.dtd'>\n<comps>{body}</comps>");
        Comps::read(xml.as_bytes(), "comps.xml", Limits::default())
    }

    #[test]
    fn groups_categories_environments_and_langpacks_are_read() {
        let comps = read(
            r#"
<group><id>g</id><name>G</name><name xml:lang="de">G-de</name><description>d</description>
  <default>True</default><uservisible>false</uservisible><display_order>7</display_order>
  <langonly>de</langonly><packagelist>
    <packagereq type="conditional" requires="x">a</packagereq><packagereq>b</packagereq>
  </packagelist></group>
<category><id>c</id><name>C</name><grouplist><groupid>g</groupid></grouplist></category>
<environment><id>e</id><name>E</name><display_order>1</display_order>
  <grouplist><groupid>g</groupid></grouplist>
  <optionlist><groupid default="true">o</groupid></optionlist></environment>
<langpacks><match name="vim" install="vim-%s"/></langpacks>
<blacklist><package name="n"/></blacklist>"#,
        )
        .unwrap();
        let group = &comps.groups[0];
        assert_eq!(group.id, "g");
        assert_eq!(group.name.text, "G");
        assert_eq!(group.name.translations["de"], "G-de");
        assert_eq!(group.description.text, "d");
        assert!(group.default && !group.user_visible);
        assert_eq!(group.display_order, Some(7));
        assert_eq!(group.language.as_deref(), Some("de"));
        let packages: Vec<_> = group
            .packages
            .iter()
            .map(|p| (&*p.name, &*p.kind, p.requires.as_deref()))
            .collect();
        assert_eq!(
            packages,
            [("a", "conditional", Some("x")), ("b", "mandatory", None)]
        );
        assert_eq!(comps.categories[0].groups, ["g"]);
        assert_eq!(comps.environments[0].groups, ["g"]);
        assert_eq!(comps.environments[0].options, ["o"]);
        assert_eq!(comps.langpacks["vim"], "vim-%s");
    }

    #[test]
    fn a_group_is_visible_unless_it_says_otherwise() {
        assert!(read("<group><id>g</id></group>").unwrap().groups[0].user_visible);
    }

    #[test]
    fn errors_name_the_group() {
        let error = read("<group><id>g</id><display_order>x</display_order></group>").unwrap_err();
        assert!(error.to_string().contains("comps.xml, group g"), "{error}");
    }
}
