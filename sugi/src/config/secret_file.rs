//! Files that hold a secret.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// What stands before the name of a credential that systemd hands over.
const CREDENTIAL: &str = "credential:";

/// Where a path of the configuration leads: relative to the file, or, written `credential:name`, among
/// the credentials that systemd hands over (`LoadCredential=`, `LoadCredentialEncrypted=`).
pub(crate) fn place(
    home: &Path,
    path: &Path,
    credentials: Option<&Path>,
) -> Result<PathBuf, String> {
    let Some(name) = path.to_str().and_then(|path| path.strip_prefix(CREDENTIAL)) else {
        return Ok(home.join(path));
    };
    if name.is_empty() || name.contains('/') {
        return Err(format!("{CREDENTIAL}{name} is no name of a credential"));
    }
    let folder = credentials.ok_or_else(|| {
        format!("{CREDENTIAL}{name} is handed over by systemd only, and CREDENTIALS_DIRECTORY is not set")
    })?;
    Ok(folder.join(name))
}

/// Whether it is systemd that hands a file over.
pub(crate) fn is_credential(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|path| path.starts_with(CREDENTIAL))
}

/// Reads a secret, unless everybody can.
pub(crate) fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let name = file.display();
    let failed = |why: std::io::Error| format!("{name}: {why}");
    let about = std::fs::metadata(file).map_err(failed)?;
    if is_everybodys(file, &about) {
        return Err(format!(
            "{name} holds a secret and everybody on this machine can get at it; run `chmod o-rwx {name}`, or in a \
             container mount it read-only and owned by root"
        ));
    }
    Ok(Zeroizing::new(std::fs::read(file).map_err(failed)?))
}

/// Whether a file is everybody's to get at. Container platforms mount secrets as files of root's that everybody may
/// read, on a read-only mount of their own, where no mode can be changed: there the mount says who gets at them, and
/// not the mode.
pub(super) fn is_everybodys(file: &Path, about: &Metadata) -> bool {
    let of_others = about.mode() & 0o007;
    if of_others == 0 {
        return false;
    }
    let is_mounted =
        is_read_only(file) && std::fs::metadata("/").is_ok_and(|root| root.dev() != about.dev());
    !is_taken_as_mounted(about.mode(), about.uid(), is_mounted)
}

/// Whether the mount says enough: no one but its owner could write, and that is root or ourselves.
fn is_taken_as_mounted(mode: u32, owner: u32, is_mounted: bool) -> bool {
    let is_ours = owner == 0 || owner == rustix::process::geteuid().as_raw();
    is_mounted && is_ours && mode & 0o022 == 0
}

fn is_read_only(file: &Path) -> bool {
    use rustix::fs::StatVfsMountFlags;
    rustix::fs::statvfs(file).is_ok_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_container_mounts_is_taken_and_nothing_that_others_could_write() {
        let me = rustix::process::geteuid().as_raw();
        for (mode, owner, is_mounted, good) in [
            (0o100_444, 0, true, true),
            (0o100_644, 0, true, true),
            (0o100_444, me, true, true),
            (0o100_444, 0, false, false),
            (0o100_444, me + 1, true, false),
            (0o100_664, 0, true, false),
            (0o100_646, 0, true, false),
            (0o100_666, 0, true, false),
        ] {
            let taken = is_taken_as_mounted(mode, owner, is_mounted);
            assert_eq!(taken, good, "{mode:o} {owner} {is_mounted}");
        }
    }

    #[test]
    fn a_secret_that_everybody_can_read_is_none() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, "x").unwrap();
        for (mode, good) in [(0o600, true), (0o640, true), (0o644, false), (0o602, false)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = read(&file);
            assert_eq!(read.is_ok(), good, "{mode:o}");
            if let Err(why) = read {
                assert!(why.contains("chmod o-rwx"), "{why}");
            }
        }
    }

    #[test]
    fn credentials_of_systemd() {
        let (home, given) = (Path::new("/etc/sugi"), Path::new("/run/credentials/sugi"));
        let at = |path: &str, given| place(home, Path::new(path), given);
        assert_eq!(at("key.pem", None), Ok("/etc/sugi/key.pem".into()));
        let of_systemd = at("credential:kcp-key", Some(given));
        assert_eq!(of_systemd, Ok("/run/credentials/sugi/kcp-key".into()));
        assert!(at("credential:kcp-key", None).is_err());
        assert!(at("credential:../key", Some(given)).is_err());
    }
}
