//! Takes connections and serves each on a task of its own.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use realtime::WriteTimeout;
use realtime::engine::{CloseReason, PeerAddress};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Network;
use crate::forwarded;
use crate::metrics::Metrics;

/// How long a client may keep its connection waiting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For the next request, head and all.
    pub(crate) head: Duration,
    /// For taking a byte of an answer, whatever answer it is.
    pub(crate) write: Duration,
}

/// Takes connections until `stop`, serves those that there are until `end`, and
/// returns when the answers in flight are sent. A connection whose client keeps
/// it waiting for too long is closed, so that nobody keeps one for nothing.
/// Every request has its [`PeerAddress`] in its extensions: where it came from,
/// as far as `trusted` proxies tell.
/// Dropped before its end, it ends every connection that is no WebSocket.
pub(crate) async fn serve(
    mut listener: impl Listener<Io = TcpStream, Addr = SocketAddr>,
    router: Router,
    patience: Patience,
    trusted: Arc<[Network]>,
    metrics: Metrics,
    stop: CancellationToken,
    end: CancellationToken,
) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience.head);
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let router = TowerToHyperService::new(router.clone());
        let trusted = trusted.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let client = forwarded::client(peer, request.headers(), &trusted);
            request.extensions_mut().insert(PeerAddress(client));
            router.call(request)
        });
        let stream = TokioIo::new(WriteTimeout::new(stream, patience.write));
        let connection = builder.serve_connection(stream, service).with_upgrades();
        let (end, metrics) = (end.clone(), metrics.clone());
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let served = tokio::select! {
                served = connection.as_mut() => served,
                () = end.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = served {
                tracing::debug!("connection: {error}");
                if took_nothing(&error) {
                    metrics.requests().cut_off(CloseReason::WriteTimeout);
                }
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Whether a connection ended because the client took nothing of an answer.
fn took_nothing(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Extension;
    use axum::body::Body;
    use axum::routing::get;
    use bytes::Bytes;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpSocket};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Patience = Patience { head: Duration::from_secs(20), write: Duration::from_secs(20) };

    /// Serves on a port of its own.
    async fn start(
        router: Router,
        patience: Patience,
        metrics: &Metrics,
    ) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (trusted, end) = (Arc::default(), stop.clone());
        let served = serve(listener, router, patience, trusted, metrics.clone(), stop.clone(), end);
        (address, stop, tokio::spawn(served))
    }

    #[tokio::test]
    async fn every_request_of_a_connection_knows_its_peer() {
        let tell = |Extension(peer): Extension<PeerAddress>| async move { format!("I am {}.", peer.0) };
        let (address, stop, served) =
            start(Router::new().route("/", get(tell)), PATIENCE, &Metrics::new()).await;

        let mut client = TcpStream::connect(address).await.unwrap();
        let expected = format!("I am {}.", client.local_addr().unwrap());
        let (kept, last) = ("GET / HTTP/1.1\r\nHost: test\r\n", "Connection: close\r\n");
        client.write_all(format!("{kept}\r\n{kept}{last}\r\n").as_bytes()).await.unwrap();
        let mut answers = String::new();
        client.read_to_string(&mut answers).await.unwrap();
        assert_eq!(answers.matches(&expected).count(), 2, "{answers}");
        stop.cancel();
        served.await.unwrap();
    }

    /// What of an endless body was asked for, and whether it was dropped.
    #[derive(Default)]
    struct Endless {
        bytes: AtomicUsize,
        dropped: CancellationToken,
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_cut_off_and_holds_little_till_then() {
        const PIECE: &[u8] = &[b'x'; 16 << 10];
        let endless = Arc::new(Endless::default());
        let seen = endless.clone();
        let answer = move || async move {
            let end = seen.dropped.clone().drop_guard();
            let pieces = stream::unfold((seen, end), |(seen, end)| async move {
                seen.bytes.fetch_add(PIECE.len(), Ordering::Relaxed);
                Some((Ok::<_, Infallible>(Bytes::from_static(PIECE)), (seen, end)))
            });
            Body::from_stream(pieces)
        };
        let patience = Patience { write: Duration::from_millis(200), ..PATIENCE };
        let router = Router::new().route("/endless", get(answer)).route("/", get(|| async { "here" }));
        let metrics = Metrics::new();
        let (address, stop, served) = start(router, patience, &metrics).await;

        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stalled = socket.connect(address).await.unwrap();
        stalled.write_all(b"GET /endless HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        // Others are served meanwhile.
        let mut other = TcpStream::connect(address).await.unwrap();
        let served_meanwhile = async {
            let mut answers = 0;
            while !endless.dropped.is_cancelled() {
                other.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
                let mut heard = Vec::new();
                while !heard.ends_with(b"here") {
                    assert!(other.read_buf(&mut heard).await.unwrap() > 0);
                }
                answers += 1;
            }
            answers
        };
        let answers = timeout(Duration::from_secs(60), served_meanwhile).await.expect("an end");
        assert!(answers > 0);
        // The system takes some megabytes for a connection of the same machine.
        let bytes = endless.bytes.load(Ordering::Relaxed);
        assert!(bytes < 32 << 20, "{bytes} bytes");
        let mut rest = Vec::new();
        let end = stalled.read_to_end(&mut rest).await;
        assert!(rest.len() < bytes && end.is_err(), "{end:?} after {} of {bytes} bytes", rest.len());
        drop(other);
        stop.cancel();
        served.await.unwrap();
        assert_eq!(metrics.requests().hits("write_timeout_s"), 1);
    }
}
