//! A host over a blocking HTTP library: a thread for each request that is under way.
//!
//! `host.rs` is what to copy. This file does what the lines of `tests/hosts/README.md` say:
//!
//! ```text
//! $ printf '1 tags oci://registry.example/me/demo\nrun\n' | cargo run -p ocirepo-example-ureq
//! host ureq
//! 1 ok tags=el8,el9
//! end
//! ```

mod host;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};

use host::{Host, Options};
use ocirepo_hosts::protocol::{Batch, answers};

fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    say("host ureq")?;
    while let Some(batch) = Batch::read(&mut input)? {
        play(batch)?;
        say("end")?;
    }
    Ok(())
}

fn play(batch: Batch) -> io::Result<()> {
    let Batch { settings, jobs } = batch;
    let authorities = settings.authorities.as_ref().map(fs::read).transpose()?;
    let host = Host::new(Options {
        session: settings.session.clone(),
        stall: settings.stall,
        authorities,
        credentials: Box::new(move |registry| settings.credentials(registry)),
        on_event: Box::new(|event| {
            if let Some(line) = answers::event(event) {
                // Nobody listens any more.
                let _ = say(&line);
            }
        }),
    });
    let mut running = BTreeMap::new();
    for job in jobs {
        let mut job = host.start(|session| job.start(session))?;
        if let Some(file) = job.file.take() {
            host.attach(job.operation, file, job.cancel);
        }
        running.insert(job.operation, job);
    }
    host.run(|session, operation| match running.remove(&operation) {
        Some(job) => say(&job.finish(session)?),
        None => Ok(()),
    })
}

fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}
