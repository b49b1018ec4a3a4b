//! What the figures were measured on.

use std::path::Path;
use std::process::Command;

use serde_json::{json, Value};

use crate::options::Options;

pub struct Facts {
    ours: String,
    published: String,
    rustc: String,
    processor: String,
    cores: usize,
    kernel: String,
    file_system: String,
}

impl Facts {
    pub fn gather(folder: &Path) -> Self {
        Self {
            ours: locked_version("mmap-io-core"),
            published: locked_version("mmap-io"),
            rustc: output("rustc", &["--version"]),
            processor: processor(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: output("uname", &["-sr"]),
            file_system: file_system(folder),
        }
    }

    pub fn text(&self, options: &Options) -> String {
        let Self { ours, published, rustc, processor, cores, kernel, file_system } = self;
        let timing = &options.timing;
        let rival = if options.itself { "itself".into() } else { format!("mmap-io {published}") };
        let warning = if options.quick { "\nQUICK: the ratios show that it works, not how fast it is" } else { "" };
        format!(
            "mmap-io-core {ours} and {rival}, {rustc}\n{processor}, {cores} cores, {kernel}, files on {file_system}\n\
             {} rounds of at most {} pairs of {:?} each{warning}\n",
            timing.rounds, timing.pairs, timing.slice
        )
    }

    pub fn json(&self) -> Value {
        json!({
            "mmap-io-core": self.ours,
            "mmap-io": self.published,
            "rustc": self.rustc,
            "processor": self.processor,
            "cores": self.cores,
            "kernel": self.kernel,
            "file_system": self.file_system,
        })
    }
}

fn unknown() -> String {
    "unknown".into()
}

fn locked_version(package: &str) -> String {
    let entry = format!("name = \"{package}\"\nversion = \"");
    let rest = include_str!("../Cargo.lock").split_once(&entry).map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split('"').next()).map_or_else(unknown, Into::into)
}

fn output(program: &str, args: &[&str]) -> String {
    let output =
        Command::new(program).args(args).output().ok().and_then(|output| String::from_utf8(output.stdout).ok());
    output.map_or_else(unknown, |text| text.trim().into())
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(unknown, |(_, name)| name.into())
}

/// The type of the mount that is nearest to `folder`.
fn file_system(folder: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let nearest = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(place, _)| folder.starts_with(place))
        .max_by_key(|(place, _)| place.len());
    nearest.map_or_else(unknown, |(_, kind)| kind.into())
}
