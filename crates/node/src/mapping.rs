//! The mapping as a JavaScript object.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use mmap_io::{MappedFile, Region, Told};
use napi::bindgen_prelude::{AsyncTask, Either, Uint8Array, Uint8ArraySlice, Unknown};
use napi::Env;
use napi_derive::napi;

use crate::buffer;
use crate::failure::Failure;
use crate::handles;
use crate::holder::{Held, Holder, Pin};
use crate::job::{answer, IntoJs, Job};
use crate::mutex::lock;
use crate::number::{from_bytes, to_bytes};
use crate::overlay::{self, Overlay};
use crate::shared_buffer;

/// Which pages of a range are in memory.
#[napi(object)]
pub struct Residency {
    pub page_size: f64,
    pub pages: f64,
    pub resident_pages: f64,
    pub resident_bytes: f64,
    /// One byte a page: 1 where the page is in memory.
    pub map: Uint8Array,
}

impl IntoJs for mmap_io::Residency {
    type Js = Residency;

    fn into_js(self) -> Residency {
        let count = |number: usize| from_bytes(u64::try_from(number).unwrap_or(u64::MAX));
        Residency {
            page_size: count(self.page_size),
            pages: count(self.map.len()),
            resident_pages: count(self.resident_pages),
            resident_bytes: from_bytes(self.resident_bytes),
            map: self.map.into(),
        }
    }
}

/// A state of the file.
#[napi(object)]
pub struct Version {
    /// The same as long as the state is.
    pub tag: String,
    /// Milliseconds between 1970 and the last change of the bytes.
    pub modified: f64,
}

impl IntoJs for mmap_io::Version {
    type Js = Version;

    fn into_js(self) -> Version {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds are below 2^53 for any file system's times")]
        let modified = self.modified_nanos().div_euclid(1_000_000) as f64;
        Version { tag: self.to_string(), modified }
    }
}

/// One holder of a mapped file, of one thread.
#[napi]
pub struct Mapping {
    holder: Arc<Holder>,
    /// The pins of buffers that may still be alive, by the number that JavaScript gave each buffer.
    pins: Mutex<HashMap<u32, Weak<Pin>>>,
    /// What JavaScript was told of lost pages.
    pub(crate) told: Mutex<Told>,
    slot: u32,
    lead: f64,
}

/// `length` bytes of a region, `start` bytes behind its base.
struct Place {
    region: Arc<Region>,
    start: usize,
    length: usize,
}

impl Mapping {
    pub(crate) fn new(held: Arc<Held>) -> Self {
        let file = held.file();
        Self {
            slot: u32::try_from(file.slot().number()).unwrap_or(u32::MAX),
            lead: from_bytes(u64::try_from(file.region().lead()).unwrap_or(u64::MAX)),
            holder: Holder::new(held),
            pins: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// A range of the mapped pages, checked and not empty.
    fn place(&self, start: f64, length: f64) -> napi::Result<Result<Place, Failure>> {
        let Some(file) = self.holder.file() else { return Ok(Err(Failure::closed())) };
        let region = file.region();
        let total = u64::try_from(region.lead() + region.len()).unwrap_or(u64::MAX);
        let (offset, len) = (to_bytes(start)?, to_bytes(length)?);
        let inside = offset.checked_add(len).is_some_and(|end| end <= total);
        Ok(match (usize::try_from(offset), usize::try_from(len)) {
            (Ok(start), Ok(length)) if inside && length > 0 => Ok(Place { region, start, length }),
            _ => Err(mmap_io::Error::OutOfBounds { offset, len, total }.into()),
        })
    }

    /// The file. `None` after close.
    pub(crate) fn file(&self) -> Option<Arc<MappedFile>> {
        self.holder.file()
    }

    /// Runs `call` on the file, or answers "closed".
    pub(crate) fn with<T: IntoJs>(
        &self,
        call: impl FnOnce(&MappedFile) -> mmap_io::error::Result<T>,
    ) -> Either<T::Js, Failure> {
        match self.holder.file() {
            Some(file) => answer(call(&file)),
            None => Either::B(Failure::closed()),
        }
    }

    /// Runs `call` on the pool, where it keeps the file open until it ends. After close there is nothing to do: the
    /// TypeScript layer has said so already.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        call: impl FnOnce(&MappedFile) -> mmap_io::error::Result<T> + Send + 'static,
    ) -> napi::Result<AsyncTask<Job<T>>>
    where
        Job<T>: napi::Task,
    {
        let closed = || napi::Error::from_reason("the mapping is closed");
        let file = self.holder.file().ok_or_else(closed)?;
        Ok(Job::start(move || call(&file)))
    }
}

#[napi]
impl Mapping {
    /// Number of the status slot.
    #[napi(getter)]
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Bytes mapped before the window's first byte: its distance from the start of its page.
    #[napi(getter)]
    pub fn lead(&self) -> f64 {
        self.lead
    }

    /// Bytes that buffers can be made over now, the lead included.
    #[napi(getter)]
    pub fn capacity(&self) -> f64 {
        let end = |file: Arc<MappedFile>| {
            let region = file.region();
            u64::try_from(region.lead() + region.len()).unwrap_or(u64::MAX)
        };
        from_bytes(self.holder.file().map_or(0, end))
    }

    /// An ArrayBuffer over `length` bytes (more than 0), `start` bytes behind the start of the mapped pages. `number` is
    /// the name by which `emptied` knows it.
    #[napi(catch_unwind, ts_return_type = "ArrayBuffer | Failure")]
    pub fn buffer<'env>(
        &self,
        env: &'env Env,
        number: u32,
        start: f64,
        length: f64,
    ) -> napi::Result<Either<Unknown<'env>, Failure>> {
        let Place { region, start, length } = match self.place(start, length)? {
            Ok(place) => place,
            Err(failure) => return Ok(Either::B(failure)),
        };
        let base = region.base();
        let pin = Pin::new(region, Arc::clone(&self.holder));
        let buffer = buffer::over_region(env, &pin, base, start, length)?;
        let mut pins = lock(&self.pins);
        pins.retain(|_, pin| pin.strong_count() > 0);
        pins.insert(number, Arc::downgrade(&pin));
        Ok(buffer)
    }

    /// Buffer `number` was emptied by its owner, and its memory not moved elsewhere: it need not wait for the garbage
    /// collector.
    #[napi(catch_unwind)]
    pub fn emptied(&self, number: u32) {
        let pin = lock(&self.pins).remove(&number);
        if let Some(pin) = pin.and_then(|pin| pin.upgrade()) {
            pin.emptied();
        }
    }

    /// A SharedArrayBuffer over `length` bytes (more than 0), `start` bytes behind the start of the mapped pages. It keeps the
    /// addresses mapped and holds no file.
    #[napi(catch_unwind, ts_return_type = "SharedArrayBuffer | Failure")]
    pub fn shared_buffer<'env>(
        &self,
        env: &'env Env,
        start: f64,
        length: f64,
    ) -> napi::Result<Either<Unknown<'env>, Failure>> {
        match self.place(start, length)? {
            Ok(Place { region, start, length }) => shared_buffer::over_region(env, region, start, length),
            Err(failure) => Ok(Either::B(failure)),
        }
    }

    /// A buffer of no use but that it holds the file open and that the garbage collector counts its length.
    #[napi(catch_unwind, ts_return_type = "ArrayBuffer | Failure")]
    pub fn weight<'env>(&self, env: &'env Env) -> napi::Result<Either<Unknown<'env>, Failure>> {
        buffer::weight(env, &self.holder)
    }

    /// Shows the mapping in the memory of a WebAssembly.Memory, whose bytes are given, and to which `token` refers.
    #[napi(catch_unwind)]
    pub fn map_over(
        &self,
        env: &Env,
        mut memory: Uint8ArraySlice<'_>,
        token: Uint8Array,
        shared: bool,
    ) -> napi::Result<Either<Overlay, Failure>> {
        overlay::map_over(env, &self.holder, &mut memory, token, shared)
    }

    /// Whether what is stored is in this mapping alone.
    #[napi(getter)]
    pub fn is_private(&self) -> bool {
        self.holder.file().is_some_and(|file| file.is_private())
    }

    /// Copies the status slot, for runtimes where its memory cannot be shown. Does nothing after close.
    #[napi(catch_unwind)]
    pub fn copy_status(&self, mut target: Uint8ArraySlice<'_>) {
        if let Some(file) = self.holder.file() {
            let eights = file.slot().copy().into_iter().flat_map(u64::to_ne_bytes);
            for (target, byte) in buffer::own_bytes(&mut target).iter_mut().zip(eights) {
                *target = byte;
            }
        }
    }

    /// Counts one write of so many bytes.
    #[napi(catch_unwind)]
    pub fn count_written(&self, bytes: f64) -> napi::Result<()> {
        let bytes = to_bytes(bytes)?;
        if let Some(file) = self.holder.file() {
            file.slot().add_written(bytes);
        }
        Ok(())
    }

    /// Copies bytes out. `target` is memory that JavaScript owns and no other thread sees.
    #[napi(catch_unwind)]
    pub fn read(&self, offset: f64, mut target: Uint8ArraySlice<'_>) -> napi::Result<Either<(), Failure>> {
        let offset = to_bytes(offset)?;
        Ok(self.with(|file| file.read(offset, buffer::own_bytes(&mut target))))
    }

    /// Copies bytes in and counts nothing. `data` is memory that JavaScript owns and no other thread sees.
    #[napi(catch_unwind)]
    pub fn write(&self, offset: f64, data: &[u8]) -> napi::Result<Either<(), Failure>> {
        let offset = to_bytes(offset)?;
        Ok(self.with(|file| file.store(offset, data)))
    }

    /// Makes the file known to other threads, under `id` unless it has an id already, and answers that. This holder stays
    /// open until it is closed or its thread ends.
    #[napi(catch_unwind)]
    pub fn share(&self, env: &Env, id: String, about: String) -> napi::Result<Either<String, Failure>> {
        let Some(held) = self.holder.held() else { return Ok(Either::B(Failure::closed())) };
        handles::keep(env, &self.holder)?;
        let ticket = held.ticket(id, about);
        handles::enter(&ticket.id, &held);
        Ok(Either::A(ticket.id.clone()))
    }

    /// What `share` was told about the file.
    #[napi(getter)]
    pub fn about(&self) -> Option<String> {
        self.holder.held()?.about().map(Into::into)
    }

    /// Lets the file go. Idempotent.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.holder.close();
    }

    /// Flushes by itself from now on, every so many milliseconds.
    #[napi(catch_unwind)]
    pub fn flush_every(&self, milliseconds: f64) -> napi::Result<Either<(), Failure>> {
        let interval = Duration::from_millis(to_bytes(milliseconds)?);
        Ok(self.holder.file().map_or_else(|| Either::B(Failure::closed()), |file| answer(file.flush_every(interval))))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<undefined | Failure>")]
    pub fn flush(&self) -> napi::Result<AsyncTask<Job<()>>> {
        self.start(MappedFile::flush)
    }

    #[napi(catch_unwind)]
    pub fn flush_sync(&self) -> Either<(), Failure> {
        self.with(MappedFile::flush)
    }

    #[napi(catch_unwind, ts_return_type = "Promise<undefined | Failure>")]
    pub fn flush_range(&self, offset: f64, length: f64) -> napi::Result<AsyncTask<Job<()>>> {
        let (offset, length) = (to_bytes(offset)?, to_bytes(length)?);
        self.start(move |file| file.flush_range(offset, length))
    }

    #[napi(catch_unwind)]
    pub fn flush_range_sync(&self, offset: f64, length: f64) -> napi::Result<Either<(), Failure>> {
        let (offset, length) = (to_bytes(offset)?, to_bytes(length)?);
        Ok(self.with(|file| file.flush_range(offset, length)))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<undefined | Failure>")]
    pub fn resize(&self, size: f64) -> napi::Result<AsyncTask<Job<()>>> {
        let size = to_bytes(size)?;
        self.start(move |file| file.resize(size))
    }

    #[napi(catch_unwind)]
    pub fn resize_sync(&self, size: f64) -> napi::Result<Either<(), Failure>> {
        let size = to_bytes(size)?;
        Ok(self.with(|file| file.resize(size)))
    }

    /// Whether a resize to this size would be refused before anything is touched.
    #[napi(catch_unwind)]
    pub fn check_resize(&self, size: f64) -> napi::Result<Either<(), Failure>> {
        let size = to_bytes(size)?;
        Ok(self.with(|file| file.check_resize(size)))
    }

    #[napi(catch_unwind)]
    pub fn residency(&self, offset: f64, length: f64) -> napi::Result<Either<Residency, Failure>> {
        let (offset, length) = (to_bytes(offset)?, to_bytes(length)?);
        Ok(self.with(|file| file.residency(offset, length)))
    }

    /// The state of the file now; null for memory without a file.
    #[napi(catch_unwind)]
    pub fn version(&self) -> Either<Option<Version>, Failure> {
        self.with(MappedFile::version)
    }
}

/// One more holder of a file that was shared under `id`.
#[napi(catch_unwind)]
pub fn attach(id: String) -> Either<Mapping, Failure> {
    match handles::find(&id) {
        None => Either::B(Failure::not_shared()),
        Some(held) if held.file().region().is_foreign() => Either::B(Failure::bound_to_thread()),
        Some(held) => Either::A(Mapping::new(held)),
    }
}
