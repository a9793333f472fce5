//! What a process that may hold a card does first: nothing of its memory is written to a disk.

use crate::cli::Failure;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

/// Keeps what a panic was about out of the log: a message may quote whatever was being worked on. Where it
/// was is enough to find it.
pub(crate) fn quote_nothing_in_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        crate::print::talk(&told(thread.name(), place.as_deref()));
    }));
}

fn told(thread: Option<&str>, place: Option<&str>) -> String {
    let (thread, place) = (thread.unwrap_or("?"), place.unwrap_or("?"));
    format!(
        "internal error in thread {thread} at {place}; its message is not shown, because it may hold what \
         was being worked on"
    )
}

/// Forbids core dumps, and other processes to look into this one; keeps memory out of the swap where
/// the system allows that. What cannot be done is told, and is no reason not to serve.
pub(crate) fn harden() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(why) = setrlimit(Resource::Core, none) {
        tracing::warn!(%why, "core dumps cannot be forbidden");
    }
    if let Err(why) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%why, "other processes cannot be kept from looking in");
    }
    // With a limit, locking all that is to come would make some later allocation fail instead.
    if getrlimit(Resource::Memlock).current.is_some() {
        tracing::debug!(
            "memory can be swapped: give the service LimitMEMLOCK=infinity, or encrypt the swap"
        );
        return;
    }
    // Only what is used: what is merely set aside needs no memory, locked or not.
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    if let Err(why) = mlockall(flags) {
        tracing::debug!(%why, "memory can be swapped");
    }
}

/// Fewer open files than this are not enough to serve.
const DESCRIPTORS_MIN: u64 = 256;
/// More are not needed.
const DESCRIPTORS_MOST: u64 = 65_536;

/// Raises the limit of open files as far as the system lets this process, and says how many they are.
pub(crate) fn descriptors() -> Result<u64, Failure> {
    let limit = getrlimit(Resource::Nofile);
    let most = limit
        .maximum
        .unwrap_or(DESCRIPTORS_MOST)
        .min(DESCRIPTORS_MOST);
    let now = limit.current.unwrap_or(DESCRIPTORS_MOST);
    let raised = Rlimit {
        current: Some(most),
        ..limit
    };
    let descriptors = if now < most && setrlimit(Resource::Nofile, raised).is_ok() {
        most
    } else {
        now
    };
    if descriptors < DESCRIPTORS_MIN {
        let what = format!(
            "this process may have {descriptors} open files, and to serve it needs {DESCRIPTORS_MIN}"
        );
        let hint =
            "raise the limit: LimitNOFILE= of systemd, --ulimit nofile= of Docker, or `ulimit -n`";
        return Err(Failure::new(what).hint(hint).code(2));
    }
    Ok(descriptors)
}
