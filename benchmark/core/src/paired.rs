//! The comparison of one row.

use std::path::Path;
use std::time::{Duration, Instant};

use mmap_io_core_bench::trial::{Outcome, Run};
use mmap_io_core_bench::{rows, Row};

use crate::options::Timing;

/// One slice of each side, neighbours in time. Nanoseconds an iteration.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    pub ours: f64,
    pub published: f64,
}

impl Pair {
    pub fn ratio(&self) -> f64 {
        self.ours / self.published
    }
}

#[derive(Debug)]
pub struct Comparison {
    pub group: &'static str,
    pub name: String,
    /// The pairs of one round come from the same files and resemble each other.
    pub rounds: Vec<Vec<Pair>>,
}

/// A row with our crate in both places.
pub fn against_itself(row: Row) -> Row {
    let title = row.ours.title();
    let again = rows().into_iter().map(|row| row.ours).find(|trial| trial.title() == title);
    Row { published: again.unwrap_or(row.published), ours: row.ours }
}

/// Measures a row in `folder`.
pub fn compare(row: &Row, folder: &Path, timing: &Timing) -> Outcome<Comparison> {
    let rounds = (0..timing.rounds).map(|number| round(row, folder, timing, number)).collect::<Outcome<_>>()?;
    Ok(Comparison { group: row.ours.group, name: row.ours.name.clone(), rounds })
}

fn round(row: &Row, folder: &Path, timing: &Timing, number: usize) -> Outcome<Vec<Pair>> {
    let paths = [folder.join("ours"), folder.join("published")];
    // Who comes first changes: the second one finds the disk and the memory as the first one left them.
    let ours_first = number.is_multiple_of(2);
    let (ours, published) = both(ours_first, || row.ours.prepare(&paths[0]), || row.published.prepare(&paths[1]));
    let (mut ours, mut published) = (ours?, published?);
    let iterations = warm_up(&mut ours, &mut published, timing)?;
    let start = Instant::now();
    let mut pairs = Vec::new();
    while pairs.len() < timing.pairs && (pairs.len() < 2 || start.elapsed() < timing.most) {
        let ours_first = ours_first ^ pairs.len().is_multiple_of(2);
        let (ours, published) = both(ours_first, || slice(&mut ours, iterations), || slice(&mut published, iterations));
        pairs.push(Pair { ours: ours?, published: published? });
    }
    for path in paths.iter().filter(|path| path.exists()) {
        std::fs::remove_file(path)?;
    }
    Ok(pairs)
}

fn both<T>(ours_first: bool, ours: impl FnOnce() -> T, published: impl FnOnce() -> T) -> (T, T) {
    if ours_first {
        let ours = ours();
        (ours, published())
    } else {
        let published = published();
        (ours(), published)
    }
}

/// Runs both until the caches are warm and tells how many iterations fill a slice: the same number for both.
fn warm_up(ours: &mut Run, published: &mut Run, timing: &Timing) -> Outcome<u64> {
    let mut iterations = 1;
    loop {
        let mean = (ours(iterations)? + published(iterations)?) / 2;
        if mean >= timing.slice / 2 {
            return Ok(scaled(iterations, timing.slice, mean));
        }
        iterations *= 2;
    }
}

fn scaled(iterations: u64, wanted: Duration, measured: Duration) -> u64 {
    ((iterations as f64 * wanted.as_secs_f64() / measured.as_secs_f64()).round() as u64).max(1)
}

fn slice(run: &mut Run, iterations: u64) -> Outcome<f64> {
    Ok(run(iterations)?.as_secs_f64() * 1e9 / iterations as f64)
}
