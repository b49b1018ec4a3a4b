//! Tests in a process of their own.

use std::process::{Command, Output};

const CHILD: &str = "MMAP_IO_TEST_CHILD";

/// What the parent passed to the child, and `None` in a parent.
pub(crate) fn child_argument() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// This test again, in a process of its own that gets `argument`.
pub(crate) fn command(test: &str, argument: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, argument);
    command
}

/// Fails unless the child ran the test and it passed.
#[track_caller]
pub(crate) fn assert_passed(output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{}\n{out}\n{err}", output.status);
}

/// Runs the body of the test with this name in a process of its own: what it does to limits, locks, threads and open files
/// is seen by nobody else.
#[track_caller]
pub(crate) fn in_child(test: &str, body: impl FnOnce()) {
    if child_argument().is_some() {
        // A child that waits for ever would make its parent wait, too.
        std::thread::spawn(|| {
            std::thread::sleep(super::LIMIT);
            std::process::abort();
        });
        body();
    } else {
        assert_passed(&command(test, "").output().unwrap());
    }
}
