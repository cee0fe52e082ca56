//! A host that is a program of its own.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Failure, Result};

/// The longest a batch may take. No scenario needs more than a few seconds.
const LONGEST: Duration = Duration::from_secs(20);

/// What to start, and how.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    command: Vec<String>,
    /// One process plays all scenarios, one by one: it is dear to start.
    lasting: Option<Arc<Mutex<Option<Process>>>>,
}

/// A host that runs.
#[derive(Debug)]
pub(crate) struct Process {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    capabilities: Vec<String>,
}

/// What a host answered to a batch.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) lines: Vec<String>,
    pub(crate) capabilities: Vec<String>,
}

impl Host {
    /// Reads `NAME=PROGRAM ARGUMENT…`; with a `+` before the name the process lasts.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, command) = text.split_once('=')?;
        let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        command.first()?;
        let (lasting, name) = match name.strip_prefix('+') {
            Some(name) => (Some(Arc::default()), name),
            None => (None, name),
        };
        Some(Self {
            name: name.to_owned(),
            command,
            lasting,
        })
    }

    /// Lets the host perform a batch.
    pub(crate) async fn perform(&self, lines: &[String], authority: &Path) -> Result<Answered> {
        match &self.lasting {
            None => self.start(authority).await?.perform(lines).await,
            Some(place) => {
                let mut place = place.lock().await;
                let mut process = match place.take() {
                    Some(process) => process,
                    None => self.start(authority).await?,
                };
                // One that fails is not used again.
                let answered = process.perform(lines).await?;
                *place = Some(process);
                Ok(answered)
            }
        }
    }

    async fn start(&self, authority: &Path) -> Result<Process> {
        let mut child = Command::new(&self.command[0])
            .args(&self.command[1..])
            .env("SSL_CERT_FILE", authority)
            .env("NODE_EXTRA_CA_CERTS", authority)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::new(format!("cannot start {}: {error}", self.command[0])))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::new("the host has no pipes"));
        };
        let mut process = Process {
            _child: child,
            input,
            output: BufReader::new(output).lines(),
            capabilities: Vec::new(),
        };
        let first = process.line().await?;
        let mut words = first.split(' ').map(str::to_owned);
        if words.next().as_deref() != Some("host") {
            return Err(Failure::new(format!("the host begins with {first:?}")));
        }
        process.capabilities = words.skip(1).collect();
        Ok(process)
    }
}

impl Process {
    async fn perform(&mut self, lines: &[String]) -> Result<Answered> {
        let mut text = lines.join("\n");
        text.push('\n');
        self.input.write_all(text.as_bytes()).await?;
        self.input.flush().await?;
        let mut answered = Vec::new();
        loop {
            match self.line().await {
                Ok(line) if line == "end" => break,
                Ok(line) => answered.push(line),
                Err(failure) => {
                    let told = answered.join("\n        ");
                    return Err(Failure::new(format!(
                        "{failure}; before that:\n        {told}"
                    )));
                }
            }
        }
        Ok(Answered {
            lines: answered,
            capabilities: self.capabilities.clone(),
        })
    }

    async fn line(&mut self) -> Result<String> {
        match timeout(LONGEST, self.output.next_line()).await {
            Ok(Ok(Some(line))) => Ok(line),
            Ok(Ok(None)) => Err(Failure::new("the host ended in the middle")),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Failure::new(format!(
                "the host says nothing for {LONGEST:?}"
            ))),
        }
    }
}
