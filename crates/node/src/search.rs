//! Searching. Needles are memory of the caller's own, which nobody changes meanwhile: the TypeScript layer sees to that.

use std::ops::Range;

use mmap_io::Needle;
use napi::bindgen_prelude::{AsyncTask, Either, Float64Array};
use napi_derive::napi;

use crate::failure::Failure;
use crate::job::{time_is_up, IntoJs, Job};
use crate::mapping::Mapping;
use crate::number::{from_bytes, to_bytes};

/// Where matches begin. Made into JavaScript's numbers where the search runs, not on its thread.
pub struct Offsets(Vec<f64>);

impl Offsets {
    fn new(hits: Vec<u64>) -> Self {
        Self(hits.into_iter().map(from_bytes).collect())
    }
}

impl IntoJs for Offsets {
    type Js = Float64Array;

    fn into_js(self) -> Float64Array {
        self.0.into()
    }
}

/// What one step of a search has found.
#[napi(object)]
pub struct Matches {
    pub offsets: Float64Array,
    /// Where the next step goes on.
    pub searched: f64,
}

/// The same where the search runs.
pub struct Found {
    offsets: Offsets,
    searched: f64,
}

impl IntoJs for Found {
    type Js = Matches;

    fn into_js(self) -> Matches {
        Matches { offsets: self.offsets.into_js(), searched: self.searched }
    }
}

/// A count or a position.
impl IntoJs for f64 {
    type Js = Self;

    fn into_js(self) -> Self {
        self
    }
}

/// A position; JavaScript's searches tell -1 for none.
fn or_none(hit: Option<u64>) -> f64 {
    hit.map_or(-1.0, from_bytes)
}

fn empty() -> napi::Error {
    napi::Error::new(napi::Status::InvalidArg, "expected a needle of one byte or more")
}

fn range(from: f64, to: f64) -> napi::Result<Range<u64>> {
    Ok(to_bytes(from)?..to_bytes(to)?)
}

fn limit(limit: f64) -> napi::Result<usize> {
    Ok(usize::try_from(to_bytes(limit)?).unwrap_or(usize::MAX))
}

#[napi]
impl Mapping {
    /// Where the first match begins that lies in `from .. to`; -1: none.
    #[napi(catch_unwind)]
    pub fn find(&self, needle: &[u8], from: f64, to: f64) -> napi::Result<Either<f64, Failure>> {
        let (needle, within) = (Needle::new(needle).ok_or_else(empty)?, range(from, to)?);
        Ok(self.with(|file| file.find(&needle, within).map(or_none)))
    }

    /// Where the last match begins that lies in `from .. to`; -1: none.
    #[napi(catch_unwind)]
    pub fn find_last(&self, needle: &[u8], from: f64, to: f64) -> napi::Result<Either<f64, Failure>> {
        let (needle, within) = (Needle::new(needle).ok_or_else(empty)?, range(from, to)?);
        Ok(self.with(|file| file.find_last(&needle, within).map(or_none)))
    }

    /// How many matches lie in `from .. to`, none of which overlaps the one before.
    #[napi(catch_unwind)]
    pub fn count(&self, needle: &[u8], from: f64, to: f64) -> napi::Result<Either<f64, Failure>> {
        let (needle, within) = (Needle::new(needle).ok_or_else(empty)?, range(from, to)?);
        Ok(self.with(|file| file.count_matches(&needle, within).map(from_bytes)))
    }

    /// Where the first `max` of them begin.
    #[napi(catch_unwind)]
    pub fn find_all(&self, needle: &[u8], from: f64, to: f64, max: f64) -> napi::Result<Either<Float64Array, Failure>> {
        let (needle, within) = (Needle::new(needle).ok_or_else(empty)?, range(from, to)?);
        let max = limit(max)?;
        Ok(self.with(|file| file.find_all(&needle, within, max, || false).map(|found| Offsets::new(found.offsets))))
    }

    /// The same on the pool, one step of it.
    #[napi(catch_unwind, ts_return_type = "Promise<Matches | Failure>")]
    pub fn search(&self, needle: &[u8], from: f64, to: f64, max: f64) -> napi::Result<AsyncTask<Job<Found>>> {
        let (needle, within) = (Needle::owned(needle.to_vec()).ok_or_else(empty)?, range(from, to)?);
        let max = limit(max)?;
        self.start(move |file| {
            let found = file.find_all(&needle, within, max, time_is_up())?;
            Ok(Found { offsets: Offsets::new(found.offsets), searched: from_bytes(found.searched) })
        })
    }
}
