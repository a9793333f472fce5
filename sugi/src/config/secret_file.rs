//! Files that hold a secret.

use std::{
    os::unix::fs::PermissionsExt as _,
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
    let mode = std::fs::metadata(file)
        .map_err(failed)?
        .permissions()
        .mode();
    if mode & 0o007 != 0 {
        return Err(format!(
            "{name} holds a secret and everybody on this machine can get at it; run `chmod o-rwx {name}`"
        ));
    }
    Ok(Zeroizing::new(std::fs::read(file).map_err(failed)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_everybody_can_read_is_none() {
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
