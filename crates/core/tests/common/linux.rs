//! What Linux tells about this process, and how to make its calls fail.
#![allow(unsafe_code, reason = "limits and filters that the standard library has no name for")]

use std::fs;

/// A number of `/proc/self/status`, in its unit.
pub(crate) fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(&format!("{field}:"))).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Locked bytes of this process.
pub(crate) fn locked() -> u64 {
    status("VmLck") * 1024
}

/// Whether locking pages does anything here: sanitizers put a function that does nothing in the place of `mlock`.
pub(crate) fn can_lock() -> bool {
    let memory = vec![1_u8; 4 * super::at(super::page())];
    let before = locked();
    // SAFETY: memory of this function.
    unsafe { libc::mlock(memory.as_ptr().cast(), memory.len()) };
    let after = locked();
    // SAFETY: as above.
    unsafe { libc::munlock(memory.as_ptr().cast(), memory.len()) };
    after > before
}

/// The entries of `/proc/self/smaps` for maps of this file: first line, then fields.
pub(crate) fn maps_of(path: &std::path::Path) -> Vec<Vec<String>> {
    let path = fs::canonicalize(path).unwrap();
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut entries: Vec<Vec<String>> = Vec::new();
    for line in smaps.lines() {
        let starts_entry = line.split_whitespace().next().is_some_and(|word| !word.ends_with(':'));
        if starts_entry {
            entries.push(Vec::new());
        }
        entries.last_mut().unwrap().push(line.to_owned());
    }
    entries.retain(|entry| entry[0].ends_with(path.to_str().unwrap()));
    entries
}

/// The flags of every map of this file, and how many pages each has.
pub(crate) fn flags_of(path: &std::path::Path) -> Vec<(u64, Vec<String>)> {
    let flags = |entry: &Vec<String>| {
        let (start, end) = entry[0].split_whitespace().next().unwrap().split_once('-').unwrap();
        let address = |text| u64::from_str_radix(text, 16).unwrap();
        let line = entry.iter().find(|line| line.starts_with("VmFlags:")).unwrap();
        let flags = line.split_whitespace().skip(1).map(str::to_owned).collect();
        ((address(end) - address(start)) / super::page(), flags)
    };
    maps_of(path).iter().map(flags).collect()
}

/// How many pages of the maps of this file carry a flag.
pub(crate) fn pages_with_flag(path: &std::path::Path, flag: &str) -> u64 {
    let maps = flags_of(path);
    maps.iter().filter(|(_, flags)| flags.iter().any(|other| other == flag)).map(|(pages, _)| pages).sum()
}

/// A size in KiB of the maps of this file, e.g. `Private_Dirty`.
pub(crate) fn kib_of(path: &std::path::Path, field: &str) -> u64 {
    let maps = maps_of(path);
    let lines = maps.iter().flatten().filter(|line| line.starts_with(&format!("{field}:")));
    lines.map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()).sum()
}

/// Number of the calling thread.
pub(crate) fn thread_number() -> i32 {
    // SAFETY: takes and touches nothing.
    unsafe { libc::gettid() }
}

/// Whether a thread of this process waits in the kernel.
pub(crate) fn is_asleep(thread: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.trim_start().starts_with('S')
}

/// Names of the threads of this process.
pub(crate) fn thread_names() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok()).collect()
}

pub(crate) fn is_root() -> bool {
    // SAFETY: takes and touches nothing.
    unsafe { libc::geteuid() == 0 }
}

/// Sets a limit of this process. With a limit on file sizes, exceeding it is an error and not a signal.
pub(crate) fn limit(resource: libc::__rlimit_resource_t, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: `limit` lives through the call.
    assert_eq!(unsafe { libc::setrlimit(resource, &raw const limit) }, 0);
    // SAFETY: no handler runs; the signal is dropped.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Gives up the right of root to lock as much as it likes.
pub(crate) fn drop_privileges() {
    if is_root() {
        // SAFETY: takes numbers. The groups and the saved ids go with it.
        assert_eq!(unsafe { libc::setresgid(65534, 65534, 65534) }, 0);
        // SAFETY: as above.
        assert_eq!(unsafe { libc::setresuid(65534, 65534, 65534) }, 0);
    }
}

/// A call that is to fail, and how.
#[derive(Clone, Copy)]
pub(crate) struct Failing {
    pub(crate) call: libc::c_long,
    pub(crate) error: i32,
    /// Number of an argument, and the value that it has in the calls that fail; all of them unless given.
    pub(crate) only: Option<(u32, u32)>,
}

/// Runs `body` on a thread for which the kernel answers these calls with an error. False where filters are not to be had.
pub(crate) fn with_failing(calls: &[Failing], body: impl FnOnce() + Send + 'static) -> bool {
    let calls = calls.to_vec();
    super::within_limit(move || {
        let can = fail_from_now_on(&calls);
        if can {
            body();
        }
        can
    })
}

/// The same for the rest of the calling thread's life, and for threads that it starts.
pub(crate) fn fail_from_now_on(calls: &[Failing]) -> bool {
    const ARGUMENTS: u32 = 16;
    let mut program = Vec::new();
    for Failing { call, error, only } in calls {
        program.push(load(0));
        program.push(unless_equal(*call, if only.is_some() { 3 } else { 1 }));
        if let Some((argument, value)) = only {
            program.push(load(ARGUMENTS + 8 * argument));
            program.push(unless_equal(libc::c_long::from(*value), 1));
        }
        program.push(answer(libc::SECCOMP_RET_ERRNO | u32::try_from(*error).unwrap()));
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    install(program)
}

/// Runs `body` on a thread whose next `msync` takes as long as `meanwhile`, and succeeds without doing anything. False where
/// filters are not to be had.
#[cfg(target_arch = "x86_64")]
pub(crate) fn with_held_sync(meanwhile: impl FnOnce(), body: impl FnOnce() + Send + 'static) -> bool {
    use std::sync::atomic::{AtomicBool, Ordering};

    static SYNCING: AtomicBool = AtomicBool::new(false);
    static RESUMED: AtomicBool = AtomicBool::new(false);

    extern "C" fn hold(_signal: libc::c_int, _info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        SYNCING.store(true, Ordering::SeqCst);
        while !RESUMED.load(Ordering::SeqCst) {
            std::hint::spin_loop();
        }
        // SAFETY: the kernel passes the thread's registers, which it loads when the handler returns.
        let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
        context.uc_mcontext.gregs[usize::try_from(libc::REG_RAX).unwrap_or_default()] = 0;
    }

    // SAFETY: all zeros is a valid value: no flags, no signals masked.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_flags = libc::SA_SIGINFO;
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = hold;
    action.sa_sigaction = handler as libc::sighandler_t;
    // SAFETY: the handler touches two atomics and its own registers.
    assert_eq!(unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) }, 0);
    let thread = std::thread::spawn(move || {
        let hold = [load(0), unless_equal(libc::SYS_msync, 1), answer(libc::SECCOMP_RET_TRAP)];
        let can = install(hold.into_iter().chain([answer(libc::SECCOMP_RET_ALLOW)]).collect());
        if can {
            body();
        }
        can
    });
    super::wait_until("the sync has begun", || SYNCING.load(Ordering::SeqCst) || thread.is_finished());
    meanwhile();
    RESUMED.store(true, Ordering::SeqCst);
    thread.join().unwrap()
}

fn install(mut program: Vec<libc::sock_filter>) -> bool {
    let filter = libc::sock_fprog { len: u16::try_from(program.len()).unwrap(), filter: program.as_mut_ptr() };
    // SAFETY: takes numbers.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return false;
    }
    // SAFETY: `filter` and the program that it points to live through the call; the kernel copies them.
    unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) == 0 }
}

/// Loads a word of what the kernel tells about a call: its number is the first.
fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, offset)
}

/// Skips instructions when the word is another.
fn unless_equal(value: libc::c_long, skip: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, skip, u32::try_from(value).unwrap())
}

fn answer(value: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, value)
}

fn instruction(code: u32, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: u16::try_from(code).unwrap(), jt: 0, jf, k }
}

/// Mounts a file system of this size, seen by this process alone and gone with it.
pub(crate) fn mount_small(folder: &std::path::Path, size: u64) -> bool {
    let text = |text: &str| std::ffi::CString::new(text).unwrap();
    let (root, kind, folder) = (text("/"), text("tmpfs"), text(folder.to_str().unwrap()));
    let options = text(&format!("size={size}"));
    // SAFETY: takes a number.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        return false;
    }
    let (none, private) = (std::ptr::null(), libc::MS_REC | libc::MS_PRIVATE);
    // SAFETY: the strings live through the call.
    if unsafe { libc::mount(none, root.as_ptr(), none, private, std::ptr::null()) } != 0 {
        return false;
    }
    // SAFETY: as above.
    unsafe { libc::mount(kind.as_ptr(), folder.as_ptr(), kind.as_ptr(), 0, options.as_ptr().cast()) == 0 }
}

/// Says why a test did nothing.
#[allow(clippy::print_stderr, reason = "a skip says why")]
pub(crate) fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}
