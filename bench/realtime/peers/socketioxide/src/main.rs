//! socketioxide with its default settings on axum: rooms, default parser, default buffers.

use std::net::Ipv4Addr;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt;
use clap::Parser;
use publisher::{Order, Schedule};
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{Data, SocketRef};

/// Serves the namespace /tasks with socketioxide.
#[derive(Parser)]
struct Arguments {
    /// Port on 127.0.0.1.
    #[arg(long)]
    port: u16,
}

// One thread: all servers are compared on one core.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let (layer, io) = SocketIo::new_layer();
    io.ns("/tasks", |socket: SocketRef| async move {
        socket.on("subscribe", |socket: SocketRef, Data::<Value>(request)| async move {
            if let Some(task) = request["task_id"].as_str() {
                socket.join(task.to_owned());
                // A client that is gone needs no answer.
                let _ = socket.emit("subscribed", &json!({ "task_id": task }));
            }
        });
        let _ = socket.emit("connected", &json!({ "message": "Connected to task updates" }));
    });
    let app = Router::new().route("/publish", post(publish)).layer(layer).with_state(io);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await?;
    // Without it every second small write waits for the client's delayed acknowledgement.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await?;
    Ok(())
}

async fn publish(State(io): State<SocketIo>, RawQuery(query): RawQuery) -> (StatusCode, String) {
    let order = match Order::parse(query.as_deref().unwrap_or_default()) {
        Ok(order) => order,
        Err(refusal) => return (StatusCode::BAD_REQUEST, refusal),
    };
    tokio::spawn(async move {
        let mut schedule = Schedule::new(&order);
        while let Some(due) = schedule.due().await {
            for i in due {
                let update = publisher::update(&order.task, order.seq0 + i, schedule.due_us(i));
                let Some(namespace) = io.of("/tasks") else { return };
                // Full client buffers lose the packet; the load generator counts what arrives.
                let _ = namespace.to(order.task.clone()).emit("task_update", &update).await;
            }
        }
    });
    (StatusCode::OK, String::new())
}
