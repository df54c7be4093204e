use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::WriteTimeout;

/// What an upgraded HTTP connection runs on.
pub(crate) enum Stream {
    /// Bare, without hyper's buffers.
    Tcp(TcpStream),
    /// Anything else, such as TLS.
    Other(Box<TokioIo<Upgraded>>),
}

impl Stream {
    /// Takes the connection out of hyper, with what was read ahead.
    pub(crate) fn new(upgraded: Upgraded) -> (Self, BytesMut) {
        match bare(upgraded) {
            Ok((stream, read_ahead)) => {
                // Small messages leave at once. A socket that cannot do it still works.
                let _ = stream.set_nodelay(true);
                (Self::Tcp(stream), BytesMut::from(&read_ahead[..]))
            }
            Err(upgraded) => (Self::Other(Box::new(TokioIo::new(upgraded))), BytesMut::new()),
        }
    }

    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok(),
            Self::Other(_) => None,
        }
    }

    /// Makes the drop forget what the peer has not acknowledged: without it the
    /// system would keep the bytes for a peer that reads nothing.
    pub(crate) fn reset_on_drop(&self) {
        if let Self::Tcp(stream) = self {
            let _ = stream.set_zero_linger();
        }
    }

    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
        })?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Writes some of the bytes, in one call to the system.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
            Self::Other(stream) if stream.is_write_vectored() || bytes.len() == 1 => {
                Pin::new(stream).poll_write_vectored(cx, bytes)
            }
            // One record of TLS rather than one per message.
            Self::Other(stream) => {
                let mut joined = Vec::new();
                for slice in bytes {
                    joined.extend_from_slice(slice);
                    if joined.len() >= RECORD_BYTES {
                        break;
                    }
                }
                Pin::new(stream).poll_write(cx, &joined)
            }
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// The TCP connection under hyper's HTTP/1 server, watched or not, or under the
/// one that axum uses, which tells versions of HTTP apart.
fn bare(upgraded: Upgraded) -> Result<(TcpStream, Bytes), Upgraded> {
    let upgraded = match upgraded.downcast::<TokioIo<WriteTimeout>>() {
        Ok(parts) => return Ok((parts.io.into_inner().into_inner(), parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => return Ok((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    let parts = auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded)?;
    Ok((parts.io.into_inner(), parts.read_buf))
}

/// How much is joined for a stream that cannot gather.
const RECORD_BYTES: usize = 16 << 10;
