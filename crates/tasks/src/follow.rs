use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::error::Error;
use crate::event::Event;
use crate::worker::Workers;

const PAGE: usize = 500;

/// Reads the events of one task, each once and in order, from the log and then
/// live. It remembers one page and one place, however slow its reader is.
pub struct Follower {
    workers: Arc<Workers>,
    task_id: String,
    /// Seq of the event delivered last.
    cursor: u64,
    page: VecDeque<Event>,
    live: broadcast::Receiver<Arc<Event>>,
    /// Whether the log may hold events after the cursor that were not hinted.
    behind: bool,
    ended: bool,
}

impl Follower {
    pub(crate) fn new(workers: Arc<Workers>, task_id: &str, after: u64) -> Follower {
        // Watches first, reads the log after: what is appended in between is
        // seen twice, and the cursor drops it, instead of not at all.
        let live = workers.log.watch();
        Follower {
            workers,
            task_id: task_id.to_owned(),
            cursor: after,
            page: VecDeque::new(),
            live,
            behind: true,
            ended: false,
        }
    }

    /// The next event; `None` after the task's last one, or when the engine
    /// was stopped.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Ok(Some(self.deliver(event)));
            }
            if self.ended {
                return Ok(None);
            }
            if self.behind {
                self.read_log().await?;
            } else if let Some(event) = self.live_event().await {
                return Ok(Some(self.deliver(event)));
            }
        }
    }

    fn deliver(&mut self, event: Event) -> Event {
        self.cursor = event.seq;
        self.ended = event.is_terminal();
        event
    }

    async fn read_log(&mut self) -> Result<(), Error> {
        let store = &self.workers.log.store;
        self.page = store.events(&self.task_id, self.cursor, PAGE).await?.into();
        if self.page.is_empty() {
            let task = store.task(&self.task_id).await?;
            // What was appended between the two reads is in the log now.
            self.behind = task.as_ref().is_some_and(|task| task.head_seq > self.cursor);
            self.ended = !self.behind && task.is_none_or(|task| task.status.is_terminal());
        }
        Ok(())
    }

    /// Waits for a hint. `None` when there is nothing to deliver yet.
    async fn live_event(&mut self) -> Option<Event> {
        let recheck = self.workers.log.store.dialect().recheck();
        let timer = async {
            match recheck {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            hint = self.live.recv() => match hint {
                Ok(event) if event.task_id != self.task_id || event.seq <= self.cursor => None,
                Ok(event) if event.seq == self.cursor + 1 => Some(Event::clone(&event)),
                Ok(_) | Err(RecvError::Lagged(_)) => {
                    self.behind = true;
                    None
                }
                Err(RecvError::Closed) => {
                    self.ended = true;
                    None
                }
            },
            () = timer => {
                self.behind = true;
                None
            }
            () = self.workers.stopped().cancelled() => {
                self.ended = true;
                None
            }
        }
    }
}
