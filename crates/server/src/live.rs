//! Who hears what of which task, whatever the door: the subscriptions of
//! Socket.IO, of server-sent events and of the native stream.
//!
//! Read in this order.

/// What a client asks for.
mod request;
/// Everything one connection follows.
mod reader;
/// The answer to a subscription.
mod answer;
/// How far it got with each task.
mod cursor;
/// What follows all tasks.
mod many;
/// What it has heard of tasks from subscriptions of their own.
mod heard;
/// What it hands to its door.
mod delivery;
/// As far as whoever is connected may see.
mod viewer;
/// Who is connected.
pub(crate) mod roster;

/// Brings what the log announces to those who follow.
mod hub;
/// Reads from the log what the feed did not bring.
mod repair;
/// The topics of all tasks.
mod topics;
/// What is published about a task, and who follows it.
mod topic;
/// The newest updates of a task.
mod ring;
/// The newest news of all tasks.
mod mixed;
/// How far those who follow all tasks were told of each one.
mod ledger;
/// One event, and each form in which it goes out.
mod update;
/// How a connection learns of news.
mod signal;
/// Where events are read that no ring holds.
mod log;

#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use delivery::{Delivery, Item, Room};
pub(crate) use hub::Places;
pub use hub::{Hub, RingLimits};
pub use log::{Head, TaskLog};
pub use reader::Reader;
pub use request::{EVERY_TASK, Kinds, Refusal, Request, Wishes};
pub(crate) use update::NAMESPACE;
pub use update::{Update, Variant};
pub(crate) use viewer::{Over, Viewer, refused};
