//! Pages: hints on them, loading, locking and letting them go.

use mmap_io::{Advice, MappedFile};
use napi::bindgen_prelude::{AsyncTask, Either};
use napi_derive::napi;

use crate::failure::Failure;
use crate::job::{time_is_up, Job};
use crate::mapping::Mapping;
use crate::number::{from_bytes, to_bytes};
use crate::open::UseAdvice;

/// Ranges from offsets and lengths, one after the other.
fn pairs(numbers: &[f64]) -> napi::Result<Vec<(u64, u64)>> {
    numbers
        .chunks_exact(2)
        .map(|pair| match pair {
            [offset, length] => Ok((to_bytes(*offset)?, to_bytes(*length)?)),
            _ => Err(napi::Error::from_reason("expected offsets and lengths")),
        })
        .collect()
}

#[napi]
impl Mapping {
    #[napi(catch_unwind)]
    pub fn schedule_flush(&self, offset: f64, length: f64) -> napi::Result<Either<(), Failure>> {
        let (offset, length) = (to_bytes(offset)?, to_bytes(length)?);
        Ok(self.with(|file| file.schedule_flush(offset, length)))
    }

    /// A hint that never changes bytes.
    #[napi(catch_unwind)]
    pub fn advise(&self, offset: f64, length: f64, advice: UseAdvice) -> napi::Result<Either<(), Failure>> {
        let (offset, length) = (to_bytes(offset)?, to_bytes(length)?);
        Ok(self.with(|file| file.advise(offset, length, advice.into())))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<undefined | Failure>")]
    pub fn lock(&self, offset: f64, length: f64) -> napi::Result<AsyncTask<Job<()>>> {
        let (offset, length) = (to_bytes(offset)?, to_bytes(length)?);
        self.start(move |file| file.lock_pages(offset, length))
    }

    #[napi(catch_unwind)]
    pub fn lock_sync(&self, offset: f64, length: f64) -> napi::Result<Either<(), Failure>> {
        let (offset, length) = (to_bytes(offset)?, to_bytes(length)?);
        Ok(self.with(|file| file.lock_pages(offset, length)))
    }

    #[napi(catch_unwind)]
    pub fn unlock(&self, offset: f64, length: f64) -> napi::Result<Either<(), Failure>> {
        let (offset, length) = (to_bytes(offset)?, to_bytes(length)?);
        Ok(self.with(|file| file.unlock_pages(offset, length)))
    }

    /// Loads ranges, given as offsets and lengths one after the other, on the pool, one step of it. Tells how many bytes were
    /// done.
    #[napi(catch_unwind, ts_return_type = "Promise<number | Failure>")]
    pub fn load(&self, ranges: &[f64]) -> napi::Result<AsyncTask<Job<f64>>> {
        let ranges = pairs(ranges)?;
        self.start(move |file| {
            let mut time_is_up = time_is_up();
            file.load(&ranges, |_| !time_is_up()).map(from_bytes)
        })
    }

    /// Loads all of them, and waits.
    #[napi(catch_unwind)]
    pub fn load_sync(&self, ranges: &[f64]) -> napi::Result<Either<(), Failure>> {
        let ranges = pairs(ranges)?;
        Ok(self.with(|file| file.load(&ranges, |_| true).map(drop)))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<undefined | Failure>")]
    pub fn evict(&self, offset: f64, length: f64) -> napi::Result<AsyncTask<Job<()>>> {
        let (offset, length) = (to_bytes(offset)?, to_bytes(length)?);
        self.start(move |file: &MappedFile| file.evict(offset, length))
    }
}

impl From<UseAdvice> for Advice {
    fn from(advice: UseAdvice) -> Self {
        match advice {
            UseAdvice::Normal => Self::Normal,
            UseAdvice::Random => Self::Random,
            UseAdvice::Sequential => Self::Sequential,
            UseAdvice::WillNeed => Self::WillNeed,
            // The core's own "don't need" drops bytes of private mappings.
            UseAdvice::DontNeed => Self::Cold,
        }
    }
}
