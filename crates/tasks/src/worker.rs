use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::commit::{AppendError, Report};
use crate::event::{EventKind, NewEvent};
use crate::hooks::LeaseLoss;
use crate::job::{Control, JobContext, JobFailure, JobFunction, JobSuccess, Reporter};
use crate::log::Log;
use crate::settings::EngineSettings;
use crate::store::{Claim, Claimed, Lease, Refusal, Released};

/// How often the queue is looked at when nobody has rung: the only way to see
/// a lease run out, or a task that another process enqueued.
const LONGEST_POLL: Duration = Duration::from_millis(500);
const STORE_RETRY: Duration = Duration::from_millis(100);

/// The workers of this process.
pub(crate) struct Workers {
    pub(crate) log: Arc<Log>,
    pub(crate) settings: EngineSettings,
    job: JobFunction,
    running: Mutex<HashMap<String, Arc<Signal>>>,
    slots: Arc<Semaphore>,
    wake: Notify,
    /// No further task is taken; running jobs are asked to yield.
    draining: CancellationToken,
    /// Everything ends where it stands, as if the process had been killed.
    pub(crate) stopped: CancellationToken,
}

impl Workers {
    pub(crate) fn new(log: Arc<Log>, settings: EngineSettings, job: JobFunction) -> Workers {
        let slots = Arc::new(Semaphore::new(settings.workers));
        Workers {
            log,
            settings,
            job,
            running: Mutex::default(),
            slots,
            wake: Notify::new(),
            draining: CancellationToken::new(),
            stopped: CancellationToken::new(),
        }
    }

    /// Rings: a task was enqueued.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Tells the job of `task_id`, if it runs here, that a client cancelled it.
    pub(crate) fn cancel(&self, task_id: &str) {
        if let Some(signal) = self.signals().get(task_id) {
            signal.set(Signal::CANCEL);
        }
    }

    pub(crate) fn stop(&self) {
        self.draining.cancel();
        self.stopped.cancel();
        self.yield_all();
    }

    /// Asks every job to yield and waits until all have, or for `deadline`.
    pub(crate) async fn drain(&self, deadline: Duration) {
        self.draining.cancel();
        self.yield_all();
        let all = u32::try_from(self.settings.workers).unwrap_or(u32::MAX);
        match tokio::time::timeout(deadline, self.slots.acquire_many(all)).await {
            Ok(_) => info!("all jobs have yielded"),
            Err(_) => {
                let left = self.signals().len();
                warn!(left, "jobs have not yielded in time; they are taken up from their checkpoints later");
            }
        }
        self.stop();
    }

    /// Takes tasks as long as there are slots, until draining.
    pub(crate) async fn dispatch(self: Arc<Self>) {
        loop {
            let slot = tokio::select! {
                () = self.draining.cancelled() => return,
                slot = self.slots.clone().acquire_owned() => slot,
            };
            let Ok(slot) = slot else { return };
            let Some(claimed) = self.next_task().await else { return };
            let workers = self.clone();
            tokio::spawn(async move { workers.run(claimed, slot).await });
        }
    }

    async fn next_task(&self) -> Option<Claimed> {
        let poll = (self.settings.lease / 3).clamp(Duration::from_millis(10), LONGEST_POLL);
        loop {
            if self.draining.is_cancelled() {
                return None;
            }
            match self.log.claim(&self.settings).await {
                Ok(Claim::Taken(claimed)) => return Some(*claimed),
                Ok(Claim::Exhausted(_)) => continue,
                Ok(Claim::Nothing) => {}
                Err(error) => error!(%error, "the queue cannot be read; it is tried again"),
            }
            tokio::select! {
                () = self.draining.cancelled() => return None,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(poll) => {}
            }
        }
    }

    async fn run(&self, claimed: Claimed, _slot: OwnedSemaphorePermit) {
        let task_id = claimed.lease.task_id.clone();
        let signal = Arc::new(Signal::default());
        if claimed.cancel_requested {
            signal.set(Signal::CANCEL);
        }
        self.signals().insert(task_id.clone(), signal.clone());
        // After the insertion, so that a drain that begins now is not missed.
        if self.draining.is_cancelled() {
            signal.set(Signal::YIELD);
        }
        tokio::select! {
            // The end comes first: a report that arrives with it is not taken.
            biased;
            () = self.stopped.cancelled() => {}
            () = self.keep(claimed, &signal) => {}
        }
        // Whatever the job still does, nobody listens any more.
        signal.set(Signal::YIELD);
        self.signals().remove(&task_id);
    }

    /// Runs the job of a leased task and serves it until it ends.
    async fn keep(&self, claimed: Claimed, signal: &Arc<Signal>) {
        let mut keeper = Keeper {
            log: &self.log,
            signal: signal.clone(),
            head_seq: claimed.head_seq,
            renewed: Instant::now(),
            lease_time: self.settings.lease,
            lease: claimed.lease.clone(),
        };
        if signal.control() == Control::Yield {
            keeper.release(Released::OnRequest).await;
            return;
        }
        let (commits, mut requests) = mpsc::channel(1);
        let (finished, mut outcome) = oneshot::channel();
        let started =
            start_job(self.job.clone(), claimed, LeaseReporter { commits, signal: signal.clone() }, finished);
        if let Err(error) = started {
            error!(%error, task_id = keeper.lease.task_id, "no thread for the job; the task goes back to the queue");
            keeper.release(Released::Unasked).await;
            return;
        }
        let mut heartbeat = tokio::time::interval((self.settings.lease / 3).max(Duration::from_millis(1)));
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        heartbeat.tick().await;
        loop {
            tokio::select! {
                biased;
                Some(request) = requests.recv() => keeper.commit(request).await,
                ended = &mut outcome => {
                    // The sender sends in every case; only a dying process drops it.
                    let Ok(ended) = ended else { return };
                    keeper.end(ended).await;
                    return;
                }
                _ = heartbeat.tick() => keeper.renew().await,
            }
        }
    }

    /// Jobs that run here.
    pub(crate) fn running_jobs(&self) -> usize {
        self.signals().len()
    }

    fn yield_all(&self) {
        for signal in self.signals().values() {
            signal.set(Signal::YIELD);
        }
    }

    fn signals(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Signal>>> {
        // The map is whole even if a panic happened elsewhere while it was held.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the engine wants of one running job; only ever more.
#[derive(Default)]
struct Signal(AtomicU8);

impl Signal {
    const CANCEL: u8 = 1;
    const YIELD: u8 = 2;
    const LOST: u8 = 4;

    fn set(&self, bit: u8) {
        self.0.fetch_or(bit, Ordering::AcqRel);
    }

    fn has(&self, bit: u8) -> bool {
        self.0.load(Ordering::Acquire) & bit != 0
    }

    fn control(&self) -> Control {
        if self.has(Signal::YIELD | Signal::LOST) {
            Control::Yield
        } else if self.has(Signal::CANCEL) {
            Control::Cancel
        } else {
            Control::Continue
        }
    }
}

/// A job's events on their way from its thread to the keeper of its lease.
struct CommitRequest {
    events: Vec<NewEvent>,
    checkpoint: Option<Vec<u8>>,
    answered: oneshot::Sender<Control>,
}

/// The job's side of its lease.
struct LeaseReporter {
    commits: mpsc::Sender<CommitRequest>,
    signal: Arc<Signal>,
}

impl Reporter for LeaseReporter {
    fn commit(&self, events: Vec<NewEvent>, checkpoint: Option<Vec<u8>>) -> Control {
        for event in &events {
            assert!(
                !matches!(event.kind, EventKind::StatusChange | EventKind::Error),
                "a job may not append {}: its end is told by what it returns",
                event.kind.name()
            );
        }
        let (answered, answer) = oneshot::channel();
        if self.commits.blocking_send(CommitRequest { events, checkpoint, answered }).is_err() {
            return Control::Yield;
        }
        // Without an answer the keeper is gone, and with it the lease.
        answer.blocking_recv().unwrap_or(Control::Yield)
    }

    fn control(&self) -> Control {
        self.signal.control()
    }
}

/// The engine's side of one lease. Appends and heartbeats of a lease come one
/// after the other, never at once.
struct Keeper<'a> {
    log: &'a Log,
    lease: Lease,
    lease_time: Duration,
    signal: Arc<Signal>,
    head_seq: u64,
    renewed: Instant,
}

/// How a job ended: what it returned, or the text of its panic.
type Ended = Result<Result<JobSuccess, JobFailure>, String>;

impl Keeper<'_> {
    async fn commit(&mut self, request: CommitRequest) {
        let CommitRequest { events, checkpoint, answered } = request;
        if !self.signal.has(Signal::LOST) {
            self.append(Report::of(events, checkpoint.map(Bytes::from))).await;
        }
        // A job that does not wait for the answer has panicked, which is seen
        // at its end.
        let _ = answered.send(self.signal.control());
    }

    async fn end(&mut self, ended: Ended) {
        match ended {
            _ if self.signal.has(Signal::LOST) => {
                info!(task_id = self.lease.task_id, "the lease was lost; another worker goes on");
            }
            Ok(Ok(success)) => {
                self.append(self.log.finish(&success.message, Some(&success.result))).await;
            }
            Ok(Err(JobFailure::Failed { code, error })) => {
                self.append(self.log.failure(&code, &error)).await;
            }
            Ok(Err(JobFailure::Yielded)) => match self.signal.control() {
                Control::Yield => self.release(Released::OnRequest).await,
                // Cancelled before it had anything to give back.
                Control::Cancel => self.append(self.log.finish("", None)).await,
                Control::Continue => {
                    warn!(task_id = self.lease.task_id, "the job yielded without being asked");
                    self.release(Released::Unasked).await;
                }
            },
            Err(panic) => {
                error!(task_id = self.lease.task_id, panic, "the job panicked");
                let error = format!("internal error: {panic}");
                self.append(self.log.failure("internal", &error)).await;
            }
        }
    }

    async fn renew(&mut self) {
        // Every append renews the lease, too.
        if self.signal.has(Signal::LOST) || self.renewed.elapsed() < self.lease_time / 3 {
            return;
        }
        match self.log.store.renew(&self.lease).await {
            Ok(Some(cancel_requested)) => self.hold(cancel_requested),
            Ok(None) => self.lose(LeaseLoss::Taken),
            Err(error) => {
                warn!(%error, task_id = self.lease.task_id, "the lease was not renewed; it is tried again");
                if self.renewed.elapsed() >= self.lease_time {
                    self.lose(LeaseLoss::StoreSilent);
                }
            }
        }
    }

    async fn release(&mut self, released: Released) {
        if let Err(error) = self.log.store.release(&self.lease, released).await {
            warn!(%error, task_id = self.lease.task_id, "the lease was not released; it will run out");
        }
    }

    /// Appends, and while the store does not answer tries again for as long as
    /// the lease lasts.
    async fn append(&mut self, report: Report) {
        let report = Arc::new(report);
        loop {
            match self.log.append(&self.lease, self.head_seq, report.clone()).await {
                Ok(committed) => {
                    self.head_seq = committed.head_seq;
                    self.hold(committed.cancel_requested);
                    return;
                }
                Err(AppendError::Refused(refusal)) => {
                    return self.lose(match refusal {
                        Refusal::LeaseLost => LeaseLoss::Taken,
                        Refusal::Finished => LeaseLoss::Finished,
                    });
                }
                Err(AppendError::Store(error)) => {
                    warn!(%error, task_id = self.lease.task_id, "events were not stored; it is tried again");
                    if self.renewed.elapsed() >= self.lease_time {
                        return self.lose(LeaseLoss::StoreSilent);
                    }
                    tokio::time::sleep(STORE_RETRY).await;
                }
            }
        }
    }

    fn hold(&mut self, cancel_requested: bool) {
        self.renewed = Instant::now();
        if cancel_requested {
            self.signal.set(Signal::CANCEL);
        }
    }

    fn lose(&mut self, loss: LeaseLoss) {
        let why = match loss {
            LeaseLoss::Taken => "another worker has taken the task",
            LeaseLoss::Finished => "the task is finished",
            LeaseLoss::StoreSilent => "the store did not answer for as long as the lease lasts",
        };
        warn!(task_id = self.lease.task_id, why, "the lease is lost; the job is told to yield");
        self.log.lease_lost(loss);
        self.signal.set(Signal::LOST);
    }
}

/// Calls the job on a thread of its own, which sends how it ended.
fn start_job(
    job: JobFunction,
    claimed: Claimed,
    reporter: LeaseReporter,
    finished: oneshot::Sender<Ended>,
) -> std::io::Result<()> {
    let context = JobContext {
        task_id: claimed.lease.task_id,
        created_at: claimed.created_at,
        spec: claimed.spec,
        checkpoint: claimed.checkpoint,
        progress: claimed.progress,
        last_iteration: claimed.last_iteration,
        reporter: Box::new(reporter),
    };
    // The end of a UUID v7 is its random part, which tells tasks apart.
    let short_id = context.task_id.rsplit('-').next().unwrap_or_default().to_owned();
    std::thread::Builder::new().name(format!("job-{short_id}")).spawn(move || {
        let ended = catch_unwind(AssertUnwindSafe(|| job(&context))).map_err(|panic| panic_text(&*panic));
        // The engine may have been stopped meanwhile; then nobody asks.
        let _ = finished.send(ended);
    })?;
    Ok(())
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}
