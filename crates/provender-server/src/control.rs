//! The control socket: how the operator's own commands reach a running server.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::{UnixListener, UnixStream};

/// A listening Unix socket that only its owner can connect to. Its file goes when it is dropped.
pub(crate) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode, so that a successor's socket of the same name is left alone.
    identity: Option<(u64, u64)>,
}

impl ControlSocket {
    /// Makes the socket, with mode 0600 from its first moment. What a server that died left there
    /// is replaced; a socket that somebody answers is not, and nothing but a socket ever is.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        // On Linux the file takes the socket's mode, so that there is no moment at which others
        // can connect. Where that is not so, the mode set below and the check of each peer hold.
        let _ = rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR);
        rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        rustix::net::listen(&socket, BACKLOG)?;
        let listener = UnixListener::from_std(socket.into())?;
        let identity = fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()));
        Ok(Self { listener, path: path.to_owned(), identity })
    }

    /// The next connection of somebody who may be the operator: this process's user, or root.
    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let peer = stream.peer_cred()?.uid();
            if peer == 0 || peer == rustix::process::geteuid().as_raw() {
                return Ok(stream);
            }
            tracing::warn!(
                uid = peer,
                "refused a connection to the control socket by another user"
            );
        }
    }
}

const BACKLOG: i32 = 32;

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path).ok();
        if found.map(|found| (found.dev(), found.ino())) == self.identity {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else is there"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another server answers there")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::os::unix::fs::PermissionsExt as _;

    use tokio::net::UnixStream;

    use super::ControlSocket;

    #[tokio::test]
    async fn only_its_owner_can_open_it_and_it_goes_with_its_server() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let socket = ControlSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (accepted, connected) = tokio::join!(socket.accept(), UnixStream::connect(&path));
        assert!(accepted.is_ok() && connected.is_ok());
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_there_is_replaced_only_if_it_is_a_dead_socket() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let kind = |path| ControlSocket::bind(path).err().map(|error| error.kind());

        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = ControlSocket::bind(&path).unwrap();
        assert_eq!(kind(&path), Some(ErrorKind::AddrInUse));

        // A successor that took the name keeps it.
        fs::remove_file(&path).unwrap();
        let successor = ControlSocket::bind(&path).unwrap();
        drop(socket);
        assert!(UnixStream::connect(&path).await.is_ok());
        drop(successor);

        fs::write(&path, "precious").unwrap();
        assert_eq!(kind(&path), Some(ErrorKind::AlreadyExists));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        let long = directory.path().join("x".repeat(120));
        assert_eq!(kind(&long), Some(ErrorKind::InvalidFilename));
    }
}
