//! Chat with rooms: the example of the README. Listens on 127.0.0.1:3000; any
//! Socket.IO client of protocol 5 can join the namespace `/chat` with
//! `auth: {name}`, `join` a room and `say` something there.

use std::error::Error;
use std::sync::Arc;

use axum::serve::ListenerExt;
use realtime::engine::Server;
use realtime::socketio::{self, Connection, Event, Incoming, Refusal, Rooms};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let rooms = Rooms::new();
    let config = Arc::new(socketio::Config::default());
    let server = Server::new(realtime::Config::default(), move |socket| {
        let rooms = rooms.clone();
        socketio::serve(socket, config.clone(), |connection| chat(connection, rooms))
    });
    let router = axum::Router::new().route_service("/socket.io/", server);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), router).await?;
    Ok(())
}

/// Runs once per connection. What its client does comes in order, one thing at
/// a time; returning closes the connection.
async fn chat(mut connection: Connection, rooms: Rooms) {
    let mut name = String::new();
    while let Some(incoming) = connection.next().await {
        match incoming {
            Incoming::Connect(connect) => match connect.auth().and_then(|auth| auth["name"].as_str()) {
                Some(given) if connect.namespace() == "/chat" => {
                    name = given.to_owned();
                    let _ = connect.accept().await;
                }
                _ => {
                    let refusal = Refusal::with_code("Join /chat, and say your name", "no_name");
                    let _ = connect.refuse(&refusal).await;
                }
            },
            Incoming::Event(event) => {
                let mut words = event.arguments.iter().map(|argument| argument.as_str().unwrap_or_default());
                let room = words.next().unwrap_or_default();
                match event.name.as_str() {
                    "join" => drop(rooms.join(&event.socket, room)),
                    "say" => {
                        let said = json!({ "room": room, "name": name, "text": words.next() });
                        if let Ok(said) = Event::new("/chat", "said", &said) {
                            // Encoded once, for all who are there.
                            let _ = rooms.emit(room, &said).await;
                        }
                    }
                    _ => {}
                }
                if let Some(ack) = event.ack {
                    let _ = ack.send(&rooms.members(room)).await;
                }
            }
            Incoming::Disconnect(_) => {}
            Incoming::Malformed(malformed) => {
                if let Some(socket) = connection.socket("/chat") {
                    let _ = socket.emit("error", &malformed.to_string()).await;
                }
                return;
            }
        }
    }
}
