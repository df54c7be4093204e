//! The server that the official Engine.IO v4 test suite expects: it sends back
//! every message. Listens on the port in the environment variable `PORT`, or
//! on 3000; compresses when `DEFLATE` is set.

use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use realtime::Config;
use realtime::config::DeflateConfig;
use realtime::engine::{Server, Socket};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let config = Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        deflate: std::env::var_os("DEFLATE").map(|_| DeflateConfig { threshold_bytes: 0 }),
        ..Config::default()
    };
    let server = Server::new(config, echo);
    let router = Router::new().route_service("/engine.io/", server);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), router).await?;
    Ok(())
}

async fn echo(mut socket: Socket) {
    let sender = socket.sender();
    while let Some(message) = socket.recv().await {
        if sender.send(message).await.is_err() {
            break;
        }
    }
}
