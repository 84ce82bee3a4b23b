//! One connection: requests in, answers out, in order.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::net::UnixStream,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use prost::Message;

use super::{
    application::{self, AbciApplication},
    frame::{FrameError, FrameReader},
    messages::{Request, RequestValue, Response},
};

/// Answers are written out from here on, even if more requests wait.
const OUTPUT_HIGH_WATER_BYTES: usize = 64 * 1024;

/// Why a connection ended before its peer closed it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("cannot write to the connection")]
    Write(#[source] io::Error),
    #[error("a newer connection has taken over consensus")]
    Superseded,
}

/// A connected socket of either kind, in blocking mode.
#[derive(Debug)]
pub(crate) enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    pub(crate) fn shutdown(&self, how: Shutdown) {
        // A peer that has already gone is as good as shut down.
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(how),
            Self::Tcp(stream) => stream.shutdown(how),
        };
    }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Unix(stream) => (&mut &*stream).read(buffer),
            Socket::Tcp(stream) => (&mut &*stream).read(buffer),
        }
    }
}

impl Write for &Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Unix(stream) => (&mut &*stream).write(buffer),
            Socket::Tcp(stream) => (&mut &*stream).write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the connections of one server share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Set once the server stops; a connection then takes no further request.
    pub(crate) stopping: AtomicBool,
    /// The youngest connection that has sent a consensus request. Held during such requests, so
    /// that a connection of a dead CometBFT cannot commit under the feet of the next one.
    consensus_owner: Mutex<Option<u64>>,
}

/// Serves one connection.
pub(crate) struct Connection<'a, A> {
    pub(crate) id: u64,
    pub(crate) socket: &'a Socket,
    pub(crate) app: A,
    pub(crate) shared: &'a Shared,
    pub(crate) max_frame_bytes: usize,
}

impl<A: AbciApplication> Connection<'_, A> {
    /// Answers requests until the peer closes or the server stops.
    pub(crate) fn serve(self) -> Result<(), ConnectionError> {
        let mut reader = FrameReader::new(self.socket, self.max_frame_bytes);
        let mut output = Output { socket: self.socket, pending: Vec::new() };
        while !self.shared.stopping.load(Ordering::Acquire) {
            if !reader.has_buffered_frame() {
                output.flush()?;
            }
            let step = match reader.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => self.answer(Request::decode(frame), &mut output),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = step {
                // CometBFT logs an exception before it stops, and a bare close says nothing.
                output.push(&Response::exception(error.to_string()))?;
                output.flush()?;
                return Err(error);
            }
        }
        output.flush()
    }

    fn answer(
        &self,
        request: Result<Request, prost::DecodeError>,
        output: &mut Output<'_>,
    ) -> Result<(), ConnectionError> {
        let request = match request {
            Ok(Request { value: Some(request) }) => request,
            Ok(Request { value: None }) => {
                tracing::warn!(connection = self.id, "unknown ABCI request");
                return output.push(&Response::exception("unknown request".to_owned()));
            }
            Err(error) => {
                tracing::warn!(connection = self.id, %error, "malformed ABCI request");
                return output.push(&Response::exception(format!("malformed request: {error}")));
            }
        };
        let is_flush = matches!(request, RequestValue::Flush(_));
        let response = self.call(request)?;
        output.push(&response)?;
        if is_flush { output.flush() } else { Ok(()) }
    }

    fn call(&self, request: RequestValue) -> Result<Response, ConnectionError> {
        if !application::is_consensus(&request) {
            return Ok(application::dispatch(&self.app, request));
        }
        let mut owner = self.shared.consensus_owner.lock().expect("a panic ends the process");
        match *owner {
            Some(id) if id == self.id => {}
            Some(id) if id > self.id => return Err(ConnectionError::Superseded),
            _ => {
                *owner = Some(self.id);
                self.app.consensus_connection_opened();
            }
        }
        Ok(application::dispatch(&self.app, request))
    }
}

/// Answers that wait to be written.
struct Output<'a> {
    socket: &'a Socket,
    pending: Vec<u8>,
}

impl Output<'_> {
    fn push(&mut self, response: &Response) -> Result<(), ConnectionError> {
        response.encode_length_delimited(&mut self.pending).expect("a Vec has room");
        if self.pending.len() < OUTPUT_HIGH_WATER_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), ConnectionError> {
        let mut socket = self.socket;
        socket.write_all(&self.pending).map_err(ConnectionError::Write)?;
        self.pending.clear();
        // One large answer must not hold its memory for ever.
        self.pending.shrink_to(2 * OUTPUT_HIGH_WATER_BYTES);
        Ok(())
    }
}
