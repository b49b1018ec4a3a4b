//! The results as text and as JSON.

use serde_json::{json, Value};

use crate::machine::Facts;
use crate::options::Options;
use crate::paired::{Comparison, Pair};
use crate::stats::{bootstrap, geometric_mean, interval, median, Estimate};

/// A row that has been judged.
struct Judged<'a> {
    row: &'a Comparison,
    ours: f64,
    published: f64,
    ratio: Estimate,
    draws: Vec<f64>,
}

fn judge(row: &Comparison) -> Judged<'_> {
    let all = |figure: fn(&Pair) -> f64| row.rounds.iter().flatten().map(figure).collect();
    let ratios: Vec<Vec<f64>> = row.rounds.iter().map(|round| round.iter().map(Pair::ratio).collect()).collect();
    let draws = bootstrap(&ratios);
    let ratio = Estimate { median: median(all(Pair::ratio)), interval: interval(draws.clone()) };
    Judged { row, ours: median(all(|pair| pair.ours)), published: median(all(|pair| pair.published)), ratio, draws }
}

/// The figures of a group: the geometric mean of its rows.
fn groups<'a>(rows: &'a [Judged<'a>]) -> Vec<(&'static str, Estimate)> {
    let mut names: Vec<&'static str> = rows.iter().map(|row| row.row.group).collect();
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(*name);
            true
        }
    });
    let estimate = |name: &&'static str| {
        let members: Vec<_> = rows.iter().filter(|row| row.row.group == *name).collect();
        let ratios: Vec<f64> = members.iter().map(|row| row.ratio.median).collect();
        let draws: Vec<&[f64]> = members.iter().map(|row| row.draws.as_slice()).collect();
        (*name, geometric_mean(&ratios, &draws))
    };
    names.iter().map(estimate).collect()
}

fn verdict(ratio: &Estimate) -> &'static str {
    match ratio.interval {
        (_, high) if high < 1.0 => "faster",
        (low, _) if low > 1.0 => "slower",
        _ => "same",
    }
}

fn duration(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        ..1e3 => (nanoseconds, "ns"),
        ..1e6 => (nanoseconds / 1e3, "us"),
        _ => (nanoseconds / 1e6, "ms"),
    };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}")
}

fn ratio_text(ratio: &Estimate) -> [String; 2] {
    [format!("{:.3}", ratio.median), format!("{:.3} - {:.3}", ratio.interval.0, ratio.interval.1)]
}

fn cells(row: &Judged<'_>) -> Vec<String> {
    let [ratio, interval] = ratio_text(&row.ratio);
    let title = format!("{}/{}", row.row.group, row.row.name);
    vec![title, duration(row.ours), duration(row.published), ratio, interval, verdict(&row.ratio).into()]
}

/// One row, while others are still to come.
pub fn line(row: &Comparison) -> String {
    cells(&judge(row)).join("  ")
}

/// Rows, then groups.
pub fn text(results: &[Comparison]) -> String {
    let rows: Vec<_> = results.iter().map(judge).collect();
    let group_cells = |(name, ratio): (&str, Estimate)| {
        let [median, interval] = ratio_text(&ratio);
        vec![name.into(), median, interval, verdict(&ratio).into()]
    };
    let head = ["row", "ours", "published", "ours / published", "95 %", "ours is"];
    let rows_text = table(&head, rows.iter().map(cells).collect());
    let groups_text =
        table(&["group", "mean ratio", "95 %", "ours is"], groups(&rows).into_iter().map(group_cells).collect());
    format!("{rows_text}\n\n{groups_text}")
}

/// A Markdown table whose columns are aligned.
fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(column, title)| rows.iter().map(|row| row[column].len()).chain([title.len()]).max().unwrap_or(0))
        .collect();
    let line = |cells: Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("| {} |", padded.collect::<Vec<_>>().join(" | "))
    };
    let titles = line(head.iter().map(|title| title.to_string()).collect());
    let rule = line(widths.iter().map(|width| "-".repeat(*width)).collect());
    [titles, rule].into_iter().chain(rows.into_iter().map(line)).collect::<Vec<_>>().join("\n")
}

pub fn json(results: &[Comparison], facts: &Facts, options: &Options) -> Value {
    let rows: Vec<_> = results.iter().map(judge).collect();
    let estimate = |ratio: &Estimate| json!({ "median": ratio.median, "low": ratio.interval.0, "high": ratio.interval.1, "ours_is": verdict(ratio) });
    let row = |row: &Judged<'_>| {
        json!({
            "group": row.row.group,
            "name": row.row.name,
            "ours_ns": row.ours,
            "published_ns": row.published,
            "ratio": estimate(&row.ratio),
            "pairs": row.row.rounds.iter().map(Vec::len).sum::<usize>(),
        })
    };
    let group = |(name, ratio): &(&str, Estimate)| json!({ "group": name, "ratio": estimate(ratio) });
    json!({
        "machine": facts.json(),
        "quick": options.quick,
        "against_itself": options.itself,
        "rounds": options.timing.rounds,
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "groups": groups(&rows).iter().map(group).collect::<Vec<_>>(),
    })
}
