//! A scenario without a network.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use ocirepo::Session;
use ocirepo::operation::OperationId;
use ocirepo::reference::{Registry, Scheme};
use ocirepo_hosts::protocol::{Batch, Running, answers};
use ocirepo_registry::simulator::{Sent, Simulator};

use super::scenario::Draft;
use super::seen::{Seen, Wire};
use super::world::{Address, World, origins};
use super::{Failure, Result};

/// Plays a scenario in the simulator.
pub(crate) fn play(draft: &Draft, directory: &Path) -> Result<(World, Seen)> {
    let shapes = origins(draft)?;
    let addresses: BTreeMap<String, Address> = (1_u16..)
        .zip(&shapes)
        .map(|(port, (name, shape))| {
            let host = if shape.localhost {
                "localhost"
            } else {
                "127.0.0.1"
            };
            let authority = format!("{host}:{port}");
            let tls = shape.tls;
            (name.clone(), Address { tls, authority })
        })
        .collect();
    let mut simulator = Simulator::new(7);
    let now = simulator.now().unix_secs;
    let world = World::new(draft, &addresses, directory, now)?;
    for (name, address) in &addresses {
        if !shapes.get(name).is_some_and(|shape| shape.down) {
            *simulator.registry(&address.url()) = world.registry(name, address, false)?;
        }
    }
    let batch = super::batch(&world, None).join("\n");
    let Some(batch) = Batch::read(&mut batch.as_bytes())? else {
        return Err(Failure::new("there is no batch"));
    };
    for (name, address) in &addresses {
        if let Some(credentials) = batch.settings.logins.get(&address.authority) {
            let scheme = if address.tls {
                Scheme::Https
            } else {
                Scheme::Http
            };
            let registry = Registry::new(scheme, &address.authority)
                .map_err(|error| Failure::new(format!("{name}: {error}")))?;
            simulator.log_in(registry, credentials.clone());
        }
    }
    let mut session = Session::new(batch.settings.session, 7);
    let mut running = BTreeMap::new();
    for job in batch.jobs {
        let job = job.start(&mut session)?;
        prepare(&mut simulator, &job)?;
        running.insert(job.operation, job);
    }
    loop {
        cancel(&mut simulator, &mut session, &mut running);
        if !simulator.step(&mut session) {
            break;
        }
    }
    let mut seen = Seen::default();
    seen.printed
        .extend(simulator.events.iter().filter_map(answers::event));
    for operation in std::mem::take(&mut simulator.done) {
        if let Some(job) = running.remove(&operation) {
            save(&simulator, &job)?;
            seen.printed.push(job.finish(&mut session)?);
        }
    }
    // Nobody sees a request that nobody listens to.
    let heard = |wire: &Wire| !shapes.get(&wire.origin).is_some_and(|shape| shape.down);
    seen.requests = simulator
        .sent
        .iter()
        .map(|sent| wire(sent, &addresses))
        .filter(heard)
        .collect();
    seen.at_once = simulator.most_in_flight;
    for (name, address) in &addresses {
        let registry = simulator.registry(&address.url()).clone();
        seen.registries.insert(name.clone(), registry);
    }
    Ok((world, seen))
}

/// Gives the simulator what is in the file of an operation.
fn prepare(simulator: &mut Simulator, job: &Running) -> Result<()> {
    let Some(mut file) = job.file.as_ref() else {
        return Ok(());
    };
    file.rewind()?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    match job.sends {
        true => drop(simulator.sources.insert(job.operation, content.into())),
        false => drop(simulator.files.insert(job.operation, content)),
    }
    Ok(())
}

/// Writes what was pulled to its file.
fn save(simulator: &Simulator, job: &Running) -> Result<()> {
    if let Some(mut file) = job.file.as_ref()
        && let Some(content) = simulator.files.get(&job.operation)
    {
        file.rewind()?;
        file.write_all(content)?;
    }
    Ok(())
}

/// Cancels what has moved as many bytes as it should.
fn cancel(
    simulator: &mut Simulator,
    session: &mut Session,
    running: &mut BTreeMap<OperationId, Running>,
) {
    for (operation, job) in running {
        let moved = match job.sends {
            true => simulator.read.get(operation).copied().unwrap_or_default(),
            false => simulator.files.get(operation).map_or(0, |f| f.len() as u64),
        };
        if job.cancel.is_some_and(|most| moved >= most) {
            job.cancel = None;
            session.cancel(*operation);
        }
    }
}

fn wire(sent: &Sent, addresses: &BTreeMap<String, Address>) -> Wire {
    let origin = sent.url.origin().ascii_serialization();
    let named = addresses
        .iter()
        .find(|(_, address)| address.url() == origin);
    let query = sent.url.query().map(|query| format!("?{query}"));
    Wire {
        method: sent.method.clone(),
        origin: named.map_or(origin, |(name, _)| name.clone()),
        path_and_query: format!("{}{}", sent.url.path(), query.unwrap_or_default()),
        headers: sent.headers.clone(),
        body: Some(sent.body.len()),
        status: sent.status.map(|status| status.as_u16()),
    }
}
