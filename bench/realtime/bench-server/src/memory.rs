use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use publisher::{Order, Schedule};
use serde_json::Value;
use server::live::{Head, TaskLog};
use tasks::{EVENT_VERSION, Error, Event, EventKind, EventPage, Extent, Task};
use tokio::sync::broadcast;

/// As many live events as the product's log keeps for a watcher.
const LIVE_EVENTS: usize = 4096;
/// Events of a task that are kept; older ones are forgotten.
const KEPT: usize = 1 << 20;

/// Every task there could be; events are kept in memory.
#[derive(Clone)]
pub(crate) struct Memory {
    logs: Arc<Mutex<HashMap<String, Log>>>,
    live: broadcast::Sender<Arc<Event>>,
}

#[derive(Default)]
struct Log {
    forgotten: usize,
    events: Vec<Arc<Event>>,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory { logs: Arc::default(), live: broadcast::channel(LIVE_EVENTS).0 }
    }
}

impl Memory {
    /// Live events of all tasks.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<Event>> {
        self.live.subscribe()
    }

    /// Carries out an order.
    pub(crate) async fn publish(&self, order: Order) {
        let mut schedule = Schedule::new(&order);
        while let Some(due) = schedule.due().await {
            let batch = due.map(|i| publisher::data(order.seq0 + i, schedule.due_us(i)));
            for event in self.append(&order.task, batch) {
                // Nobody watching is not an error: the log has it.
                let _ = self.live.send(event);
            }
        }
    }

    fn append(&self, task_id: &str, batch: impl Iterator<Item = Value>) -> Vec<Arc<Event>> {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let timestamp = tasks::format_timestamp(i64::try_from(now_ms).unwrap_or(i64::MAX));
        let mut logs = self.logs();
        let log = logs.entry(task_id.to_owned()).or_default();
        let appended: Vec<Arc<Event>> = (log.head() + 1..)
            .zip(batch)
            .map(|(seq, data)| {
                Arc::new(Event {
                    task_id: task_id.to_owned(),
                    event_type: EventKind::Progress,
                    data,
                    timestamp: timestamp.clone(),
                    seq,
                    v: EVENT_VERSION,
                    detail: None,
                })
            })
            .collect();
        log.events.extend(appended.iter().cloned());
        if log.events.len() > 2 * KEPT {
            log.forgotten += log.events.len() - KEPT;
            log.events.drain(..log.events.len() - KEPT);
        }
        appended
    }

    fn read(&self, task_id: &str, after: u64, limit: usize) -> EventPage {
        let logs = self.logs();
        let Some(log) = logs.get(task_id) else {
            return EventPage { events: Vec::new(), extent: Extent { first_seq: 1, head_seq: 0 } };
        };
        let skipped = usize::try_from(after).unwrap_or(usize::MAX).saturating_sub(log.forgotten);
        let events = log.events.iter().skip(skipped).take(limit).map(|event| Event::clone(event)).collect();
        EventPage { events, extent: Extent { first_seq: log.forgotten as u64 + 1, head_seq: log.head() } }
    }

    fn logs(&self) -> MutexGuard<'_, HashMap<String, Log>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn head(&self) -> u64 {
        (self.forgotten + self.events.len()) as u64
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

impl TaskLog for Memory {
    fn log_id(&self) -> &str {
        "memory"
    }

    fn task<'a>(&'a self, task_id: &'a str) -> Answer<'a, Task> {
        let mut task = Task::before_first_event(task_id, Value::Null);
        task.head_seq = self.logs().get(task_id).map_or(0, Log::head);
        Box::pin(std::future::ready(Ok(task)))
    }

    fn page<'a>(
        &'a self,
        task_id: &'a str,
        after: u64,
        limit: usize,
        _details: bool,
    ) -> Answer<'a, EventPage> {
        Box::pin(std::future::ready(Ok(self.read(task_id, after, limit))))
    }

    fn heads<'a>(&'a self, task_ids: &'a [Arc<str>]) -> Answer<'a, Vec<Head>> {
        let logs = self.logs();
        let head = |id: &Arc<str>| Some(Head { task_id: id.to_string(), seq: logs.get(&**id)?.head() });
        let heads = task_ids.iter().filter_map(head).collect();
        Box::pin(std::future::ready(Ok(heads)))
    }

    fn open_heads<'a>(&'a self, _newer_than: Option<&'a str>) -> Answer<'a, Vec<Head>> {
        // Nobody here changes a task's status.
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_continue_where_the_last_one_ended() {
        let memory = Memory::default();
        memory.append("a", (0..5).map(Value::from));
        memory.append("b", (0..1).map(Value::from));
        memory.append("a", (5..7).map(Value::from));
        let page = memory.read("a", 3, 2);
        assert_eq!(page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [4, 5]);
        let page = memory.read("a", 5, 64);
        assert_eq!(page.events.iter().map(|event| event.data.clone()).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(page.extent, Extent { first_seq: 1, head_seq: 7 });
        assert_eq!(memory.read("c", 0, 64).extent.head_seq, 0);
    }

    #[tokio::test]
    async fn an_order_is_heard_live_and_read_again() {
        let memory = Memory::default();
        let mut live = memory.watch();
        memory.publish(Order { task: "a".to_owned(), count: 70, rate: 0.0, seq0: 5 }).await;
        for seq in 1..=70 {
            let event = live.try_recv().expect("heard");
            assert_eq!((event.seq, event.data["pub_seq"].as_u64()), (seq, Some(seq + 4)));
        }
        assert_eq!(memory.task("a").await.expect("a task").head_seq, 70);
    }
}
