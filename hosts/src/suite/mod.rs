//! The suite: scenarios, servers, hosts, and the table of who passed.

pub(crate) mod program;
mod quirk;
mod scenario;
mod seen;
mod server;
mod simulated;
mod world;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use ocirepo::Digest;
use ocirepo_e2e::certificates::Authority;
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use program::Host;
use scenario::{Draft, Expect};
use seen::Seen;
use server::{Servers, Sockets};
use world::{World, origins, unix_now};

/// How many scenarios are played at once.
const AT_ONCE: usize = 12;

/// The name of the host without a network.
const SIMULATOR: &str = "simulator";

/// What is wanted.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Where the scenarios are.
    pub(crate) directory: PathBuf,
    /// Only scenarios whose name has this in it.
    pub(crate) only: String,
    /// Print what the simulator saw.
    pub(crate) show: bool,
    /// The document whose table must say what passed.
    pub(crate) table: Option<PathBuf>,
    pub(crate) hosts: Vec<Host>,
}

/// Why a scenario could not be played.
#[derive(Debug)]
pub(crate) struct Failure(String);

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// How a host fared in a scenario.
enum Verdict {
    Passed,
    /// The scenario says that it cannot take part, and why.
    Without(String),
    Failed(Vec<String>),
}

/// Plays everything and prints the table; false when a host failed.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let mut drafts = scenario::load(&options.directory)?;
    drafts.retain(|draft| draft.name.contains(&options.only));
    let scratch = TempDir::new()?;
    let authority = Authority::new(scratch.path())?;
    let lab = &Lab {
        tls: acceptor(&authority)?,
        authority: authority.certificate().to_owned(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut table = Table::default();
    table.add(
        SIMULATOR,
        &drafts,
        drafts.iter().map(|draft| simulate(draft, options.show)),
    );
    for host in &options.hosts {
        let mut verdicts = runtime.block_on(
            stream::iter(drafts.iter().enumerate())
                .map(|(at, draft)| async move { (at, lab.try_out(draft, host).await) })
                .buffer_unordered(AT_ONCE)
                .collect::<Vec<_>>(),
        );
        verdicts.sort_by_key(|(at, _)| *at);
        let verdicts = verdicts.into_iter().map(|(_, verdict)| verdict);
        table.add(&host.name, &drafts, verdicts);
    }
    let told = match &options.table {
        Some(path) => table.differs_from(&fs::read_to_string(path)?, drafts.len()),
        None => None,
    };
    let well = table.close(drafts.len());
    match told {
        Some(difference) => Err(Failure(difference)),
        None => Ok(well),
    }
}

/// The lines that ask a host for a scenario.
fn batch(world: &World, authority: Option<&Path>) -> Vec<String> {
    // Waits are as short as may be, unless the scenario is about them.
    let mut lines = vec![
        "set first-wait-ms 5".to_owned(),
        "set longest-wait-ms 50".to_owned(),
    ];
    lines.extend(authority.map(|path| format!("set ca {}", path.display())));
    lines.extend(world.scenario.settings.iter().cloned());
    lines.extend(world.scenario.operations.iter().cloned());
    lines.push("run".to_owned());
    lines
}

fn simulate(draft: &Draft, show: bool) -> Verdict {
    let play = || -> Result<Vec<String>> {
        let directory = TempDir::new()?;
        let (world, seen) = simulated::play(draft, directory.path())?;
        if show {
            println!("{}", draft.name);
            for (name, bytes) in &world.data {
                println!("    = {name} {}", Digest::of(bytes));
            }
            for line in &seen.printed {
                println!("    {line}");
            }
            for wire in &seen.requests {
                println!("    > {}", wire.line());
            }
        }
        let expect = world.scenario.expect.clone();
        seen.differences(&world, &expect, directory.path(), false)
    };
    verdict(play())
}

fn verdict(differences: Result<Vec<String>>) -> Verdict {
    match differences {
        Ok(differences) if differences.is_empty() => Verdict::Passed,
        Ok(differences) => Verdict::Failed(differences),
        Err(failure) => Verdict::Failed(vec![failure.to_string()]),
    }
}

/// What all hosts are tried with.
struct Lab {
    tls: TlsAcceptor,
    authority: PathBuf,
}

impl Lab {
    async fn try_out(&self, draft: &Draft, host: &Host) -> Verdict {
        let without = draft
            .value
            .get("without")
            .and_then(|hosts| hosts.get(&host.name));
        if let Some(why) = without {
            return Verdict::Without(why.as_str().unwrap_or_default().to_owned());
        }
        verdict(self.play(draft, host).await)
    }

    async fn play(&self, draft: &Draft, host: &Host) -> Result<Vec<String>> {
        let directory = TempDir::new()?;
        let sockets = Sockets::bind(&origins(draft)?).await?;
        let addresses = sockets.addresses();
        let world = World::new(draft, &addresses, directory.path(), unix_now())?;
        let mut registries = std::collections::BTreeMap::new();
        for (name, address) in &addresses {
            registries.insert(name.clone(), world.registry(name, address, true)?);
        }
        let servers = Servers::start(sockets, registries, &self.tls);
        let answered = host
            .perform(&batch(&world, Some(&self.authority)), &self.authority)
            .await?;
        let (requests, at_once, registries) = servers.end();
        let seen = Seen {
            printed: answered.lines,
            requests,
            at_once,
            registries,
        };
        let mut expect: Expect = world.scenario.expect.clone();
        for (capability, other) in &world.scenario.otherwise {
            if answered.capabilities.contains(capability) || host.name == *capability {
                expect = expect.but(other);
            }
        }
        let browser = answered.capabilities.iter().any(|c| c == "hides-headers");
        seen.differences(&world, &expect, directory.path(), browser)
    }
}

fn acceptor(authority: &Authority) -> Result<TlsAcceptor> {
    let identity = authority.server()?;
    let failed = |error: &dyn fmt::Display| Failure::new(format!("no certificate: {error}"));
    // The authority is in the chain, for a browser that trusts by the hash of a key in it.
    let chain = [identity.certificate.as_path(), authority.certificate()];
    let chain: std::result::Result<Vec<_>, _> = chain
        .into_iter()
        .map(CertificateDer::from_pem_file)
        .collect();
    let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|error| failed(&error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(|error| failed(&error))?, key)
        .map_err(|error| failed(&error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Who passed what.
#[derive(Default)]
struct Table {
    rows: Vec<(String, usize, usize, usize)>,
}

impl Table {
    fn add(&mut self, host: &str, drafts: &[Draft], verdicts: impl IntoIterator<Item = Verdict>) {
        let (mut passed, mut failed, mut without) = (0, 0, 0);
        for (draft, verdict) in drafts.iter().zip(verdicts) {
            match verdict {
                Verdict::Passed => passed += 1,
                Verdict::Without(why) => {
                    without += 1;
                    println!("{host}: left out: {}: {why}", draft.name);
                }
                Verdict::Failed(differences) => {
                    failed += 1;
                    println!("{host}: FAILED: {}", draft.name);
                    for difference in differences {
                        println!("    {difference}");
                    }
                }
            }
        }
        self.rows.push((host.to_owned(), passed, failed, without));
    }

    /// How the table in a document differs: it has a row for each host, with its name first
    /// and how many scenarios it passed last.
    fn differs_from(&self, document: &str, scenarios: usize) -> Option<String> {
        let table = document.split("<!-- hosts -->").nth(1);
        let table = table.and_then(|rest| rest.split("<!-- /hosts -->").next());
        let written: BTreeSet<(String, String)> = table
            .unwrap_or_default()
            .lines()
            .filter_map(|line| {
                line.strip_prefix("| `")?
                    .strip_suffix(" |")?
                    .split_once('`')
            })
            .filter_map(|(host, rest)| Some((host, rest.rsplit_once("| ")?.1)))
            .map(|(host, passed)| (host.to_owned(), passed.to_owned()))
            .collect();
        let seen = self.rows.iter();
        let seen =
            seen.map(|(host, passed, ..)| (host.clone(), format!("{passed} of {scenarios}")));
        let seen: BTreeSet<_> = seen.collect();
        (written != seen).then(|| {
            format!("the table says {written:?}, but what passed is {seen:?}; correct the table")
        })
    }

    /// Prints the table and the totals; false when a host failed or nothing was played.
    fn close(self, scenarios: usize) -> bool {
        println!(
            "\n{:<20} {:>7} {:>7} {:>8}",
            "host", "passed", "failed", "left out"
        );
        for (host, passed, failed, without) in &self.rows {
            println!("{host:<20} {passed:>7} {failed:>7} {without:>8}");
        }
        let sum = |of: fn(&(String, usize, usize, usize)) -> usize| -> usize {
            self.rows.iter().map(of).sum()
        };
        let (passed, failed, without) = (sum(|r| r.1), sum(|r| r.2), sum(|r| r.3));
        let word = if failed == 0 && scenarios > 0 {
            "ok"
        } else {
            "FAILED"
        };
        println!("\n{scenarios} scenarios, {} hosts", self.rows.len());
        println!("test result: {word}. {passed} passed; {failed} failed; {without} ignored");
        failed == 0 && scenarios > 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "these are tests")]

    use super::*;

    #[test]
    fn the_table_of_a_document_is_compared() {
        let table = Table {
            rows: vec![("a".to_owned(), 3, 0, 1)],
        };
        let document = |row: &str| format!("x\n<!-- hosts -->\n{row}\n<!-- /hosts -->\n");
        let good = document("| host | what |\n| `a` | `b` | 3 of 4 |");
        assert_eq!(table.differs_from(&good, 4), None);
        for bad in [
            "| `a` | x | 4 of 4 |",
            "",
            "| `a` | 3 of 4 |\n| `b` | 3 of 4 |",
        ] {
            assert!(table.differs_from(&document(bad), 4).is_some(), "{bad}");
        }
    }

    #[test]
    fn the_simulator_passes_every_scenario() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hosts");
        let drafts = scenario::load(&directory).unwrap();
        assert!(drafts.len() >= 60);
        for draft in &drafts {
            if let Verdict::Failed(differences) = simulate(draft, false) {
                panic!("{}: {differences:#?}", draft.name);
            }
        }
    }
}
