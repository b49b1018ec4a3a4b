//! The fault guard: a `SIGBUS` handler that puts a private page in place of a mapped page that was lost.
//!
//! The crate is a shell so far. It stands alone because its rules are alone: inside the handler there is no
//! allocation, no lock, no thread-local, no panic, no formatting and no touch of mapped memory. It will offer
//! `install`, `register(base, len, fd, status)`, `unregister` and `heal`; the status words it sets are those of
//! `mmap_io::status::Slot`. On Windows the crate stays empty: a file cannot be cut there while it is mapped.
//!
//! Until it is filled, a file that another process cuts while it is mapped still ends this process by `SIGBUS`
//! when the lost part is read. The README says so.
