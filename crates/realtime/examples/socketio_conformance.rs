//! The server that the official Socket.IO v5 test suite expects: the namespaces
//! `/` and `/custom` tell a client its `auth`, send `message` back as
//! `message-back` and acknowledge `message-with-ack` with its own arguments.
//!
//! Listens on the port in the environment variable `PORT` (3000; 0 is any that
//! is free) and says so. Compresses when `DEFLATE` is set. `PING_INTERVAL`,
//! `PING_TIMEOUT` and `CONNECT_TIMEOUT` are in milliseconds; the suite needs the
//! defaults here. For tests with real clients, `ask` has the server ask the
//! client in turn, and `count` sends events numbered up to a number.

use std::error::Error;
use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use realtime::config::DeflateConfig;
use realtime::engine::Server;
use realtime::socketio::{self, Connect, Connection, Event, Incoming, IncomingEvent};
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let engine_config = realtime::Config {
        ping_interval: Duration::from_millis(number("PING_INTERVAL", 300)?),
        ping_timeout: Duration::from_millis(number("PING_TIMEOUT", 200)?),
        deflate: std::env::var_os("DEFLATE").map(|_| DeflateConfig { threshold_bytes: 0 }),
        ..realtime::Config::default()
    };
    let config = Arc::new(socketio::Config {
        connect_timeout: Duration::from_millis(number("CONNECT_TIMEOUT", 1000)?),
        ..socketio::Config::default()
    });
    let server = Server::new(engine_config, move |socket| socketio::serve(socket, config.clone(), echo));
    let router = Router::new().route_service("/socket.io/", server);
    let port = u16::try_from(number("PORT", 3000)?)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    axum::serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), router).await?;
    Ok(())
}

fn number(variable: &str, default: u64) -> Result<u64, Box<dyn Error>> {
    match std::env::var(variable) {
        Ok(text) => text.parse().map_err(|_| format!("{variable} is a number; found {text:?}").into()),
        Err(_) => Ok(default),
    }
}

async fn echo(mut connection: Connection) {
    while let Some(incoming) = connection.next().await {
        let answered = match incoming {
            Incoming::Connect(connect) => welcome(connect).await,
            Incoming::Event(event) => answer(event).await,
            Incoming::Disconnect(_) => Ok(()),
            // As the reference implementation does it.
            Incoming::Malformed(_) => return,
        };
        if answered.is_err() {
            return;
        }
    }
}

async fn welcome(mut connect: Connect) -> Result<(), Box<dyn Error + Send + Sync>> {
    // Anything else is refused when it is dropped.
    if matches!(connect.namespace(), "/" | "/custom") {
        let auth = connect.take_auth().unwrap_or_else(|| json!({}));
        connect.accept().await?.emit("auth", &auth).await?;
    }
    Ok(())
}

async fn answer(event: IncomingEvent) -> Result<(), Box<dyn Error + Send + Sync>> {
    let IncomingEvent { socket, name, arguments, attachments, ack } = event;
    match (name.as_str(), ack) {
        ("message", _) => {
            let mut back = Event::named(socket.namespace(), "message-back");
            for argument in &arguments {
                back = back.argument(argument)?;
            }
            for attachment in attachments {
                back = back.attachment(attachment);
            }
            socket.send(&back.build()).await?;
        }
        ("message-with-ack", Some(ack)) => ack.send_all(arguments, attachments).await?,
        ("ask", _) => {
            let question = arguments.first().unwrap_or(&Value::Null);
            let answer = socket.emit_with_ack("question", question, Duration::from_secs(60)).await?;
            socket.emit("answered", &answer.arguments).await?;
        }
        ("count", _) => {
            for number in 1..=arguments.first().and_then(Value::as_u64).unwrap_or(0) {
                socket.emit("number", &number).await?;
            }
        }
        _ => {}
    }
    Ok(())
}
