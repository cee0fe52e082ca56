//! What was measured, for people and for programs.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::measure::{Cost, Traffic};

/// One step of one run.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) registry: &'static str,
    pub(crate) layout: String,
    pub(crate) packages: usize,
    pub(crate) step: &'static str,
    pub(crate) cost: Cost,
    /// What else there is to say, such as how many shards changed.
    pub(crate) note: String,
}

/// A Markdown table.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| registry | layout | packages | step | requests | to the registry | from it | time | \
         CPU | peak memory | |\n| --- | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | \
         ---: | --- |\n",
    );
    for row in rows {
        let Cost {
            seconds,
            cpu,
            peak,
            traffic:
                Traffic {
                    requests,
                    received,
                    sent,
                },
        } = row.cost;
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {requests} | {} | {} | {seconds:.1} s | {cpu:.1} s | {} | {} |",
            row.registry,
            row.layout,
            row.packages,
            row.step,
            mebibytes(received),
            mebibytes(sent),
            mebibytes(peak),
            row.note,
        );
    }
    text
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Writes the rows as a JSON array.
pub(crate) fn write(rows: &[Row], to: &Path) -> io::Result<()> {
    let objects: Vec<String> = rows
        .iter()
        .map(|row| {
            let Cost {
                seconds,
                cpu,
                peak,
                traffic,
            } = row.cost;
            format!(
                "  {{\"registry\":{:?},\"layout\":{:?},\"packages\":{},\"step\":{:?},\
                 \"requests\":{},\"received\":{},\"sent\":{},\"seconds\":{seconds:.3},\
                 \"cpu\":{cpu:.2},\"peak\":{peak},\"note\":{:?}}}",
                row.registry,
                row.layout,
                row.packages,
                row.step,
                traffic.requests,
                traffic.received,
                traffic.sent,
                row.note,
            )
        })
        .collect();
    std::fs::write(to, format!("[\n{}\n]\n", objects.join(",\n")))
}
