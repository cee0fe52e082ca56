//! Programs in turns, and their ratios in the same run.
//!
//! A machine has slow and fast minutes; a program and its peer that run right after one another
//! share theirs. So what counts is never a time but the ratio of two that belong to one round,
//! and its median over the rounds.

use std::io;

/// What one run cost. What was not measured is zero, and its column stays empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Seconds on the clock.
    pub(crate) wall: f64,
    /// Seconds of processor time, user and system.
    pub(crate) cpu: f64,
    /// The most memory, in bytes.
    pub(crate) peak: u64,
    /// What a server was asked.
    pub(crate) requests: u64,
}

/// What some name cost in each round.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) samples: Vec<Sample>,
}

/// One that takes part.
pub(crate) struct Contender<'a>(Run<'a>);

/// A run gives one sample for each name.
type Run<'a> = Box<dyn FnMut() -> io::Result<Vec<(String, Sample)>> + 'a>;

impl<'a> Contender<'a> {
    /// One whose run is one sample.
    pub(crate) fn new(
        name: impl Into<String>,
        mut run: impl FnMut() -> io::Result<Sample> + 'a,
    ) -> Self {
        let name = name.into();
        Self(Box::new(move || Ok(vec![(name.clone(), run()?)])))
    }

    /// One whose run has several parts, of which the later need the earlier.
    pub(crate) fn parts(run: impl FnMut() -> io::Result<Vec<(String, Sample)>> + 'a) -> Self {
        Self(Box::new(run))
    }
}

/// How often each takes part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    /// Not counted.
    pub(crate) warm_up: usize,
    pub(crate) counted: usize,
}

/// Runs all in turns. Every second round goes backwards, so that nobody always comes after the
/// same one.
pub(crate) fn in_turns(
    rounds: Rounds,
    mut contenders: Vec<Contender<'_>>,
) -> io::Result<Vec<Series>> {
    let mut series: Vec<Series> = Vec::new();
    for round in 0..rounds.warm_up + rounds.counted {
        let mut found = Vec::new();
        for contender in &mut contenders {
            found.push((contender.0)()?);
        }
        contenders.reverse();
        if round % 2 == 1 {
            found.reverse();
        }
        if round < rounds.warm_up {
            continue;
        }
        for (name, sample) in found.into_iter().flatten() {
            match series.iter_mut().find(|series| series.name == name) {
                Some(series) => series.samples.push(sample),
                None => series.push(Series {
                    name,
                    samples: vec![sample],
                }),
            }
        }
    }
    Ok(series)
}

/// A median, and between what it lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// The median of these with an interval that has the true median in at least 95 of 100
    /// cases, whatever the distribution: between order statistics. With fewer than six values
    /// there is none, and all of them are the interval.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let Some(last) = count.checked_sub(1) else {
            return Self {
                median: f64::NAN,
                low: f64::NAN,
                high: f64::NAN,
            };
        };
        let median = f64::midpoint(values[last / 2], values[count / 2]);
        let cut = cut(count);
        Self {
            median,
            low: values[cut],
            high: values[last - cut],
        }
    }
}

/// How many values at each end lie outside of the interval: the most for which the median is
/// outside in at most 5 of 100 cases.
fn cut(count: usize) -> usize {
    let all = 2_f64.powi(count.try_into().unwrap_or(i32::MAX));
    let (mut below, mut ways, mut cut) = (0.0, 1.0, 0);
    for at in 0..count / 2 {
        // Ways in which exactly `at` of the values are below the median.
        below += ways / all;
        if 2.0 * below > 0.05 {
            break;
        }
        cut = at;
        ways *= (count - at) as f64 / (at + 1) as f64;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_sign_test() {
        // As in the tables: of 11 the second and the tenth, of 20 the sixth and the fifteenth.
        let values = |count: u32| (1..=count).rev().map(f64::from).collect();
        let spread = |low, median, high| Spread { median, low, high };
        assert_eq!(Spread::of(values(11)), spread(2.0, 6.0, 10.0));
        assert_eq!(Spread::of(values(20)), spread(6.0, 10.5, 15.0));
        assert_eq!(Spread::of(values(3)), spread(1.0, 2.0, 3.0));
    }

    #[test]
    fn everybody_has_a_sample_of_every_round() {
        let order = std::cell::RefCell::new(String::new());
        let contender = |name: &'static str, cost: f64| {
            let order = &order;
            Contender::new(name, move || {
                order.borrow_mut().push_str(name);
                Ok(Sample {
                    wall: cost,
                    ..Sample::default()
                })
            })
        };
        let rounds = Rounds {
            warm_up: 1,
            counted: 2,
        };
        let series = in_turns(rounds, vec![contender("a", 1.0), contender("b", 2.0)]).unwrap();
        assert_eq!(order.take(), "abbaab");
        for (series, (name, wall)) in series.iter().zip([("a", 1.0), ("b", 2.0)]) {
            assert_eq!(series.name, name);
            assert!(series.samples.iter().all(|sample| sample.wall == wall));
            assert_eq!(series.samples.len(), 2);
        }
    }
}
