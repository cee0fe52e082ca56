//! What nobody may find in what the program writes: passwords, tokens, the bridge's secret.

use std::fs;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::process::Run;
use crate::program::Program;
use crate::registry::{PASSWORD, USER};
use crate::sample::files_below;

/// The user whose password at a bridge is its secret.
pub(super) const CLIENT: &str = "dnf";

/// Where each secret belongs, below the home of whoever runs the program.
const BELONGS: [&str; 2] = ["config/containers/auth.json", SECRET];

const SECRET: &str = "state/ocirepo/serve/secret";

/// The secrets of a lab.
pub(super) struct Secrets {
    needles: Vec<String>,
}

impl Secrets {
    /// Those of the lab's user, and every token that comes from where this one comes from.
    pub(super) fn new(token: &str) -> Secrets {
        // All have the certificate of who signed them in their first part.
        let start = token.split('.').next().unwrap_or(token);
        let mut secrets = Secrets {
            needles: vec![start.to_owned()],
        };
        secrets.add(USER, PASSWORD);
        secrets
    }

    fn add(&mut self, user: &str, password: &str) {
        let login = STANDARD_NO_PAD.encode(format!("{user}:{password}"));
        self.needles.extend([password.to_owned(), login]);
    }

    /// These, and the one that a bridge made up for its clients.
    pub(super) fn and_of_bridge(&self, program: &Program) -> Secrets {
        let mut secrets = Secrets {
            needles: self.needles.clone(),
        };
        let secret = bridge(program);
        // Where nothing could be written, there is none.
        if !secret.is_empty() {
            secrets.add(CLIENT, &secret);
        }
        secrets
    }

    /// Searches what was printed.
    pub(super) fn look_at(&self, run: &Run, findings: &mut Vec<String>) {
        if let Some(needle) = self.needles.iter().find(|needle| run.says(needle)) {
            findings.push(format!("it prints {needle:?}: {run}"));
        }
    }

    /// Searches every file below a home, and of the place that results are written to, but for
    /// those where secrets belong.
    pub(super) fn look_below(
        &self,
        program: &Program,
        out: &Path,
        findings: &mut Vec<String>,
    ) -> io::Result<()> {
        let home = program.path("");
        for root in [home.as_path(), out] {
            for name in files_below(root)? {
                if BELONGS.contains(&&*name) {
                    continue;
                }
                let content = fs::read(root.join(&name))?;
                let content = String::from_utf8_lossy(&content);
                let holds = |needle: &&String| content.contains(*needle) || name.contains(*needle);
                if let Some(needle) = self.needles.iter().find(holds) {
                    findings.push(format!("{name} holds {needle:?}"));
                }
            }
        }
        Ok(())
    }
}

/// What a bridge wants from its clients; empty when it has written nothing yet.
pub(super) fn bridge(program: &Program) -> String {
    let secret = fs::read_to_string(program.path(SECRET)).unwrap_or_default();
    secret.trim().to_owned()
}
