use std::cell::Cell;
use std::io;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use sha1::{Digest, Sha1};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::room::{Room, write_frame};
use crate::{Order, Rooms, publish, room};

/// Longer request heads and client frames are not spoken here.
const INPUT_BYTES: usize = 16 << 10;
const OPEN: &[u8] =
    br#"0{"sid":"bare","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

/// Answers a publish request, or serves a WebSocket until either side ends it.
pub(crate) async fn serve(mut stream: TcpStream, rooms: Rooms) -> io::Result<()> {
    let mut input = Vec::new();
    let end = loop {
        if let Some(at) = memmem::find(&input, b"\r\n\r\n") {
            break at + 4;
        }
        if !receive(&stream, &mut input).await? {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&input[..end]).into_owned();
    input.drain(..end);
    if let Some(rest) = head.strip_prefix("POST /publish?") {
        let status = match Order::parse(rest.split(' ').next().unwrap_or_default()) {
            Ok(order) => {
                spawn_local(publish(rooms, order));
                "200 OK"
            }
            Err(_) => "400 Bad Request",
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return stream.write_all(answer.as_bytes()).await;
    }
    let Some(key) = header(&head, "sec-websocket-key") else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    };
    let accept = STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    write_frame(&mut answer, OPEN);
    stream.write_all(&answer).await?;
    drop((head, answer));
    let mut membership = None;
    let outcome = converse(&mut stream, &rooms, &mut membership, input).await;
    if let Some((room, cursor)) = &membership {
        room.leave(cursor);
    }
    outcome
}

type Membership = Option<(Rc<Room>, Rc<Cell<u64>>)>;

async fn converse(
    stream: &mut TcpStream,
    rooms: &Rooms,
    membership: &mut Membership,
    mut input: Vec<u8>,
) -> io::Result<()> {
    loop {
        while let Some((payload, whole)) = take_frame(&input) {
            input.drain(..whole);
            let Some(answer) = answer(&payload, rooms, membership) else { return Ok(()) };
            if !answer.is_empty() {
                stream.write_all(&answer).await?;
            }
        }
        if input.is_empty() {
            input = Vec::new();
        }
        let mut blocked = false;
        if let Some((room, cursor)) = &*membership {
            blocked = match room.read(cursor, |unread| stream.try_write(unread)) {
                Ok(more) => more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
                Err(error) => return Err(error),
            };
        }
        let grown = async {
            match &*membership {
                Some((room, _)) => room.grown().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = grown, if !blocked => {}
            writable = stream.writable(), if blocked => writable?,
            alive = receive(stream, &mut input) => if !alive? { return Ok(()) },
        }
    }
}

/// Reads what has come; false at the end of the stream.
async fn receive(stream: &TcpStream, input: &mut Vec<u8>) -> io::Result<bool> {
    stream.readable().await?;
    let mut buffer = [0; 1024];
    match stream.try_read(&mut buffer) {
        Ok(0) => Ok(false),
        Ok(_) if input.len() > INPUT_BYTES => Ok(false),
        Ok(n) => {
            input.extend_from_slice(&buffer[..n]);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

/// The canned answer to a packet; `None` ends the connection.
fn answer(packet: &[u8], rooms: &Rooms, membership: &mut Membership) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    if packet.starts_with(b"40/tasks,") {
        write_frame(&mut out, br#"40/tasks,{"sid":"bare"}"#);
    } else if let Some(at) = memmem::find(packet, br#"["subscribe",{"task_id":""#) {
        let task = packet[at + 25..].split(|byte| *byte == b'"').next()?;
        let room = room(rooms, std::str::from_utf8(task).ok()?);
        if let Some((left, cursor)) = membership.take() {
            left.leave(&cursor);
        }
        let cursor = room.join();
        *membership = Some((room, cursor));
        write_frame(&mut out, br#"42/tasks,["subscribed",{}]"#);
    } else if packet.first() != Some(&b'3') {
        return None;
    }
    Some(out)
}

/// A masked client frame off the front: its payload and its whole length.
fn take_frame(input: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (len, at) = match input.get(1)? & 0x7f {
        126 => (usize::from(u16::from_be_bytes(input.get(2..4)?.try_into().ok()?)), 4),
        // Refused as an unknown packet: nobody here sends so much.
        127 => return Some((Vec::new(), input.len())),
        n => (usize::from(n), 2),
    };
    let mask = input.get(at..at + 4)?;
    let masked = input.get(at + 4..at + 4 + len)?;
    let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    Some((payload, at + 4 + len))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_taken_once_it_is_complete() {
        let frame = [0x81, 0x82, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2, 0x81];
        assert_eq!(take_frame(&frame), Some((b"ab".to_vec(), 8)));
        assert_eq!(take_frame(&frame[..7]), None);
    }

    #[test]
    fn a_subscription_joins_the_room_of_its_task() {
        let rooms = Rooms::default();
        let mut membership = None;
        let out = answer(br#"42/tasks,["subscribe",{"task_id":"t1"}]"#, &rooms, &mut membership);
        assert!(out.expect("stays").ends_with(br#"["subscribed",{}]"#));
        assert!(rooms.borrow().contains_key("t1") && membership.is_some());
        assert_eq!(answer(b"1", &rooms, &mut membership), None);
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nSEC-WebSocket-Key: k= \r\n\r\n";
        assert_eq!(header(head, "sec-websocket-key"), Some("k="));
        assert_eq!(header(head, "origin"), None);
    }
}
