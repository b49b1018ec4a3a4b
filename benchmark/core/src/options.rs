//! The command line.

use std::time::Duration;

use mmap_io_core_bench::trial::Trial;

pub const HELP: &str = "\
Usage: cargo run --release -- [options]

Compares the core crate with the published crate mmap-io: short slices of the one and of the other take turns in one
process, and the ratio of neighbours counts. Every result is verified; the exit code is 1 when one is wrong.

  --quick        short slices, and without the rows that take seconds: a smoke test, its figures mean little
  --filter TEXT  only rows whose group/name contains TEXT
  --rounds N     how many times both sides start afresh (default 6, quick 1)
  --self         our crate on both sides: how far from 1 the ratios are when there is no difference
  --json FILE    write all results to FILE; - for stdout, the table then goes to stderr
  --help         this text";

/// How long things take.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Times that both sides start afresh, with new files.
    pub rounds: usize,
    /// Pairs of slices in a round; fewer when one takes long.
    pub pairs: usize,
    /// Aimed at for one slice of one side.
    pub slice: Duration,
    /// After this much of a round no further pair is started.
    pub most: Duration,
}

#[derive(Debug)]
pub struct Options {
    pub quick: bool,
    pub itself: bool,
    pub help: bool,
    pub filter: String,
    pub json: Option<String>,
    pub timing: Timing,
}

impl Options {
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let timing =
            Timing { rounds: 6, pairs: 30, slice: Duration::from_millis(5), most: Duration::from_millis(1500) };
        let mut options = Self { quick: false, itself: false, help: false, filter: String::new(), json: None, timing };
        let mut rounds = None;
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--self" => options.itself = true,
                "--help" => options.help = true,
                "--filter" => options.filter = value()?,
                "--json" => options.json = Some(value()?),
                "--rounds" => {
                    let number = value()?.parse().ok().filter(|number| *number > 0);
                    rounds = Some(number.ok_or("--rounds needs a number above 0")?);
                }
                _ => return Err(format!("unknown option {arg:?}")),
            }
        }
        if options.quick {
            let (slice, most) = (Duration::from_micros(200), Duration::from_millis(50));
            options.timing = Timing { rounds: 1, pairs: 4, slice, most };
        }
        options.timing.rounds = rounds.unwrap_or(options.timing.rounds);
        Ok(options)
    }

    pub fn includes(&self, trial: &Trial) -> bool {
        trial.title().contains(&self.filter) && !(self.quick && trial.heavy)
    }
}
