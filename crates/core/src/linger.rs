//! Regions whose views were emptied, kept mapped a little longer.
//!
//! A buffer can be emptied while native code that JavaScript knows nothing of (zlib, `fs.write`) still reads from the
//! address it was given. The file is gone by then; what stays here is address space with zero pages behind it, so that
//! such code reads zeros instead of ending the process. Bounded in number and in time; there is no thread, the next
//! call clears what is too old.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::mutex::lock;
use crate::os;
use crate::region::Region;

type Queue = VecDeque<(Instant, Arc<Region>)>;

const KEEP: Duration = Duration::from_secs(5);
const MOST: usize = 64;
/// Bytes of addresses, of the 128 TiB that a process has.
const MOST_BYTES: usize = 1 << 40;

static LINGERING: Mutex<Queue> = Mutex::new(VecDeque::new());

/// Keeps `region`'s addresses mapped for some seconds, the oldest giving way when there are many.
///
/// ```
/// # use mmap_io::{Create, MmapMode, OpenOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
/// let region = file.region();
/// let address = region.start();
/// drop(file);
/// mmap_io::linger(region);
/// # if cfg!(unix) {
/// // SAFETY: zero pages stay mapped there for some seconds.
/// assert_eq!(unsafe { address.read_volatile() }, 0);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn linger(region: Arc<Region>) {
    // Where nothing can be put over the file, it would stay mapped with its region: neither to be cut nor deleted.
    if !os::CAN_COVER {
        return drop(region);
    }
    lock(&LINGERING).push_back((Instant::now(), region));
    clear_old();
}

/// Lets go what has lingered long enough, and the oldest of what is too much.
pub(crate) fn clear_old() {
    let mut over = Vec::new();
    {
        let mut queue = lock(&LINGERING);
        let mut bytes = queue.iter().map(|(_, region)| region.len()).fold(0, usize::saturating_add);
        while let Some((since, region)) = queue.front() {
            if since.elapsed() <= KEEP && queue.len() <= MOST && bytes <= MOST_BYTES {
                break;
            }
            bytes = bytes.saturating_sub(region.len());
            over.extend(queue.pop_front());
        }
    }
    // Unmapped here, after the lock: it can take milliseconds.
    drop(over);
}

/// Lets everything go, because addresses are needed. Tells whether there was anything.
pub(crate) fn clear() -> bool {
    let all = std::mem::take(&mut *lock(&LINGERING));
    !all.is_empty()
}
