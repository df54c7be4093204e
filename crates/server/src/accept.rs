//! Takes connections and serves each on a task of its own.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use realtime::engine::PeerAddress;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Serves until `stop`, then takes no more and returns when the answers in
/// flight are sent. A connection whose next request does not arrive, head and
/// all, within `head_timeout` is closed, so that nobody keeps one for nothing.
/// Every request has its [`PeerAddress`] in its extensions.
/// Dropped before its end, it ends every connection that is no WebSocket.
pub(crate) async fn serve(
    mut listener: impl Listener<Addr = SocketAddr>,
    router: Router,
    head_timeout: Duration,
    stop: CancellationToken,
) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_timeout);
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request| {
            request.extensions_mut().insert(PeerAddress(peer));
            router.call(request)
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let stop = stop.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let served = tokio::select! {
                served = connection.as_mut() => served,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = served {
                tracing::debug!("connection: {error}");
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use axum::Extension;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn every_request_of_a_connection_knows_its_peer() {
        let tell = |Extension(peer): Extension<PeerAddress>| async move { format!("I am {}.", peer.0) };
        let router = Router::new().route("/", get(tell));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve(listener, router, Duration::from_secs(20), stop.clone()));

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
}
