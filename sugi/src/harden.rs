//! What a process that may hold a card does first: nothing of its memory is written to a disk.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

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
