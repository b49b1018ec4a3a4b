//! The names that lead to a file.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// More links than this are a circle. Linux gives up after 40.
const MOST: usize = 40;

/// A name in a folder: the file's own, or that of a link on the way to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Free of links.
    pub(super) folder: PathBuf,
    pub(super) name: OsString,
    pub(super) is_link: bool,
}

/// Every link on the way of an absolute path, and at last the file's own name, which need not be there.
pub(super) fn follow(path: &Path) -> io::Result<Vec<Name>> {
    let mut rest: VecDeque<PathBuf> = path.components().map(|part| PathBuf::from(part.as_os_str())).collect();
    let mut folder = PathBuf::new();
    let mut names = Vec::new();
    while let Some(part) = rest.pop_front() {
        match part.components().next() {
            Some(Component::Normal(name)) => {
                let (full, name) = (folder.join(name), name.to_os_string());
                match std::fs::read_link(&full) {
                    Ok(target) => {
                        names.push(Name { folder: folder.clone(), name, is_link: true });
                        if names.len() > MOST {
                            return Err(io::Error::other("too many links"));
                        }
                        for part in target.components().rev() {
                            rest.push_front(PathBuf::from(part.as_os_str()));
                        }
                    }
                    // No link, or not there: the folder's own answer tells.
                    Err(_) if rest.is_empty() => {
                        names.push(Name { folder, name, is_link: false });
                        return Ok(names);
                    }
                    Err(_) => folder = full,
                }
            }
            Some(Component::ParentDir) => _ = folder.pop(),
            Some(Component::CurDir) | None => {}
            // A target that is absolute begins anew.
            Some(root) => folder.push(root.as_os_str()),
        }
    }
    // The path ends with a folder.
    Err(io::ErrorKind::NotFound.into())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn name(folder: &Path, name: &str, is_link: bool) -> Name {
        Name { folder: folder.to_path_buf(), name: name.into(), is_link }
    }

    #[test]
    fn every_link_on_the_way_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("two")).unwrap();
        std::fs::write(root.join("two/file"), "").unwrap();
        symlink("two", root.join("current")).unwrap();
        symlink(root.join("current/../current/file"), root.join("link")).unwrap();
        let file = || name(&root.join("two"), "file", false);
        assert_eq!(follow(&root.join("two/file")).unwrap(), [file()]);
        assert_eq!(follow(&root.join("current/file")).unwrap(), [name(&root, "current", true), file()]);
        let current = || name(&root, "current", true);
        assert_eq!(follow(&root.join("link")).unwrap(), [name(&root, "link", true), current(), current(), file()]);
        assert_eq!(follow(&root.join("two/missing")).unwrap(), [name(&root.join("two"), "missing", false)]);
    }

    #[test]
    fn a_circle_of_links_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        assert!(follow(&folder.path().join("a")).is_err());
    }
}
