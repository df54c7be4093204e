//! What compressing costs and saves, for messages of your own: one in each file named.
//!
//! `cargo run --release -p realtime --example deflate_cost -- FILE...`
//!
//! A server pays it once for each message and window, however many clients get
//! the message.

#![allow(clippy::print_stdout, reason = "the figures are what the program is for")]

use std::time::{Duration, Instant};

use realtime::websocket::deflate::{Window, compress};

/// Each message is compressed again and again for this long.
const TIME: Duration = Duration::from_millis(200);

fn main() -> std::io::Result<()> {
    println!("{:>10} {:>10} {:>6} {:>10}  file", "bytes", "deflated", "times", "us each");
    for path in std::env::args().skip(1) {
        let message = std::fs::read(&path)?;
        let mut deflated = 0;
        let (began, mut rounds) = (Instant::now(), 0_u32);
        while began.elapsed() < TIME {
            deflated = std::hint::black_box(compress(&message, Window::Bits15)).len();
            rounds += 1;
        }
        let micros = began.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
        let times = message.len() as f64 / deflated.max(1) as f64;
        println!("{:>10} {deflated:>10} {times:>6.2} {micros:>10.1}  {path}", message.len());
    }
    Ok(())
}
