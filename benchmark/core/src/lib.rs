//! The core crate of this repository beside the published crate `mmap-io`, in one process.
//!
//! Both have the same names, so each trial is written once, in `trials`, and compiled twice: in [`with_ours`] the word
//! `subject` means one crate, in [`with_published`] the other.
#![allow(clippy::duplicate_mod, reason = "the trials are compiled once for each crate")]

pub mod trial;
mod with_ours;
mod with_published;

use trial::Trial;

/// One trial with both crates.
pub struct Row {
    /// With the crate of this repository.
    pub ours: Trial,
    /// With the published crate.
    pub published: Trial,
}

/// Every trial, in the order of the report.
pub fn rows() -> Vec<Row> {
    let both = with_ours::trials::all().into_iter().zip(with_published::trials::all());
    both.map(|(ours, published)| Row { ours, published }).collect()
}
