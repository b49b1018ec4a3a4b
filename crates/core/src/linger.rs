//! Regions whose views were emptied, kept mapped a little longer.
//!
//! A buffer can be emptied while native code that JavaScript knows nothing of (zlib, `fs.write`) still reads from the
//! address it was given. The file is gone by then; what stays here is address space with zero pages behind it, so that
//! such code reads zeros instead of ending the process. Bounded in number and in time; there is no thread, the next
//! call clears what is too old.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::os;
use crate::region::Region;

const KEEP: Duration = Duration::from_secs(5);
const MOST: usize = 64;

static LINGERING: Mutex<VecDeque<(Instant, Arc<Region>)>> = Mutex::new(VecDeque::new());

/// Keeps `region`'s addresses mapped for some seconds, the oldest giving way when there are many.
pub fn linger(region: Arc<Region>) {
    // Where nothing can be put over the file, it would stay mapped with its region: neither to be cut nor deleted.
    if !os::CAN_COVER {
        return drop(region);
    }
    let now = Instant::now();
    let mut over = Vec::new();
    {
        let mut queue = LINGERING.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push_back((now, region));
        while queue.len() > MOST || queue.front().is_some_and(|(since, _)| now.duration_since(*since) > KEEP) {
            over.extend(queue.pop_front());
        }
    }
    // Unmapped here, after the lock: it can take milliseconds.
    drop(over);
}
