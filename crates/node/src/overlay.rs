//! Mappings that are shown in the memory of a WebAssembly.Memory, for runtimes that refuse memory of anybody else.
//!
//! # Safety
//!
//! The pages of such a memory belong to it alone, whole pages at a time, and the runtime unmaps them when it frees the memory.
//! While it can be freed at any time nothing here touches it: [`Foreign`] sees to that, by a reference that JavaScript's
//! garbage collector respects.
#![allow(unsafe_code, reason = "addresses that come from JavaScript")]

use std::sync::{Arc, Mutex, Weak};

use mmap_io::{Foreign, MmapMode, Region};
use napi::bindgen_prelude::{Either, Uint8Array, Uint8ArraySlice};
use napi::Env;
use napi_derive::napi;

use crate::failure::Failure;
use crate::handles;
use crate::holder::Holder;
use crate::mutex::lock;

/// What WebAssembly calls a page.
const STEP: usize = 64 << 10;

/// The overlays of a holder. They go with it: what is left of them then is the garbage collector's alone.
#[derive(Default)]
pub(crate) struct Overlays(Mutex<Vec<Held>>);

struct Held {
    region: Arc<Region>,
    /// The memory may be in use in other threads.
    shared: bool,
}

impl Overlays {
    fn add(&self, region: Arc<Region>, shared: bool) {
        lock(&self.0).push(Held { region, shared });
    }

    fn remove(&self, region: &Arc<Region>) {
        lock(&self.0).retain(|held| !Arc::ptr_eq(&held.region, region));
    }

    /// Lets all memories go. Those that are not to show the file any more read zeros from then on.
    pub(crate) fn end(&self, closed: bool) {
        let all = std::mem::take(&mut *lock(&self.0));
        for Held { region, shared } in all {
            if closed || shared {
                region.retire();
            }
            region.let_go();
        }
    }
}

/// A mapping shown in one memory.
#[napi]
pub struct Overlay {
    region: Arc<Region>,
    /// Weak: a view that holds this must not hold the memory in turn.
    holder: Weak<Holder>,
    /// The bytes are nowhere else: they stay until the last running task has ended.
    private: bool,
}

#[napi]
impl Overlay {
    /// Keeps the memory, by a value that refers to it, until `sleep`; brings it to what the mapping shows now.
    #[napi(catch_unwind)]
    pub fn wake(&self, token: Uint8Array) -> Option<Failure> {
        self.region.wake(Box::new(token));
        let file = self.holder.upgrade().and_then(|holder| holder.file());
        file.and_then(|file| file.refresh(&self.region).err()).map(Failure::from)
    }

    /// Undoes one `wake`, or the beginning.
    #[napi(catch_unwind)]
    pub fn sleep(&self) {
        self.region.sleep();
    }

    /// Puts zero pages over the memory, for good. Nothing in it is in use.
    #[napi(catch_unwind)]
    pub fn retire(&self) {
        if self.private {
            return;
        }
        self.region.retire();
        self.region.let_go();
        if let Some(holder) = self.holder.upgrade() {
            holder.overlays().remove(&self.region);
        }
    }
}

/// Shows the mapping of `holder` in the memory whose bytes are given; `token` refers to that memory.
pub(crate) fn map_over(
    env: &Env,
    holder: &Arc<Holder>,
    memory: &mut Uint8ArraySlice<'_>,
    token: Uint8Array,
    shared: bool,
) -> napi::Result<Either<Overlay, Failure>> {
    let Some(file) = holder.file() else { return Ok(Either::B(Failure::closed())) };
    let private = file.is_private();
    if shared && (private || file.mode() != MmapMode::ReadWrite) {
        return Ok(Either::B(Failure::no_shared_memory()));
    }
    let region = match file.map_over(foreign(memory, token)?) {
        Ok(region) => region,
        Err(error) => return Ok(Either::B(error.into())),
    };
    if shared {
        handles::keep(env, holder)?;
    }
    if !private {
        holder.overlays().add(Arc::clone(&region), shared);
    }
    Ok(Either::A(Overlay { region, holder: Arc::downgrade(holder), private }))
}

/// The memory whose bytes are given, and to which `token` refers.
fn foreign(memory: &mut Uint8ArraySlice<'_>, token: Uint8Array) -> napi::Result<Foreign> {
    // SAFETY: only the address and the length are looked at.
    let bytes = unsafe { memory.as_mut() };
    let (base, len) = (bytes.as_mut_ptr(), bytes.len());
    if len == 0 || !len.is_multiple_of(STEP) || !base.addr().is_multiple_of(mmap_io::utils::page_size()) {
        return Err(napi::Error::new(napi::Status::InvalidArg, "not the memory of a WebAssembly.Memory"));
    }
    // SAFETY: the bytes are all that a WebAssembly.Memory has, as the TypeScript layer has made sure: pages that are its
    // alone. It is freed by the garbage collector, not while `token` refers to it and is held.
    Ok(unsafe { Foreign::new(base, len, Box::new(token)) })
}

/// Shows a chunk of status slots in the memory of a WebAssembly.Memory, for good.
#[napi(catch_unwind)]
pub fn show_status_chunk(
    number: u32,
    mut memory: Uint8ArraySlice<'_>,
    token: Uint8Array,
) -> napi::Result<Option<Failure>> {
    let memory = foreign(&mut memory, token)?;
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    Ok(mmap_io::status::show_chunk(number, &memory).err().map(Failure::from))
}

/// Whether this platform can show a file in other memory.
#[napi(catch_unwind)]
pub fn can_map_over() -> bool {
    mmap_io::CAN_MAP_OVER
}
