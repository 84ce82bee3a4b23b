//! Listens, and gives each connection its thread.

use std::{
    collections::BTreeMap,
    fs, io,
    net::Shutdown,
    os::unix::fs::FileTypeExt,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use tokio::{
    net::{TcpListener, UnixListener, UnixStream},
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::{
    address::AbciAddress,
    application::AbciApplication,
    connection::{Connection, Shared, Socket},
};

/// CometBFT opens four; the rest is room for one that restarts and for tools.
const MAX_CONNECTIONS: usize = 16;

/// How long a peer may take to read its last answers when the server stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// Pause after a failed accept, so that a lack of file descriptors does not spin.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Failures in a row after which the listener is taken for dead.
const MAX_ACCEPT_FAILURES: u32 = 100;

/// Limits of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbciServerConfig {
    /// Largest request taken, in bytes.
    pub max_frame_bytes: usize,
}

impl Default for AbciServerConfig {
    fn default() -> Self {
        Self { max_frame_bytes: 128 * 1024 * 1024 }
    }
}

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum AbciServerError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address asked for.
        address: AbciAddress,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process serves the socket.
    #[error("another process already serves {0}; stop it or choose another address")]
    InUse(AbciAddress),
    /// The path of the socket belongs to something else.
    #[error("{} exists and is no socket; move it away or choose another address", .0.display())]
    NotASocket(PathBuf),
    /// The listener is dead.
    #[error("cannot accept connections on {address}")]
    Accept {
        /// The address served.
        address: AbciAddress,
        /// What the system said last.
        #[source]
        source: io::Error,
    },
}

/// A bound ABCI server.
#[derive(Debug)]
pub struct AbciServer {
    listener: Listener,
    address: AbciAddress,
    config: AbciServerConfig,
}

impl AbciServer {
    /// Binds the address. A Unix socket's file is replaced if no process serves it.
    ///
    /// # Errors
    /// [`AbciServerError`], except its `Accept`.
    pub async fn bind(
        address: AbciAddress,
        config: AbciServerConfig,
    ) -> Result<Self, AbciServerError> {
        let failed = |source| AbciServerError::Bind { address: address.clone(), source };
        let (listener, address) = match &address {
            AbciAddress::Unix(path) => {
                remove_stale_socket(path, &address).await?;
                let listener = UnixListener::bind(path).map_err(failed)?;
                (Listener::Unix(listener, SocketFile(path.clone())), address)
            }
            AbciAddress::Tcp { host, port } => {
                let listener = TcpListener::bind((host.as_str(), *port)).await.map_err(failed)?;
                let port = listener.local_addr().map_err(failed)?.port();
                (Listener::Tcp(listener), AbciAddress::Tcp { host: host.clone(), port })
            }
        };
        Ok(Self { listener, address, config })
    }

    /// The address served, with the port that the system chose for port 0.
    pub fn local_address(&self) -> &AbciAddress {
        &self.address
    }

    /// Serves the application until `shutdown` resolves, then lets running requests finish.
    ///
    /// A panic in the application ends the process: after a broken invariant nothing may be
    /// answered or applied.
    ///
    /// # Errors
    /// [`AbciServerError::Accept`] if no connection can be accepted for ten seconds.
    pub async fn serve<A: AbciApplication>(
        self,
        app: A,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), AbciServerError> {
        let mut connections = Connections::new(self.config.max_frame_bytes);
        let mut shutdown = pin!(shutdown);
        let mut failures = 0;
        let result = loop {
            tokio::select! {
                () = &mut shutdown => break Ok(()),
                Some(id) = connections.closed.recv() => connections.forget(id),
                accepted = self.listener.accept() => match accepted {
                    Ok(socket) => {
                        failures = 0;
                        connections.open(socket, app.clone());
                    }
                    Err(source) if failures >= MAX_ACCEPT_FAILURES => {
                        break Err(AbciServerError::Accept { address: self.address, source });
                    }
                    Err(error) => {
                        failures += 1;
                        tracing::warn!(%error, "cannot accept an ABCI connection");
                        sleep(ACCEPT_RETRY_PAUSE).await;
                    }
                },
            }
        };
        drop(self.listener);
        connections.finish().await;
        result
    }
}

/// A listening socket of either kind.
#[derive(Debug)]
enum Listener {
    Unix(UnixListener, #[expect(dead_code, reason = "removes the file when dropped")] SocketFile),
    Tcp(TcpListener),
}

impl Listener {
    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Unix(listener, _) => {
                let stream = listener.accept().await?.0.into_std()?;
                stream.set_nonblocking(false)?;
                Ok(Socket::Unix(stream))
            }
            Self::Tcp(listener) => {
                let stream = listener.accept().await?.0.into_std()?;
                stream.set_nonblocking(false)?;
                // Without it each small answer waits for the peer's delayed acknowledgement.
                stream.set_nodelay(true)?;
                Ok(Socket::Tcp(stream))
            }
        }
    }
}

/// The file of a Unix socket that we bound.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "cannot remove the ABCI socket");
        }
    }
}

async fn remove_stale_socket(path: &Path, address: &AbciAddress) -> Result<(), AbciServerError> {
    let failed = |source| AbciServerError::Bind { address: address.clone(), source };
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        Ok(_) => return Err(AbciServerError::NotASocket(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Any other answer, a full backlog too, comes from a process that listens.
        _ => Err(AbciServerError::InUse(address.clone())),
    }
}

/// The open connections, each on a thread of its own.
///
/// A thread that reads, calls the application and writes has no hand-over to another thread
/// between a request and its answer: with a task per connection each call would cost two. Four
/// threads, mostly asleep, cost nothing, and a slow peer or a long call holds up only its own.
struct Connections {
    sockets: BTreeMap<u64, Arc<Socket>>,
    shared: Arc<Shared>,
    next_id: u64,
    max_frame_bytes: usize,
    closing: mpsc::UnboundedSender<u64>,
    closed: mpsc::UnboundedReceiver<u64>,
}

impl Connections {
    fn new(max_frame_bytes: usize) -> Self {
        let (closing, closed) = mpsc::unbounded_channel();
        Self {
            sockets: BTreeMap::new(),
            shared: Arc::default(),
            next_id: 0,
            max_frame_bytes,
            closing,
            closed,
        }
    }

    fn open<A: AbciApplication>(&mut self, socket: Socket, app: A) {
        if self.sockets.len() >= MAX_CONNECTIONS {
            tracing::warn!(limit = MAX_CONNECTIONS, "too many ABCI connections, one is refused");
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        let socket = Arc::new(socket);
        let kept = Arc::clone(&socket);
        let (shared, closing) = (Arc::clone(&self.shared), self.closing.clone());
        let max_frame_bytes = self.max_frame_bytes;
        let spawned = thread::Builder::new().name(format!("abci-{id}")).spawn(move || {
            let socket = &*socket;
            run(Connection { id, socket, app, shared: &shared, max_frame_bytes });
            socket.shutdown(Shutdown::Both);
            // The server may be gone, and then nobody counts.
            let _ = closing.send(id);
        });
        match spawned {
            Ok(_) => {
                tracing::debug!(connection = id, "ABCI connection opened");
                self.sockets.insert(id, kept);
            }
            Err(error) => tracing::error!(%error, "cannot start a thread for ABCI"),
        }
    }

    fn forget(&mut self, id: u64) {
        self.sockets.remove(&id);
    }

    fn shutdown(&self, how: Shutdown) {
        self.shared.stopping.store(true, Ordering::Release);
        for socket in self.sockets.values() {
            socket.shutdown(how);
        }
    }

    /// Waits for the running requests, however long, and a little for their answers to be read.
    async fn finish(mut self) {
        self.shutdown(Shutdown::Read);
        let deadline = Instant::now() + SHUTDOWN_GRACE;
        let mut patient = true;
        while !self.sockets.is_empty() {
            tokio::select! {
                Some(id) = self.closed.recv() => self.forget(id),
                () = sleep_until(deadline), if patient => {
                    patient = false;
                    self.shutdown(Shutdown::Both);
                }
            }
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        // A server that is dropped unfinished must not leave threads that read for ever.
        self.shutdown(Shutdown::Both);
    }
}

/// Serves a connection to its end, which is the end of the process if anything panics.
fn run<A: AbciApplication>(connection: Connection<'_, A>) {
    let id = connection.id;
    match panic::catch_unwind(AssertUnwindSafe(|| connection.serve())) {
        Ok(Ok(())) => tracing::debug!(connection = id, "ABCI connection closed"),
        Ok(Err(error)) => {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(connection = id, %error, source, "ABCI connection failed");
        }
        Err(payload) => {
            let reason = payload
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| payload.downcast_ref::<&str>().copied())
                .unwrap_or("unknown reason");
            tracing::error!(connection = id, reason, "the application panicked; stopping the node");
            std::process::abort();
        }
    }
}
