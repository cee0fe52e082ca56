//! Looks a registry over: what it can do, and what its operator should change.
//!
//! Other calls cope with whatever a registry lacks, through the session. This one wants
//! to see it, so it sends single requests made by [`ocirepo::endpoint`] and looks at the
//! bare answers.

mod cors;
mod entrance;
mod probe;
mod pull;
mod push;

use ocirepo::ErrorKind;
use ocirepo::reference::{Registry, Repository};

use self::probe::Probe;
use super::Client;

/// What to look at.
#[derive(Clone, Debug)]
pub struct Examination {
    /// A repository to look into; without one, the first that the registry lists.
    pub repository: Option<Repository>,
    /// Where to try uploads; mounting is tried in another repository, of this name with
    /// `-mount` after it. What is pushed is deleted again, where the registry deletes.
    pub scratch: Option<Repository>,
    /// The web page (`https://inspector.example`) that wants to read the registry.
    pub origin: String,
}

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Clients cope, or only some of them are affected.
    Poor,
    /// It does not work.
    Broken(ErrorKind),
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about: `connection`, `tags`, `range`, …
    pub subject: &'static str,
    /// How well it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to change, where that would help.
    pub advice: Option<String>,
}

/// Everything that was found out about a registry, in the order it was looked at.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// What stands in the way of using the registry, if anything: the first that is
    /// broken.
    pub fn broken(&self) -> Option<&Finding> {
        let broken = |finding: &&Finding| matches!(finding.verdict, Verdict::Broken(_));
        self.findings.iter().find(broken)
    }

    fn good(&mut self, subject: &'static str, found: impl Into<String>) {
        self.add(subject, Verdict::Good, found, None);
    }

    fn poor(
        &mut self,
        subject: &'static str,
        found: impl Into<String>,
        advice: impl Into<Option<&'static str>>,
    ) {
        let advice = advice.into().map(str::to_owned);
        self.add(subject, Verdict::Poor, found, advice);
    }

    fn broken_by(&mut self, subject: &'static str, trouble: Trouble) {
        let verdict = Verdict::Broken(trouble.kind);
        self.add(subject, verdict, trouble.text, trouble.advice);
    }

    fn add(
        &mut self,
        subject: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        advice: Option<String>,
    ) {
        self.findings.push(Finding {
            subject,
            verdict,
            found: found.into(),
            advice,
        });
    }
}

/// Why a look at something came to nothing.
struct Trouble {
    kind: ErrorKind,
    text: String,
    advice: Option<String>,
}

impl From<ocirepo::Error> for Trouble {
    fn from(error: ocirepo::Error) -> Self {
        Self {
            kind: error.kind(),
            text: error.to_string(),
            advice: None,
        }
    }
}

impl Client {
    /// Looks a registry over. What fails is a finding, not an error.
    pub async fn diagnose(&self, registry: &Registry, examination: &Examination) -> Diagnosis {
        let mut diagnosis = Diagnosis::default();
        let mut probe = Probe::new(self, registry);
        if !entrance::look(&mut probe, &mut diagnosis).await {
            return diagnosis;
        }
        let listed = pull::catalog(&probe, &mut diagnosis).await;
        match (&examination.repository, &listed) {
            (Some(named), _) => pull::look(&probe, named, true, &mut diagnosis).await,
            (None, Some(first)) => pull::look(&probe, first, false, &mut diagnosis).await,
            (None, None) => {}
        }
        cors::look(&probe, &examination.origin, &mut diagnosis).await;
        if let Some(scratch) = &examination.scratch {
            push::look(&probe, scratch, &mut diagnosis).await;
        }
        diagnosis
    }
}
