use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use publisher::{Order, Schedule};
use serde_json::json;
use tasks::{Control, Engine, EngineSettings, JobContext, JobFailure, JobSuccess, NewEvent};
use tokio::sync::{oneshot, watch};

/// Tasks that run at one time: each holds a thread, as any job does.
const WORKERS: usize = 256;
/// How often a job without orders asks whether it is to end.
const CONTROL_PAUSE: Duration = Duration::from_millis(200);

/// Jobs by task, ready for errands.
type Jobs = watch::Sender<HashMap<String, Sender<Errand>>>;

/// An order on its way to a job.
struct Errand {
    order: Order,
    /// Most events of one append.
    batch: usize,
    done: oneshot::Sender<()>,
}

/// Tasks of the product's engine, whose jobs append what is ordered.
#[derive(Clone)]
pub(crate) struct Tasks {
    engine: Engine,
    jobs: Arc<Jobs>,
}

impl Tasks {
    /// Opens the log in a directory.
    pub(crate) async fn open(data_dir: &Path) -> Result<Tasks, tasks::Error> {
        let jobs = Arc::new(Jobs::default());
        let settings =
            EngineSettings { workers: WORKERS, ..EngineSettings::sqlite(&data_dir.join("bench.db")) };
        let waiting = jobs.clone();
        let engine = Engine::open(settings, Arc::new(move |context| obey(context, &waiting))).await?;
        Ok(Tasks { engine, jobs })
    }

    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Makes tasks and waits until their jobs take orders.
    pub(crate) async fn create(&self, count: usize) -> Result<Vec<String>, tasks::Error> {
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(self.engine.submit(json!({}), json!({})).await?.id);
        }
        let mut jobs = self.jobs.subscribe();
        let all_wait = jobs.wait_for(|jobs| ids.iter().all(|id| jobs.contains_key(id)));
        // We hold the sender ourselves.
        drop(all_wait.await.expect("the channel is open"));
        Ok(ids)
    }

    /// Hands an order to its task's job, which appends what is due, at most
    /// `batch` events at once. The answer comes when all is stored; there is
    /// none when no job waits.
    pub(crate) fn publish(&self, order: Order, batch: usize) -> Option<oneshot::Receiver<()>> {
        let job = self.jobs.borrow().get(&order.task).cloned()?;
        let (done, stored) = oneshot::channel();
        job.send(Errand { order, batch, done }).ok()?;
        Some(stored)
    }
}

/// A job: runs one errand after the other until it is told to end.
fn obey(context: &JobContext, jobs: &Jobs) -> Result<JobSuccess, JobFailure> {
    let (sender, errands) = channel();
    jobs.send_modify(|jobs| drop(jobs.insert(context.task_id.clone(), sender)));
    loop {
        let control = match errands.recv_timeout(CONTROL_PAUSE) {
            Ok(errand) => run(context, errand),
            Err(RecvTimeoutError::Timeout) => context.control(),
            Err(RecvTimeoutError::Disconnected) => Control::Yield,
        };
        match control {
            Control::Continue => {}
            Control::Cancel => {
                return Ok(JobSuccess { result: json!({}), message: "Published".to_owned() });
            }
            Control::Yield => return Err(JobFailure::Yielded),
        }
    }
}

fn run(context: &JobContext, errand: Errand) -> Control {
    let Errand { order, batch, done } = errand;
    let mut schedule = Schedule::new(&order);
    while let Some(due) = schedule.due_blocking() {
        for first in due.clone().step_by(batch) {
            let numbers = first..due.end.min(first.saturating_add(batch as u64));
            let event = |i| NewEvent::progress(publisher::data(order.seq0 + i, schedule.due_us(i)));
            match context.commit(numbers.map(event).collect(), None) {
                Control::Continue => {}
                control => return control,
            }
        }
    }
    // Whoever asked may be gone.
    let _ = done.send(());
    Control::Continue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_order_is_in_the_log_before_it_is_heard() {
        let directory = tempfile::tempdir().expect("a directory");
        let tasks = Tasks::open(directory.path()).await.expect("an engine");
        let id = tasks.create(2).await.expect("tasks").remove(1);
        let mut live = tasks.engine().watch();
        let order = |task: &str| Order { task: task.to_owned(), count: 100, rate: 0.0, seq0: 7 };
        let stored = tasks.publish(order(&id), 30).expect("a job");
        assert!(tasks.publish(order("other"), 30).is_none());
        for number in 7..107 {
            let event = live.recv().await.expect("heard");
            assert_eq!((event.task_id.as_str(), event.data["pub_seq"].as_u64()), (&*id, Some(number)));
            let read = tasks.engine().events(&id, event.seq - 1, 1).await.expect("read");
            assert_eq!(read, [(*event).clone()]);
        }
        stored.await.expect("the job says so");
        tasks.engine().shutdown(Duration::from_secs(5)).await;
    }
}
