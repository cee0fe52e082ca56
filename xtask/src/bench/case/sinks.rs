//! Verifying several blobs at once.

use std::io;
use std::process::Command;

use super::super::finding::{Finding, Of};
use super::super::lab::Lab;
use super::super::pairs::{Contender, in_turns};

pub(crate) fn run(lab: &Lab) -> io::Result<Vec<Finding>> {
    let size = lab.amount(256 << 20, 128 << 20, 1 << 20);
    let on = |threads: &str| {
        let mut command = Command::new(lab.helper("sinks"));
        lab.cost(command.args([&size.to_string(), "4", threads]))
    };
    let contenders = vec![
        Contender::new("two threads", || on("2")),
        Contender::new("one thread", || on("1")),
        Contender::new("bare SHA-256", || {
            let mut command = Command::new(lab.helper("hash"));
            lab.cost(command.arg((4 * size).to_string()))
        }),
    ];
    let series = in_turns(lab.rounds(), contenders)?;
    let title = format!("Four blobs of {} MiB from memory into sinks", size >> 20);
    Ok(vec![
        Finding::new(title, series)
            .ratio(Of::Wall, "two threads", &["one thread"], Some(0.6))
            .ratio(Of::Cpu, "one thread", &["bare SHA-256"], None),
    ])
}
