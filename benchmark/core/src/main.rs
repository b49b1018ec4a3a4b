//! Both crates in turns: `cargo run --release -- --help`.

mod machine;
mod options;
mod paired;
mod report;
mod stats;

use std::process::ExitCode;

use mmap_io_core_bench::rows;
use mmap_io_core_bench::trial::Outcome;
use options::Options;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    if options.help {
        println!("{}", options::HELP);
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Outcome {
    let folder = tempfile::Builder::new().prefix("mmap-io-bench-").tempdir()?;
    let facts = machine::Facts::gather(folder.path());
    let say = |text: &str| if options.json.as_deref() == Some("-") { eprintln!("{text}") } else { println!("{text}") };
    say(&facts.text(options));
    let mut results = Vec::new();
    for row in rows().into_iter().filter(|row| options.includes(&row.ours)) {
        let row = if options.itself { paired::against_itself(row) } else { row };
        let result = paired::compare(&row, folder.path(), &options.timing)
            .map_err(|error| format!("{}: {error}", row.ours.title()))?;
        eprintln!("{}", report::line(&result));
        results.push(result);
    }
    if results.is_empty() {
        return Err(format!("no row contains {:?}", options.filter).into());
    }
    say(&report::text(&results));
    let json = report::json(&results, &facts, options);
    match options.json.as_deref() {
        None => {}
        Some("-") => println!("{json:#}"),
        Some(path) => std::fs::write(path, format!("{json:#}\n"))?,
    }
    Ok(())
}
