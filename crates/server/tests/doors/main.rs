//! The doors from outside: a real server on a free port, spoken to over HTTP
//! and Socket.IO as clients do.

mod harness;

mod access;
mod admin;
mod document;
mod follow;
mod lapse;
mod options;
mod own;
mod page;
mod refuse;
mod rest;
mod run;
mod slow;
mod socket;
mod sse;
mod storm;
mod stream;
