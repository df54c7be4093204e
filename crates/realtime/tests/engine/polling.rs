use realtime::Config;
use realtime::engine::{CloseReason, Message, Outgoing, Socket};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::{Answer, Host};

#[tokio::test]
async fn messages_go_both_ways() {
    let host = Host::echo(Config::default()).await;
    let polling = host.open_polling().await;
    for body in ["4hello", "4test1\x1e4test2\x1e4test3", "4hello\x1ebAQIDBA==", "4äöü 图"] {
        let answer = polling.post(body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
        let mut got = polling.get().await.body;
        // The echo may be under way in more than one piece.
        while got.len() < body.len() {
            got = format!("{got}\x1e{}", polling.get().await.body);
        }
        assert_eq!(got, body);
    }
}

#[tokio::test]
async fn a_poll_waits_for_the_first_message() {
    let host = Host::echo(Config::default()).await;
    let polling = host.open_polling().await;
    let mut waiting = polling.begin_get().await;
    polling.post("4late").await;
    assert_eq!(Answer::read(&mut waiting).await.body, "4late");
}

#[tokio::test]
async fn what_is_no_packet_ends_the_session() {
    let host = Host::echo(Config::default()).await;
    for body in ["abc", "", "4a\x1e", "2", "b*"] {
        let polling = host.open_polling().await;
        assert_eq!(polling.post(body).await.status, 400, "{body:?}");
        polling.assert_over().await;
    }
}

#[tokio::test]
async fn what_came_before_the_nonsense_is_delivered() {
    let (host, mut told) = Host::listening(Config::default()).await;
    let polling = host.open_polling().await;
    assert_eq!(polling.post("4one\x1e4two\x1eabc\x1e4three").await.status, 400);
    assert_eq!(told.recv().await, Some(Message::from("one")));
    assert_eq!(told.recv().await, Some(Message::from("two")));
    polling.assert_over().await;
}

#[tokio::test]
async fn two_polls_at_once_end_the_session() {
    let host = Host::echo(Config::default()).await;
    let polling = host.open_polling().await;
    let (first, second) = tokio::join!(polling.get(), polling.get());
    let mut answers = [(first.status, first.body.as_str()), (second.status, second.body.as_str())];
    answers.sort_unstable();
    assert_eq!(answers[0], (200, "1"));
    assert_eq!(answers[1].0, 400);
    polling.assert_over().await;
}

#[tokio::test]
async fn two_posts_at_once_end_the_session() {
    let mut host = Host::echo(Config::default()).await;
    let query = host.open_polling().await.query();
    let mut first = TcpStream::connect(host.address).await.unwrap();
    let head = format!("POST /engine.io/?{query} HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n4half");
    first.write_all(head.as_bytes()).await.unwrap();
    // The first may not have arrived yet; then this one is the first.
    while host.post(&query, "4x").await.status == 200 {}
    assert_eq!(host.closed().await.1, CloseReason::OverlappingRequests);
    assert_eq!(host.get(&query).await.status, 400);
}

#[tokio::test]
async fn a_poll_that_is_given_up_ends_the_session() {
    let mut host = Host::echo(Config::default()).await;
    let polling = host.open_polling().await;
    let query = polling.query();
    drop(polling.begin_get().await);
    assert_eq!(host.closed().await.1, CloseReason::PollAborted);
    assert_eq!(host.get(&query).await.status, 400);
}

#[tokio::test]
async fn an_answer_carries_at_most_sixteen_packets() {
    let host = Host::start(Config::default(), |mut socket: Socket| async move {
        let sender = socket.sender();
        for number in 0..43 {
            sender.send(Message::from(number.to_string())).await.unwrap();
        }
        // Longer than one answer by itself.
        let many = (43..70).map(|number| Message::from(number.to_string())).collect();
        sender.send(Outgoing::several(many)).await.unwrap();
        while socket.recv().await.is_some() {}
    })
    .await;
    let polling = host.open_polling().await;
    let mut numbers: Vec<u32> = Vec::new();
    while numbers.len() < 70 {
        let body = polling.get().await.body;
        let packets: Vec<_> = body.split('\x1e').collect();
        assert!(packets.len() <= 16, "{} packets", packets.len());
        numbers.extend(packets.iter().map(|packet| packet[1..].parse::<u32>().unwrap()));
    }
    assert_eq!(numbers, Vec::from_iter(0..70));
}

#[tokio::test]
async fn an_answer_stays_below_the_payload_limit() {
    let config = Config { max_payload_bytes: 1000, ..Config::default() };
    let host = Host::start(config, |mut socket: Socket| async move {
        let sender = socket.sender();
        for length in [400, 400, 400, 2000, 10] {
            sender.send(Message::from("x".repeat(length))).await.unwrap();
        }
        while socket.recv().await.is_some() {}
    })
    .await;
    let polling = host.open_polling().await;
    let mut lengths = Vec::new();
    while lengths.iter().sum::<usize>() < 3210 + 5 {
        let body = polling.get().await.body;
        assert!(body.len() <= 1000 || !body.contains('\x1e'), "{}", body.len());
        lengths.extend(body.split('\x1e').map(str::len));
    }
    // Too long for any answer, yet not lost.
    assert_eq!(lengths, [401, 401, 401, 2001, 11]);
}

#[tokio::test]
async fn many_numbered_messages_arrive_in_order() {
    let host = Host::echo(Config::default()).await;
    let polling = host.open_polling().await;
    for round in 0..20 {
        let body: Vec<String> = (0..50).map(|index| format!("4{}", round * 50 + index)).collect();
        assert_eq!(polling.post(&body.join("\x1e")).await.status, 200);
        let mut got = Vec::new();
        while got.len() < 50 {
            got.extend(polling.get().await.body.split('\x1e').map(str::to_owned));
        }
        assert_eq!(got, body);
    }
}
