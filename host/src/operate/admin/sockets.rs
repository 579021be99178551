//! Where the sockets of running hosts are.

use std::fmt::Display;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::AdminError;
use crate::process::service_folders;

/// Where the service manager puts a host's socket, of a unit with `RuntimeDirectory=nova`.
const SERVICE: &str = "/run/nova";

/// What hosts of this user share while they run: the service manager's folder, or
/// `$XDG_RUNTIME_DIR/nova`, or a folder in the folder for temporary files.
#[must_use]
pub fn runtime_folder() -> PathBuf {
    if let Some(folder) = service_folders::runtime_folder() {
        return folder;
    }
    folder_in(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), &std::env::temp_dir())
}

fn folder_in(runtime: Option<PathBuf>, temporary: &Path) -> PathBuf {
    match runtime {
        Some(runtime) if runtime.is_absolute() => runtime.join("nova"),
        _ => temporary.join(format!("nova-{}", rustix::process::geteuid().as_raw())),
    }
}

/// The socket of a host that was told of none: one for each port, or whatever else tells hosts from
/// each other, so that they do not get in each other's way.
#[must_use]
pub fn default_socket(host: impl Display) -> PathBuf {
    runtime_folder().join(format!("host-{host}.sock"))
}

/// The socket of the host that runs here, for those who were not told which.
///
/// # Errors
///
/// When no host of this user runs, or more than one.
pub fn find() -> Result<PathBuf, AdminError> {
    match find_in(&runtime_folder()) {
        // A service's, for who may ask it.
        Err(error @ AdminError::NoHost { .. }) => find_in(Path::new(SERVICE)).map_err(|_| error),
        found => found,
    }
}

fn find_in(folder: &Path) -> Result<PathBuf, AdminError> {
    let mut sockets: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_socket()))
        .map(|entry| entry.path())
        // What a killed host has left has no listener.
        .filter(|path| UnixStream::connect(path).is_ok())
        .collect();
    sockets.sort();
    match sockets.len() {
        0 => Err(AdminError::NoHost { folder: folder.to_owned() }),
        1 => Ok(sockets.remove(0)),
        _ => Err(AdminError::ManyHosts { sockets }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_runtime_folder_is_the_users_own() {
        let uid = rustix::process::geteuid().as_raw();
        let temporary = Path::new("/tmp");
        assert_eq!(folder_in(Some("/run/user/7".into()), temporary), Path::new("/run/user/7/nova"));
        let own = PathBuf::from(format!("/tmp/nova-{uid}"));
        assert_eq!(folder_in(None, temporary), own);
        assert_eq!(folder_in(Some("".into()), temporary), own);
        assert_eq!(folder_in(Some("relative".into()), temporary), own);
    }

    #[test]
    fn the_one_host_that_answers_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let error = find_in(folder.path()).unwrap_err();
        assert!(matches!(error, AdminError::NoHost { .. }), "{error}");

        drop(UnixListener::bind(path("host-1.sock")).unwrap());
        std::fs::write(path("host-2.sock"), "no socket").unwrap();
        let _host = UnixListener::bind(path("host-3.sock")).unwrap();
        assert_eq!(find_in(folder.path()).unwrap(), path("host-3.sock"));

        let _other = UnixListener::bind(path("host-4.sock")).unwrap();
        let error = find_in(folder.path()).unwrap_err().to_string();
        assert!(error.contains("host-3.sock") && error.contains("host-4.sock"), "{error}");
        assert!(error.contains("--admin"), "{error}");
    }
}
