//! The trials with the published crate.

use ::published as subject;

#[path = "trials/mod.rs"]
pub(crate) mod trials;
