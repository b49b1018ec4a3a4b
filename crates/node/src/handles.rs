//! Mapped files that were shared between threads, by the id that JavaScript posts.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, Weak};

use napi::Env;

use crate::holder::{Held, Holder};
use crate::mutex::lock;

type Shared = HashMap<String, Weak<Held>>;
/// Holders that were shared stay open until they are closed or their environment ends, by the environment's address.
type Kept = HashMap<usize, Vec<Arc<Holder>>>;

static SHARED: LazyLock<Mutex<Shared>> = LazyLock::new(Mutex::default);
static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

/// Makes a file known under an id.
pub(crate) fn enter(id: &str, held: &Arc<Held>) {
    let mut shared = lock(&SHARED);
    shared.retain(|_, held| held.strong_count() > 0);
    shared.insert(id.into(), Arc::downgrade(held));
}

/// The file of an id, as long as somebody holds it open.
pub(crate) fn find(id: &str) -> Option<Arc<Held>> {
    lock(&SHARED).get(id).and_then(Weak::upgrade)
}

/// Keeps a holder open until it is closed or its environment ends: the garbage collector does not know who else uses it.
pub(crate) fn keep(env: &Env, holder: &Arc<Holder>) -> napi::Result<()> {
    let address = env.raw().addr();
    let mut kept = lock(&KEPT);
    if let Some(holders) = kept.get_mut(&address) {
        holders.retain(|kept| !kept.is_closed() && !Arc::ptr_eq(kept, holder));
        holders.push(Arc::clone(holder));
        return Ok(());
    }
    env.add_env_cleanup_hook(address, |address| {
        let holders = lock(&KEPT).remove(&address);
        // Dropped with no lock held: it may unmap.
        drop(holders);
    })?;
    kept.insert(address, vec![Arc::clone(holder)]);
    Ok(())
}
