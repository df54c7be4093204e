//! Socket.IO: the parsers by themselves, and the layer from outside with real
//! sockets and requests.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

/// A server to talk to, and a client for both transports and both parsers.
mod support;

/// What the parsers read, write and refuse.
mod parsers;
/// What no input may do to the parsers.
mod fuzz;
/// What the official test suite checks, in both transports and both parsers.
mod suite;
/// Nothing is lost and nothing overtakes.
mod order;
/// The server asks and the client answers.
mod acks;
/// Events for many.
mod rooms;
/// What is malformed, too much or too late.
mod limits;

#[test]
fn the_readme_shows_the_example_that_is_there() {
    let (_, example) = include_str!("../../examples/chat.rs").split_once("\n\n").unwrap();
    assert!(include_str!("../../README.md").contains(example));
}
