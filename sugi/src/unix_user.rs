//! Who runs a command, for the audit.

use std::os::unix::fs::MetadataExt as _;

/// The name of this process' user, or the number if the machine has no name for it. It is not taken
/// from the environment, where anybody may write what they like.
pub(crate) fn name() -> String {
    let Ok(me) = std::fs::metadata("/proc/self") else {
        return "?".into();
    };
    name_of(me.uid())
}

/// The name of a user, or the number if the machine has no name for it.
pub(crate) fn name_of(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    of(uid, &users).unwrap_or_else(|| uid.to_string())
}

fn of(uid: u32, users: &str) -> Option<String> {
    let mut users = users.lines().map(|line| line.split(':'));
    users.find_map(|mut user| {
        let (name, number) = (user.next()?, user.nth(1)?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\n\nbroken\nkim:x:1000:100:Kim:/home/kim:/bin/sh\n";
        assert_eq!(of(0, users).as_deref(), Some("root"));
        assert_eq!(of(1000, users).as_deref(), Some("kim"));
        assert_eq!(of(100, users), None);
        assert!(!name().is_empty());
    }
}
