use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt;
use publisher::Order;
use server::Settings;
use server::live::{Hub, RingLimits};
use tokio::net::TcpListener;

use crate::durable::Tasks;
use crate::memory::Memory;

/// Tasks that one request may ask for.
const MAX_TASKS: usize = 200;

/// Where events come from.
#[derive(Clone)]
pub(crate) enum Source {
    /// The hub's feed, without a store.
    Memory(Memory),
    /// The durable log.
    Durable(Tasks),
}

/// Serves until the process ends.
pub(crate) async fn serve(port: u16, source: Source) -> io::Result<()> {
    let settings = Settings::default();
    let hub = match &source {
        Source::Memory(memory) => {
            let hub = Hub::new(Arc::new(memory.clone()), RingLimits::default(), false);
            tokio::spawn(hub.pump(memory.watch()));
            hub
        }
        Source::Durable(tasks) => {
            let hub = Hub::new(Arc::new(tasks.engine().clone()), RingLimits::default(), false);
            tokio::spawn(hub.pump(tasks.engine().watch()));
            hub
        }
    };
    let router = Router::new()
        .route("/publish", post(publish))
        .route("/tasks", post(create))
        .with_state(source)
        .route_service("/socket.io/", server::socket_io(hub.clone(), &settings.limits))
        .merge(server::native_stream(hub, &settings.limits));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    // As the product does it.
    axum::serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), router).await
}

async fn publish(State(source): State<Source>, RawQuery(query): RawQuery) -> (StatusCode, String) {
    let order = match Order::parse(query.as_deref().unwrap_or_default()) {
        Ok(order) => order,
        Err(refusal) => return (StatusCode::BAD_REQUEST, refusal),
    };
    match source {
        Source::Memory(memory) => {
            tokio::spawn(async move { memory.publish(order).await });
        }
        Source::Durable(tasks) => {
            if tasks.publish(order, usize::MAX).is_none() {
                return (StatusCode::NOT_FOUND, "no such task; POST /tasks?count=N makes some".to_owned());
            }
        }
    }
    (StatusCode::OK, String::new())
}

/// Makes tasks: their ids, one a line.
async fn create(State(source): State<Source>, RawQuery(query): RawQuery) -> (StatusCode, String) {
    let Source::Durable(tasks) = source else {
        return (StatusCode::NOT_FOUND, "any id is a task here".to_owned());
    };
    let count = query.as_deref().unwrap_or_default().strip_prefix("count=").map(str::parse);
    match count {
        Some(Ok(count @ 1..=MAX_TASKS)) => match tasks.create(count).await {
            Ok(ids) => (StatusCode::OK, ids.join("\n")),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        },
        _ => (StatusCode::BAD_REQUEST, format!("count: an integer from 1 to {MAX_TASKS} is allowed")),
    }
}
