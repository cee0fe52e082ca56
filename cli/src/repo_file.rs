//! `.repo` files of dnf, yum and zypper: from `oci://` to the address of a bridge.
//!
//! A file is changed line by line, so that comments, order and options nobody here knows
//! stay as they are.

use ocirepo::reference::Location;

use crate::client::quoted;
use crate::exit::Failure;
use crate::serve;

/// What a file that was written here begins with.
const MARK: &str = "# Written by `ocirepo dnf enable`";

/// What is about the way to the registry, which the bridge goes.
const OF_THE_BRIDGE: [&str; 10] = [
    "username",
    "password",
    "proxy",
    "proxy_username",
    "proxy_password",
    "proxy_auth_method",
    "sslverify",
    "sslcacert",
    "sslclientcert",
    "sslclientkey",
];

/// A file for clients that speak HTTP.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rewritten {
    pub(crate) text: String,
    /// The repositories the bridge must serve, as `--allow` takes them where a variable is
    /// in the name.
    pub(crate) repositories: Vec<String>,
    pub(crate) prefixes: Vec<String>,
    /// Section and option of what was left out, because only the bridge can heed it.
    pub(crate) left_out: Vec<(String, String)>,
}

/// Whether [`rewrite`] wrote a file.
pub(crate) fn is_rewritten(text: &str) -> bool {
    text.starts_with(MARK)
}

/// One base URL of a file.
pub(crate) struct BaseUrl {
    pub(crate) section: String,
    pub(crate) url: String,
    /// What its section presents.
    pub(crate) password: Option<String>,
}

/// The base URLs of a file.
pub(crate) fn base_urls(text: &str) -> Vec<BaseUrl> {
    let entries = entries(text);
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| entry.option == "baseurl") {
        let mut own = entries
            .iter()
            .filter(|other| other.section == entry.section);
        let password = own.find(|other| other.option == "password");
        found.extend(words(&entry.value).map(|url| BaseUrl {
            section: entry.section.clone(),
            url: url.to_owned(),
            password: password.map(|password| password.value.clone()),
        }));
    }
    found
}

/// Whether a URL is in a registry.
pub(crate) fn is_oci(url: &str) -> bool {
    let scheme = url.split("://").next().unwrap_or_default();
    url.contains("://") && ["oci", "oci+http", "oci+https"].contains(&&*scheme.to_lowercase())
}

/// The same repositories at a bridge, given as `HOST[:PORT]`, with the secret that it wants
/// to see. `name` is what the file is called while it is set aside.
pub(crate) fn rewrite(
    text: &str,
    bridge: &str,
    secret: Option<&str>,
    name: &str,
) -> Result<Rewritten, Failure> {
    let mut rewritten = Rewritten {
        text: format!(
            "{MARK} from {name}, for clients that do not know oci://.\n\
             # Change that file, not this one; `ocirepo dnf disable` puts it back.\n"
        ),
        repositories: Vec::new(),
        prefixes: Vec::new(),
        left_out: Vec::new(),
    };
    let entries = entries(text);
    let all: Vec<&str> = text.lines().collect();
    let mut line = 0;
    for entry in &entries {
        let before = all.get(line..entry.first).unwrap_or_default();
        rewritten.keep(before);
        line = entry.end;
        let of_section = |option: &'static str| {
            let same = entries
                .iter()
                .filter(|other| other.section == entry.section);
            same.filter(move |other| other.option == option)
                .flat_map(|other| words(&other.value))
        };
        let bases: Vec<&str> = of_section("baseurl").filter(|url| is_oci(url)).collect();
        let option = &*entry.option;
        let own = all.get(entry.first..entry.end).unwrap_or_default();
        if bases.is_empty() {
            rewritten.keep(own);
        } else if option == "baseurl" {
            let mut urls = Vec::new();
            for url in words(&entry.value) {
                urls.push(if is_oci(url) {
                    rewritten.need(url)?;
                    base(url, bridge)?
                } else {
                    url.to_owned()
                });
            }
            rewritten.text += &format!("baseurl={}\n", urls.join("\n        "));
            if let Some(secret) = secret {
                rewritten.text += &format!("username=ocirepo\npassword={secret}\n");
            }
        } else if option == "gpgkey" {
            let mut urls = Vec::new();
            for url in words(&entry.value) {
                urls.push(if is_oci(url) {
                    rewritten.key(url, &bases, bridge)?
                } else {
                    url.to_owned()
                });
            }
            rewritten.text += &format!("gpgkey={}\n", urls.join("\n       "));
        } else if OF_THE_BRIDGE.contains(&option) {
            let place = (entry.section.clone(), entry.option.clone());
            rewritten.left_out.push(place);
        } else {
            rewritten.keep(own);
        }
    }
    rewritten.keep(all.get(line..).unwrap_or_default());
    if rewritten.repositories.is_empty() && rewritten.prefixes.is_empty() {
        return Err(Failure::usage("it has no baseurl=oci://…"));
    }
    Ok(rewritten)
}

impl Rewritten {
    fn keep(&mut self, lines: &[&str]) {
        for line in lines {
            self.text += line;
            self.text.push('\n');
        }
    }

    /// Notes that the bridge must serve a repository.
    fn need(&mut self, url: &str) -> Result<(), Failure> {
        let parts = Parts::of(url)?;
        let Some((before, _)) = parts.name.split_once('$') else {
            let repository = format!("{}://{}/{}", parts.scheme, parts.host, parts.name);
            if !self.repositories.contains(&repository) {
                self.repositories.push(repository);
            }
            return Ok(());
        };
        let prefix = before.rsplit_once('/').map_or("", |(prefix, _)| prefix);
        let prefix = format!("{}://{}/{prefix}", parts.scheme, parts.host);
        let prefix = prefix.trim_end_matches('/').to_owned();
        if !self.prefixes.contains(&prefix) {
            self.prefixes.push(prefix);
        }
        Ok(())
    }

    fn key(&mut self, key: &str, bases: &[&str], bridge: &str) -> Result<String, Failure> {
        for url in bases {
            let path = key.strip_prefix(url.trim_end_matches('/'));
            if let Some(path) = path.and_then(|path| path.strip_prefix('/')) {
                return Ok(format!("{}{path}", base(url, bridge)?));
            }
        }
        // The repository ends at the first component with a tag or digest.
        let tagged = key.match_indices(['@', ':']).map(|(at, _)| at);
        let start = key.find("://").map_or(0, |at| at + 3);
        let start = start
            + key
                .get(start..)
                .and_then(|rest| rest.find('/'))
                .unwrap_or(0);
        let end = tagged
            .filter(|at| *at > start)
            .find_map(|at| Some(at + key.get(at..)?.find('/')?));
        let split = end.and_then(|end| Some((key.get(..end)?, key.get(end + 1..)?)));
        let Some((url, path)) = split else {
            return Err(Failure::usage(format!(
                "gpgkey `{key}`: write it oci://HOST[:PORT]/NAME:TAG/FILE"
            )));
        };
        self.need(url)?;
        Ok(format!("{}{path}", base(url, bridge)?))
    }
}

/// A URL in a registry, whose name and tag may have variables of dnf.
struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    name: &'a str,
    /// With its `:` or `@`.
    selector: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Result<Self, Failure> {
        let refuse = |error: &dyn std::fmt::Display| {
            Failure::usage(format!("baseurl `{}`: {error}", quoted(url)))
        };
        let shape = || refuse(&"write it oci://HOST[:PORT]/NAME[:TAG|@DIGEST]");
        let text = url.trim_end_matches('/');
        let (scheme, rest) = text.split_once("://").ok_or_else(shape)?;
        let (host, path) = rest.split_once('/').ok_or_else(shape)?;
        if host.contains('$') {
            return Err(refuse(
                &"a variable in the name of the registry cannot be followed; write it out",
            ));
        }
        Location::parse(&expanded(text)).map_err(|error| refuse(&error))?;
        let last = path.rfind('/').map_or(0, |at| at + 1);
        let selector = path.find('@').or_else(|| {
            let at = path.get(last..)?.find(':')?;
            Some(last + at)
        });
        let (name, selector) = path.split_at(selector.unwrap_or(path.len()));
        Ok(Self {
            scheme,
            host,
            name,
            selector,
        })
    }
}

/// Any value for every `$variable` and `${variable}`: enough to see whether the rest is right.
fn expanded(text: &str) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded += before;
        expanded.push('0');
        rest = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').map_or("", |(_, rest)| rest),
            None => after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_'),
        };
    }
    expanded + rest
}

fn base(url: &str, bridge: &str) -> Result<String, Failure> {
    if !url.contains('$') {
        let location = Location::parse(url.trim_end_matches('/'));
        let location =
            location.map_err(|error| Failure::usage(format!("`{}`: {error}", quoted(url))))?;
        return Ok(serve::base(bridge, location.reference()));
    }
    let Parts {
        host,
        name,
        selector,
        ..
    } = Parts::of(url)?;
    let selector = if selector.is_empty() {
        ":latest"
    } else {
        selector
    };
    Ok(format!("http://{bridge}/{host}/{name}{selector}/"))
}

/// An option with the lines it is on.
struct Entry {
    section: String,
    /// In lower case.
    option: String,
    value: String,
    first: usize,
    end: usize,
}

fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section = String::new();
    for (number, line) in text.lines().enumerate() {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            // It goes on with the value before, if that is just above.
            if let Some(entry) = entries.last_mut().filter(|entry| entry.end == number) {
                entry.value.push(' ');
                entry.value += content;
                entry.end = number + 1;
            }
            continue;
        }
        if let Some(name) = content.strip_prefix('[') {
            name.split(']')
                .next()
                .unwrap_or_default()
                .clone_into(&mut section);
        } else if let Some((option, value)) = content.split_once(['=', ':']) {
            entries.push(Entry {
                section: section.clone(),
                option: option.trim().to_lowercase(),
                value: value.trim().to_owned(),
                first: number,
                end: number + 1,
            });
        }
    }
    entries
}

/// Lists are separated by commas, blanks, or both.
fn words(value: &str) -> impl Iterator<Item = &str> {
    value
        .split([',', ' ', '\t'])
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, secret: Option<&str>) -> Rewritten {
        rewrite(text, "127.0.0.1:7413", secret, "a.repo.oci").unwrap()
    }

    fn body(rewritten: &Rewritten) -> String {
        let lines: Vec<&str> = rewritten.text.lines().skip(2).collect();
        lines.join("\n")
    }

    #[test]
    fn only_addresses_change_and_what_is_of_the_bridge_goes() {
        let rewritten = written(
            "# Ours\n[a]\nname = A: the first\nbaseurl = oci://ghcr.io/me/repo,\n  \
             oci+http://lan:5000/repo:el9/\nusername=me\npassword=hunter2\n\
             gpgkey=oci://ghcr.io/me/repo/KEY https://example.org/KEY\n\n\
             [b]\nbaseurl=https://example.org/b\nusername=you\n",
            None,
        );
        assert_eq!(
            body(&rewritten),
            "# Ours\n[a]\nname = A: the first\n\
             baseurl=http://127.0.0.1:7413/ghcr.io/me/repo:latest/\n        \
             http://127.0.0.1:7413/lan:5000/repo:el9/\n\
             gpgkey=http://127.0.0.1:7413/ghcr.io/me/repo:latest/KEY\n       \
             https://example.org/KEY\n\n\
             [b]\nbaseurl=https://example.org/b\nusername=you"
        );
        assert_eq!(
            rewritten.repositories,
            ["oci://ghcr.io/me/repo", "oci+http://lan:5000/repo"]
        );
        let left_out: Vec<_> = rewritten.left_out.iter().map(|(_, o)| o.as_str()).collect();
        assert_eq!(left_out, ["username", "password"]);
        assert!(is_rewritten(&rewritten.text) && !is_rewritten("[a]\n"));
    }

    #[test]
    fn variables_stay_and_widen_what_the_bridge_must_serve() {
        let rewritten = written(
            "[a]\nbaseurl=oci://ghcr.io/me/repo:el$releasever\n\
             [b]\nbaseurl=oci://ghcr.io/me/${basearch}/repo\n",
            Some("s3cret"),
        );
        assert_eq!(
            body(&rewritten),
            "[a]\nbaseurl=http://127.0.0.1:7413/ghcr.io/me/repo:el$releasever/\n\
             username=ocirepo\npassword=s3cret\n\
             [b]\nbaseurl=http://127.0.0.1:7413/ghcr.io/me/${basearch}/repo:latest/\n\
             username=ocirepo\npassword=s3cret"
        );
        assert_eq!(rewritten.repositories, ["oci://ghcr.io/me/repo"]);
        assert_eq!(rewritten.prefixes, ["oci://ghcr.io/me"]);
    }

    #[test]
    fn keys_of_other_repositories_are_served_too() {
        let rewritten = written(
            "[a]\nbaseurl=oci://lan:5000/repo\ngpgkey=oci://lan:5000/keys:all/a/KEY\n",
            None,
        );
        assert!(body(&rewritten).contains("gpgkey=http://127.0.0.1:7413/lan:5000/keys:all/a/KEY"));
        assert_eq!(
            rewritten.repositories,
            ["oci://lan:5000/repo", "oci://lan:5000/keys"]
        );
    }

    #[test]
    fn what_cannot_be_rewritten_is_an_error_that_shows_it() {
        for (text, expected) in [
            ("[a]\nbaseurl=https://example.org/\n", "no baseurl=oci://"),
            ("[a]\nbaseurl=oci://ghcr.io/UPPER\n", "UPPER"),
            ("[a]\nbaseurl=oci://$host/repo\n", "write it out"),
            (
                "[a]\nbaseurl=oci://lan/repo\ngpgkey=oci://lan/keys\n",
                "oci://HOST[:PORT]/NAME:TAG/FILE",
            ),
        ] {
            let error = rewrite(text, "b", None, "a.oci").unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
