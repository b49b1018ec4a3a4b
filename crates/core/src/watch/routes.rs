//! Which notification is for which watch.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::service::Watch;
use crate::os::{self, FileId};

/// A watch that wants to hear of a name in a folder.
struct Route {
    watch: Arc<Watch>,
    is_link: bool,
}

/// What one watch is routed by: folder, name in it, whether the name is a link on the way.
pub(super) type Names = Vec<(PathBuf, OsString, bool)>;

struct Place {
    names: Names,
    /// What the folder of the path was, links followed.
    above: Option<FileId>,
}

#[derive(Default)]
pub(super) struct Routes {
    folders: HashMap<PathBuf, HashMap<OsString, Vec<Route>>>,
    places: HashMap<usize, Place>,
}

fn number(watch: &Arc<Watch>) -> usize {
    Arc::as_ptr(watch).addr()
}

/// A name as it is compared.
fn key(name: &OsStr) -> OsString {
    if os::NAMES_IGNORE_CASE {
        name.to_string_lossy().to_lowercase().into()
    } else {
        name.to_os_string()
    }
}

impl Routes {
    /// Routes these names to `watch`, and no others any more.
    pub(super) fn put(&mut self, watch: &Arc<Watch>, names: Names, above: Option<FileId>) {
        let names: Names = names.into_iter().map(|(folder, name, is_link)| (folder, key(&name), is_link)).collect();
        for (folder, name, _) in self.places.remove(&number(watch)).map(|old| old.names).unwrap_or_default() {
            let Some(routes) = self.folders.get_mut(&folder) else { continue };
            if let Some(of_name) = routes.get_mut(&name) {
                of_name.retain(|route| !Arc::ptr_eq(&route.watch, watch));
                if of_name.is_empty() {
                    routes.remove(&name);
                }
            }
        }
        if names.is_empty() {
            return;
        }
        for (folder, name, is_link) in names.clone() {
            let route = Route { watch: Arc::clone(watch), is_link };
            self.folders.entry(folder).or_default().entry(name).or_default().push(route);
        }
        self.places.insert(number(watch), Place { names, above });
    }

    /// Whom a notification about `path` is for, and whether the name is a link.
    pub(super) fn find(&self, path: &Path) -> impl Iterator<Item = (&Arc<Watch>, bool)> {
        let routes =
            path.parent().zip(path.file_name()).and_then(|(folder, name)| self.folders.get(folder)?.get(&key(name)));
        routes.into_iter().flatten().map(|route| (&route.watch, route.is_link))
    }

    pub(super) fn has_folder(&self, folder: &Path) -> bool {
        self.folders.contains_key(folder)
    }

    /// Forgets a folder and tells whose names were in it.
    pub(super) fn remove_folder(&mut self, folder: &Path) -> Vec<Arc<Watch>> {
        self.folders
            .remove(folder)
            .into_iter()
            .flatten()
            .flat_map(|(_, routes)| routes)
            .map(|route| route.watch)
            .collect()
    }

    /// Forgets the folders in which nobody has a name, and tells them.
    pub(super) fn take_unused(&mut self) -> Vec<PathBuf> {
        self.folders.extract_if(|_, names| names.is_empty()).map(|(folder, _)| folder).collect()
    }

    /// What the folder of the watch's path was when it was routed.
    pub(super) fn above(&self, watch: &Arc<Watch>) -> Option<FileId> {
        self.places.get(&number(watch)).and_then(|place| place.above)
    }
}
