//! Whole files, without a mapping object.

use std::io::Error as IoError;
use std::path::Path;

use mmap_io::{MmapIoError, MmapMode, OpenOptions, OsError};
use napi::bindgen_prelude::{AsyncTask, Buffer, Either};
use napi_derive::napi;

use crate::failure::Failure;
use crate::faults::is_guard_wanted;
use crate::job::{answer, Job};
use crate::number::to_bytes;
use crate::open::to_path;

type Result = mmap_io::error::Result<()>;

fn write(path: &Path, offset: u64, data: &[u8]) -> Result {
    let file = OpenOptions::new(MmapMode::ReadWrite).guard(is_guard_wanted()).open(path)?;
    file.write(offset, data)?;
    file.flush()
}

/// The published functions keep no name of a call.
fn named(call: &'static str) -> impl FnOnce(MmapIoError) -> mmap_io::Error {
    move |error| match error {
        MmapIoError::Io(source) => OsError { call, source }.into(),
        other => OsError { call, source: IoError::other(other) }.into(),
    }
}

fn copy(source: &Path, destination: &Path) -> Result {
    mmap_io::copy_mmap(source, destination).map_err(named("copyfile"))
}

fn delete(path: &Path) -> Result {
    mmap_io::delete_mmap(path).map_err(named("unlink"))
}

/// Stores bytes in a file and brings them to the device, on the pool. The bytes are copied before this returns.
#[napi(catch_unwind, ts_return_type = "Promise<undefined | Failure>")]
pub fn write_file(path: Buffer, offset: f64, data: Buffer) -> napi::Result<AsyncTask<Job<()>>> {
    let (path, offset, data) = (to_path(&path)?, to_bytes(offset)?, data.to_vec());
    Ok(Job::start(move || write(&path, offset, &data)))
}

/// Stores bytes in a file and brings them to the device, and waits.
#[napi(catch_unwind)]
pub fn write_file_sync(path: Buffer, offset: f64, data: Buffer) -> napi::Result<Either<(), Failure>> {
    Ok(answer(write(&to_path(&path)?, to_bytes(offset)?, &data)))
}

/// Copies a file on the pool.
#[napi(catch_unwind, ts_return_type = "Promise<undefined | Failure>")]
pub fn copy_file(source: Buffer, destination: Buffer) -> napi::Result<AsyncTask<Job<()>>> {
    let (source, destination) = (to_path(&source)?, to_path(&destination)?);
    Ok(Job::start(move || copy(&source, &destination)))
}

/// Copies a file, and waits.
#[napi(catch_unwind)]
pub fn copy_file_sync(source: Buffer, destination: Buffer) -> napi::Result<Either<(), Failure>> {
    Ok(answer(copy(&to_path(&source)?, &to_path(&destination)?)))
}

/// Removes a file's name on the pool.
#[napi(catch_unwind, ts_return_type = "Promise<undefined | Failure>")]
pub fn delete_file(path: Buffer) -> napi::Result<AsyncTask<Job<()>>> {
    let path = to_path(&path)?;
    Ok(Job::start(move || delete(&path)))
}

/// Removes a file's name, and waits.
#[napi(catch_unwind)]
pub fn delete_file_sync(path: Buffer) -> napi::Result<Either<(), Failure>> {
    Ok(answer(delete(&to_path(&path)?)))
}
