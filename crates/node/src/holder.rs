//! Who keeps a mapped file open, and who keeps its addresses mapped.
//!
//! A JavaScript mapping and all buffers made from it share one [`Holder`]. While it is open it holds the file, so views
//! work after the mapping object was collected. Closing it lets the file go at once, whatever buffers are left; each of
//! those holds a [`Pin`] on its region, whose addresses stay mapped until the buffer's memory is finalized. Mappings of
//! several threads hold one file together: it goes with the last of them.

use std::sync::{Arc, Mutex, OnceLock};

use mmap_io::{MappedFile, Region};

use crate::mutex::lock;
use crate::overlay::Overlays;

/// A file and those who hold it. A running task holds the file alone: others cannot join then.
pub(crate) struct Held {
    file: Arc<MappedFile>,
    ticket: OnceLock<Ticket>,
}

/// How a file that was shared is found by other threads.
pub(crate) struct Ticket {
    pub(crate) id: String,
    /// What the TypeScript layer knows about the mapping and needs in the other thread.
    pub(crate) about: String,
}

impl Held {
    pub(crate) fn new(file: MappedFile) -> Arc<Self> {
        Arc::new(Self { file: Arc::new(file), ticket: OnceLock::new() })
    }

    pub(crate) fn file(&self) -> &Arc<MappedFile> {
        &self.file
    }

    /// The ticket, made of the given values unless there is one.
    pub(crate) fn ticket(&self, id: String, about: String) -> &Ticket {
        self.ticket.get_or_init(|| Ticket { id, about })
    }

    /// `None` while the file was not shared.
    pub(crate) fn about(&self) -> Option<&str> {
        self.ticket.get().map(|ticket| ticket.about.as_str())
    }
}

/// Holds a file until it is closed.
pub(crate) struct Holder {
    held: Mutex<Option<Arc<Held>>>,
    overlays: Overlays,
}

impl Holder {
    pub(crate) fn new(held: Arc<Held>) -> Arc<Self> {
        Arc::new(Self { held: Mutex::new(Some(held)), overlays: Overlays::default() })
    }

    /// Where else the mapping is shown.
    pub(crate) fn overlays(&self) -> &Overlays {
        &self.overlays
    }

    /// The file and its holders. `None` after close.
    pub(crate) fn held(&self) -> Option<Arc<Held>> {
        lock(&self.held).clone()
    }

    /// The file; a task that keeps the `Arc` keeps the file open until it ends. `None` after close.
    pub(crate) fn file(&self) -> Option<Arc<MappedFile>> {
        self.held().map(|held| Arc::clone(held.file()))
    }

    pub(crate) fn close(&self) {
        let held = lock(&self.held).take();
        self.overlays.end(true);
        // Dropped with no lock held: it may unmap, and the runtime may run finalizers meanwhile.
        drop(held);
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.held).is_none()
    }
}

impl Drop for Holder {
    /// Nothing refers to the mapping any more. Views may still be in use: they go on showing the file.
    fn drop(&mut self) {
        // Before the file, which would put zeros over them.
        self.overlays.end(false);
        if let Some(held) = lock(&self.held).take() {
            held.file().leave_memory();
        }
    }
}

/// Keeps a region's addresses mapped, and its file open unless that was closed, for one buffer.
pub(crate) struct Pin(Mutex<Option<(Arc<Region>, Arc<Holder>)>>);

impl Pin {
    pub(crate) fn new(region: Arc<Region>, holder: Arc<Holder>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some((region, holder)))))
    }

    /// The buffer was emptied. Native code that JavaScript gave the address to may still be at work: the region lingers.
    pub(crate) fn emptied(&self) {
        if let Some((region, _holder)) = self.take() {
            mmap_io::linger(region);
        }
    }

    /// The buffer's memory is not used any more.
    pub(crate) fn finalized(&self) {
        match self.take() {
            Some((region, holder)) if holder.is_closed() => mmap_io::linger(region),
            // The region goes first: when this was the last buffer, the file then has nothing left to cover.
            Some((region, holder)) => {
                drop(region);
                drop(holder);
            }
            None => {}
        }
    }

    /// The buffer's environment is ending, and its memory may be in use in another one: the addresses stay mapped for ever.
    /// They read zeros once the file is let go, and cost no memory.
    pub(crate) fn abandoned(&self) {
        if let Some((region, holder)) = self.take() {
            std::mem::forget(region);
            drop(holder);
        }
    }

    fn take(&self) -> Option<(Arc<Region>, Arc<Holder>)> {
        lock(&self.0).take()
    }
}
