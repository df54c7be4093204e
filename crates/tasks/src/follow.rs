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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::NewEvent;
    use crate::log::Log;
    use crate::settings::{EngineSettings, Surroundings};
    use crate::store::{Claim, Store};

    #[tokio::test]
    async fn a_follower_that_was_live_and_lagged_goes_on_from_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let settings = EngineSettings::sqlite(&directory.path().join("tasks.db"));
        let store = Store::open(&settings.store_url).await.unwrap();
        let log = Arc::new(Log::new(store, Surroundings::default()));
        let id = log.submit(json!({}), json!({}), 10).await.unwrap().id;
        let Claim::Taken(claimed) = log.claim(&settings).await.unwrap() else { panic!("a task waits") };
        let job = Arc::new(|_: &crate::JobContext| unreachable!("no worker runs"));
        let workers = Arc::new(Workers::new(log.clone(), settings, job));

        let mut live = Follower::new(workers.clone(), &id, 2);
        live.behind = false;
        // This one missed the two events before it began to watch, too.
        let mut with_hole = Follower::new(workers, &id, 0);
        with_hole.behind = false;
        let mut head_seq = claimed.head_seq;
        for batch in 0..50 {
            let events = vec![NewEvent::progress(json!({ "batch": batch })); 100];
            head_seq = log.append_leased(&claimed.lease, head_seq, &events, None).await.unwrap().head_seq;
            if batch == 0 {
                assert_eq!(with_hole.next().await.unwrap().unwrap().seq, 1);
            }
        }
        let end = log.finish_leased(&claimed.lease, head_seq, "done", None).await.unwrap().head_seq;
        assert_eq!(end, 5003);
        for (follower, first) in [(&mut live, 3), (&mut with_hole, 2)] {
            for seq in first..=end {
                assert_eq!(follower.next().await.unwrap().unwrap().seq, seq);
            }
            assert_eq!(follower.next().await.unwrap(), None);
        }
    }
}
