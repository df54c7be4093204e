//! The physical reference: what one core can broadcast over WebSocket when a
//! protocol costs nothing. It answers the handshakes with canned packets and
//! writes each event's frame once, into a log that all sockets of a room copy
//! from in as few writes as the kernel allows. No heartbeat, no parser, no
//! limits: not a server for anybody.

/// One socket from its request head to its end.
mod connection;
/// The frames of one task's room, and who still has to read them.
mod room;

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::rc::Rc;

use clap::Parser;
use publisher::{Order, Schedule};
use room::Room;
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

/// Broadcasts WebSocket frames.
#[derive(Parser)]
struct Arguments {
    /// Port on 127.0.0.1.
    #[arg(long)]
    port: u16,
}

/// All rooms by task.
type Rooms = Rc<RefCell<HashMap<String, Rc<Room>>>>;

fn room(rooms: &Rooms, task: &str) -> Rc<Room> {
    rooms.borrow_mut().entry(task.to_owned()).or_default().clone()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await?;
    LocalSet::new()
        .run_until(async move {
            let rooms = Rooms::default();
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                // A client that went away ends its own socket only.
                spawn_local(connection::serve(stream, rooms.clone()));
            }
        })
        .await
}

async fn publish(rooms: Rooms, order: Order) {
    let room = room(&rooms, &order.task);
    let mut schedule = Schedule::new(&order);
    while let Some(due) = schedule.due().await {
        room.has_space().await;
        for i in due {
            let update = publisher::update(&order.task, order.seq0 + i, schedule.due_us(i));
            room.append(format!("42/tasks,[\"task_update\",{update}]").as_bytes());
        }
        room.announce();
    }
}
