//! What a case found, for people and for programs.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::pairs::{Sample, Series, Spread};

/// The costs of some programs that do the same work, and how they compare.
pub(crate) struct Finding {
    /// What was done.
    pub(crate) title: String,
    /// What else there is to say, such as who verified what.
    pub(crate) note: String,
    pub(crate) series: Vec<Series>,
    ratios: Vec<Ratio>,
    counts: Vec<Count>,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Wall,
    Cpu,
}

struct Ratio {
    what: String,
    spread: Spread,
    /// Better than this is what is aimed at.
    aim: Option<f64>,
}

/// What is the same in every run.
struct Count {
    what: String,
    found: u64,
    most: u64,
}

impl Of {
    fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Cpu => "CPU",
        }
    }

    fn from(self, sample: &Sample) -> f64 {
        match self {
            Self::Wall => sample.wall,
            Self::Cpu => sample.cpu,
        }
    }
}

impl Finding {
    pub(crate) fn new(title: impl Into<String>, series: Vec<Series>) -> Self {
        Self {
            title: title.into(),
            note: String::new(),
            series,
            ratios: Vec::new(),
            counts: Vec::new(),
        }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Compares one with the sum of others, round by round. Nothing is compared where one of
    /// them did not take part, or took nothing that was measured.
    pub(crate) fn ratio(mut self, of: Of, one: &str, others: &[&str], aim: Option<f64>) -> Self {
        let find = |name: &str| self.series.iter().find(|series| series.name == name);
        let (Some(one), Some(others)) = (
            find(one),
            others
                .iter()
                .map(|name| find(name))
                .collect::<Option<Vec<_>>>(),
        ) else {
            return self;
        };
        let ratios = one.samples.iter().enumerate().map(|(round, sample)| {
            let samples = others.iter().filter_map(|other| other.samples.get(round));
            of.from(sample) / samples.map(|sample| of.from(sample)).sum::<f64>()
        });
        let ratios: Vec<f64> = ratios.collect();
        // In a smoke run, a server may have taken less time than the kernel counts.
        if !ratios.iter().all(|ratio| ratio.is_finite()) {
            return self;
        }
        let names: Vec<&str> = others.iter().map(|series| series.name.as_str()).collect();
        let what = format!("{}: {} / {}", of.name(), one.name, names.join(" + "));
        let spread = Spread::of(ratios);
        self.ratios.push(Ratio { what, spread, aim });
        self
    }

    /// The largest of a figure that should not be above another in any round.
    pub(crate) fn count(mut self, what: impl Into<String>, found: u64, most: u64) -> Self {
        self.counts.push(Count {
            what: what.into(),
            found,
            most,
        });
        self
    }

    /// The most requests and the most memory that one of them took in any round.
    pub(crate) fn most(&self, name: &str) -> Sample {
        let series = self.series.iter().find(|series| series.name == name);
        let samples = series.map_or(&[][..], |series| &series.samples);
        Sample {
            peak: samples.iter().map(|sample| sample.peak).max().unwrap_or(0),
            requests: (samples.iter().map(|sample| sample.requests).max()).unwrap_or(0),
            ..Sample::default()
        }
    }

    /// As Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n", self.title);
        if !self.note.is_empty() {
            let _ = writeln!(text, "{}\n", self.note);
        }
        text.push_str(
            "| | wall | CPU | peak memory | requests |\n| --- | ---: | ---: | ---: | ---: |\n",
        );
        for series in &self.series {
            let spread = |of: Of| {
                Spread::of(
                    series
                        .samples
                        .iter()
                        .map(|sample| of.from(sample))
                        .collect(),
                )
            };
            let most = self.most(&series.name);
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                series.name,
                seconds(spread(Of::Wall)),
                seconds(spread(Of::Cpu)),
                match most.peak {
                    0 => String::new(),
                    bytes => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
                },
                match most.requests {
                    0 => String::new(),
                    requests => requests.to_string(),
                },
            );
        }
        if !self.ratios.is_empty() {
            text.push_str("\n| ratio in the same round | median | interval | aim | |\n");
            text.push_str("| --- | ---: | ---: | ---: | --- |\n");
        }
        for Ratio { what, spread, aim } in &self.ratios {
            let Spread { median, low, high } = spread;
            let (aim, met) = match aim {
                Some(aim) => (format!("≤ {aim:.2}"), met(median <= aim)),
                None => (String::new(), ""),
            };
            let _ = writeln!(
                text,
                "| {what} | {median:.2} | {low:.2} to {high:.2} | {aim} | {met} |"
            );
        }
        if !self.counts.is_empty() {
            text.push_str("\n| at most, in any round | found | aim | |\n");
            text.push_str("| --- | ---: | ---: | --- |\n");
        }
        for Count { what, found, most } in &self.counts {
            let _ = writeln!(
                text,
                "| {what} | {found} | ≤ {most} | {} |",
                met(found <= most)
            );
        }
        text
    }

    fn json(&self, case: &str) -> String {
        let series: Vec<String> = self
            .series
            .iter()
            .map(|series| {
                let samples: Vec<String> = series
                    .samples
                    .iter()
                    .map(|sample| {
                        let Sample {
                            wall,
                            cpu,
                            peak,
                            requests,
                        } = sample;
                        format!(
                            "{{\"wall\":{wall:.6},\"cpu\":{cpu:.6},\"peak\":{peak},\
                             \"requests\":{requests}}}"
                        )
                    })
                    .collect();
                let (name, samples) = (quoted(&series.name), samples.join(","));
                format!("{{\"name\":{name},\"samples\":[{samples}]}}")
            })
            .collect();
        let ratios: Vec<String> = self
            .ratios
            .iter()
            .map(|Ratio { what, spread, aim }| {
                let Spread { median, low, high } = spread;
                let aim = aim.map_or("null".to_owned(), |aim| aim.to_string());
                format!(
                    "{{\"what\":{},\"median\":{median:.4},\"low\":{low:.4},\"high\":{high:.4},\
                     \"aim\":{aim}}}",
                    quoted(what)
                )
            })
            .collect();
        let counts: Vec<String> = self
            .counts
            .iter()
            .map(|Count { what, found, most }| {
                format!(
                    "{{\"what\":{},\"found\":{found},\"aim\":{most}}}",
                    quoted(what)
                )
            })
            .collect();
        format!(
            "{{\"case\":{},\"title\":{},\"note\":{},\"series\":[{}],\"ratios\":[{}],\
             \"counts\":[{}]}}",
            quoted(case),
            quoted(&self.title),
            quoted(&self.note),
            series.join(","),
            ratios.join(","),
            counts.join(",")
        )
    }
}

fn met(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

fn seconds(Spread { median, low, high }: Spread) -> String {
    if median == 0.0 {
        return String::new();
    }
    let (scale, unit, digits) = match median {
        _ if median < 1e-4 => (1e6, "µs", 2),
        _ if median < 0.1 => (1e3, "ms", 2),
        _ => (1.0, "s", 2),
    };
    format!(
        "{:.digits$} {unit} ({:.digits$} to {:.digits$})",
        median * scale,
        low * scale,
        high * scale
    )
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Writes all that was found as a JSON array.
pub(crate) fn write(found: &[(&str, Finding)], to: &Path) -> io::Result<()> {
    let objects: Vec<String> = found.iter().map(|(case, one)| one.json(case)).collect();
    std::fs::write(to, format!("[\n{}\n]\n", objects.join(",\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, walls: [f64; 3]) -> Series {
        let sample = |wall| Sample {
            wall,
            peak: 1 << 20,
            ..Sample::default()
        };
        Series {
            name: name.to_owned(),
            samples: walls.map(sample).into(),
        }
    }

    #[test]
    fn ratios_are_of_the_same_round_and_over_the_sum_of_the_others() {
        let all = vec![
            series("ours", [4.0, 30.0, 5.0]),
            series("curl", [1.0, 5.0, 2.0]),
            series("hash", [1.0, 5.0, 0.5]),
        ];
        let finding = Finding::new("a \"case\"", all)
            .ratio(Of::Wall, "ours", &["curl", "hash"], Some(2.5))
            .ratio(Of::Wall, "ours", &["not there"], None)
            .count("requests", 3, 2);
        let text = finding.markdown();
        assert!(text.contains("| wall: ours / curl + hash | 2.00 | 2.00 to 3.00 | ≤ 2.50 | met |"));
        assert!(text.contains("| requests | 3 | ≤ 2 | missed |"), "{text}");
        assert!(!text.contains("not there"));
        let json = finding.json("one");
        assert!(json.contains(r#""title":"a \"case\"""#), "{json}");
        assert!(json.contains(r#""median":2.0000,"low":2.0000,"high":3.0000,"aim":2.5"#));
    }
}
