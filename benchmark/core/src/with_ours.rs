//! The trials with the crate of this repository.

use ::ours as subject;

#[path = "trials/mod.rs"]
pub(crate) mod trials;
