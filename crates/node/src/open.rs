//! Opening files.

use std::path::PathBuf;

use mmap_io::{Create, MappedFile, MmapMode, OpenOptions, OsError};
use napi::bindgen_prelude::{AsyncTask, Buffer, Either};
use napi_derive::napi;

use crate::failure::Failure;
use crate::faults;
use crate::fd;
use crate::holder::Held;
use crate::job::{answer, IntoJs, Job};
use crate::mapping::Mapping;
use crate::number::to_bytes;

/// Mode of a mapping.
#[napi(string_enum = "kebab-case")]
pub enum Mode {
    ReadOnly,
    ReadWrite,
    CopyOnWrite,
}

/// What to do about a missing file.
#[napi(string_enum = "kebab-case")]
pub enum Creation {
    Never,
    IfMissing,
    Truncate,
    Exclusive,
}

/// Which part of a file is mapped, and how.
#[napi(object)]
pub struct OpenRequest {
    pub mode: Mode,
    pub create: Creation,
    pub size: Option<f64>,
    pub offset: f64,
    pub length: Option<f64>,
    /// Whether the window may reach past the end of the file.
    pub past_end: Option<bool>,
    pub allocate: bool,
    pub advice: Option<UseAdvice>,
    pub touch: bool,
    pub huge_pages: bool,
    /// Whether lost pages are repaired, where nothing speaks against it.
    pub guard: Option<bool>,
}

/// How pages are going to be used.
#[napi(string_enum = "kebab-case")]
pub enum UseAdvice {
    Normal,
    Random,
    Sequential,
    WillNeed,
    DontNeed,
}

impl TryFrom<OpenRequest> for OpenOptions {
    type Error = napi::Error;

    fn try_from(request: OpenRequest) -> napi::Result<Self> {
        let mode = match request.mode {
            Mode::ReadOnly => MmapMode::ReadOnly,
            Mode::ReadWrite => MmapMode::ReadWrite,
            Mode::CopyOnWrite => MmapMode::CopyOnWrite,
        };
        let create = match request.create {
            Creation::Never => Create::Never,
            Creation::IfMissing => Create::IfMissing,
            Creation::Truncate => Create::Truncate,
            Creation::Exclusive => Create::Exclusive,
        };
        let mut options = Self::new(mode)
            .create(create)
            .offset(to_bytes(request.offset)?)
            .past_end(request.past_end.unwrap_or(false))
            .allocate(request.allocate)
            .touch(request.touch)
            .huge_pages(request.huge_pages)
            .guard(request.guard.unwrap_or(true) && faults::is_guard_wanted());
        if let Some(advice) = request.advice {
            options = options.advice(advice.into());
        }
        if let Some(size) = request.size {
            options = options.size(to_bytes(size)?);
        }
        if let Some(length) = request.length {
            options = options.len(to_bytes(length)?);
        }
        Ok(options)
    }
}

impl IntoJs for MappedFile {
    type Js = Mapping;

    fn into_js(self) -> Mapping {
        Mapping::new(Held::new(self))
    }
}

/// A path as the operating system wants it. Bytes on Unix, UTF-8 elsewhere.
pub(crate) fn to_path(path: &Buffer) -> napi::Result<PathBuf> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Ok(std::ffi::OsStr::from_bytes(path).into())
    }
    #[cfg(not(unix))]
    {
        let text = std::str::from_utf8(path).map_err(|error| napi::Error::from_reason(error.to_string()))?;
        Ok(text.into())
    }
}

/// Opens and maps a file on the pool.
#[napi(catch_unwind, ts_return_type = "Promise<Mapping | Failure>")]
pub fn open(path: Buffer, request: OpenRequest) -> napi::Result<AsyncTask<Job<MappedFile>>> {
    let (path, options) = (to_path(&path)?, OpenOptions::try_from(request)?);
    Ok(Job::start(move || options.open(path)))
}

/// Opens and maps a file, and waits.
#[napi(catch_unwind)]
pub fn open_sync(path: Buffer, request: OpenRequest) -> napi::Result<Either<Mapping, Failure>> {
    Ok(answer(OpenOptions::try_from(request)?.open(to_path(&path)?)))
}

fn duplicate(fd: i32) -> mmap_io::error::Result<std::fs::File> {
    fd::duplicate(fd).map_err(|source| OsError { call: "dup", source }.into())
}

/// Maps an open file on the pool. The descriptor is duplicated before this returns.
#[napi(catch_unwind, ts_return_type = "Promise<Mapping | Failure>")]
pub fn open_fd(fd: i32, request: OpenRequest) -> napi::Result<AsyncTask<Job<MappedFile>>> {
    let (file, options) = (duplicate(fd), OpenOptions::try_from(request)?);
    Ok(Job::start(move || options.map(file?)))
}

/// Maps an open file, and waits.
#[napi(catch_unwind)]
pub fn open_fd_sync(fd: i32, request: OpenRequest) -> napi::Result<Either<Mapping, Failure>> {
    let options = OpenOptions::try_from(request)?;
    Ok(answer(duplicate(fd).and_then(|file| options.map(file))))
}

/// Zero-filled memory without a file.
#[napi(catch_unwind)]
pub fn anonymous(size: f64, huge_pages: bool) -> napi::Result<Either<Mapping, Failure>> {
    Ok(answer(MappedFile::anonymous(to_bytes(size)?, huge_pages)))
}
