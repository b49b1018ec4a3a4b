//! Who keeps a mapped file open, and who keeps its addresses mapped.
//!
//! A JavaScript mapping and all buffers made from it share one [`Holder`]. While it is open it holds the file, so views
//! work after the mapping object was collected. Closing it lets the file go at once, whatever buffers are left; each of
//! those holds a [`Pin`] on its region, whose addresses stay mapped until the buffer's memory is finalized.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mmap_io::{MappedFile, Region};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only whole values are put in and taken out: a panic cannot leave them half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Holds a file until it is closed.
pub(crate) struct Holder(Mutex<Option<Arc<MappedFile>>>);

impl Holder {
    pub(crate) fn new(file: MappedFile) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Arc::new(file)))))
    }

    /// The file; a task that keeps the `Arc` keeps the file open until it ends. `None` after close.
    pub(crate) fn file(&self) -> Option<Arc<MappedFile>> {
        lock(&self.0).clone()
    }

    pub(crate) fn close(&self) {
        let file = lock(&self.0).take();
        // Dropped with no lock held: it may unmap, and the runtime may run finalizers meanwhile.
        drop(file);
    }

    fn is_closed(&self) -> bool {
        lock(&self.0).is_none()
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
