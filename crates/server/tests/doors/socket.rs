//! The wire: namespaces, malformed packets, acknowledgements, polling.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Client, Server, small_task, soon};

#[tokio::test(flavor = "multi_thread")]
async fn other_namespaces_are_refused_and_the_root_is_accepted() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.send("40/other,").await;
    assert_eq!(client.next().await, "44/other,{\"message\":\"Invalid namespace\"}");
    client.send("40").await;
    assert!(client.next().await.starts_with("40{\"sid\":"));
    client.send("40/tasks,{\"token\":\"ignored\"}").await;
    assert!(client.next().await.starts_with("40/tasks,{\"sid\":"));
    assert!(client.next().await.starts_with("42/tasks,[\"connected\""));
    // Left and joined again.
    client.send("41/tasks,").await;
    client.send("40/tasks,").await;
    assert!(client.next().await.starts_with("40/tasks,{\"sid\":"));
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_packets_are_answered_and_nothing_breaks() {
    let server = Server::start().await;
    let id = server.create(&small_task(2)).await;
    server.finished(&id).await;
    let mut client = Client::connect(&server).await;
    let cases = [
        ("42/tasks,[\"subscribe\"]", "task_id_required"),
        ("42/tasks,[\"subscribe\",null]", "task_id_required"),
        ("42/tasks,[\"subscribe\",\"abc\"]", "task_id_required"),
        ("42/tasks,[\"subscribe\",{\"task_id\":7}]", "invalid_task_id"),
        ("42/tasks,[\"subscribe\",{\"task_id\":\"nope\"}]", "task_not_found"),
        ("42/tasks,[\"subscribe\",{\"task_id\":\"nope\",\"after_seq\":-1}]", "invalid_after_seq"),
        ("42/tasks,[\"unsubscribe\"]", "task_id_required"),
        ("42/tasks,[\"dance\",1]", "unknown_event"),
        ("42/tasks,[]", "malformed_packet"),
        ("42/tasks,{\"a\":1}", "malformed_packet"),
        ("42/tasks,[\"subscribe\",{", "malformed_packet"),
        ("42/tasks,", "malformed_packet"),
        ("4", "malformed_packet"),
        ("49", "malformed_packet"),
    ];
    for (packet, code) in cases {
        client.send(packet).await;
        let (name, answer) = client.event().await;
        assert_eq!((name.as_str(), &answer["code"]), ("error", &json!(code)), "{packet}");
        assert!(answer["message"].as_str().is_some_and(|text| !text.is_empty()), "{packet}");
    }
    // The two attachments that were announced belong to the packet, the third to none.
    client.send("452-/tasks,[\"subscribe\",{\"_placeholder\":true,\"num\":0}]").await;
    client.send_binary(b"one").await;
    client.send_binary(b"two").await;
    assert_eq!(client.event().await.1["code"], "binary_not_supported");
    client.send_binary(b"three").await;
    assert_eq!(client.event().await.1["code"], "malformed_packet");
    client.subscribe(&id).await;
    assert_eq!(client.updates_to_the_end().await.last().expect("an end")["data"]["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_not_join_gets_no_events() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.send("42/tasks,[\"subscribe\",{}]").await;
    assert!(client.next().await.starts_with("44/tasks,{\"message\":"));
    client.send("42/elsewhere,[\"subscribe\",{}]").await;
    assert_eq!(client.next().await, "44/elsewhere,{\"message\":\"Invalid namespace\"}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_carries_the_answer_after_the_event() {
    let server = Server::start().await;
    let id = server.create(&small_task(1)).await;
    server.finished(&id).await;
    let mut client = Client::connect(&server).await;
    client.send(&format!("42/tasks,7[\"subscribe\",{{\"task_id\":\"{id}\"}}]")).await;
    let (name, answer) = client.event().await;
    assert_eq!(name, "subscribed");
    for key in ["task_id", "message", "head_seq", "log_id", "mode", "from", "to"] {
        assert!(!answer[key].is_null(), "{key}: {answer}");
    }
    assert_eq!(answer["message"], format!("Subscribed to task {id}"));
    let ack = client.next().await;
    let ack: Value =
        serde_json::from_str(ack.strip_prefix("43/tasks,7").expect("an acknowledgement")).expect("JSON");
    assert_eq!(ack, json!([answer]));
    client.updates_to_the_end().await;

    for (packet, id, code) in [
        ("42/tasks,8[\"subscribe\",{}]", 8, "task_id_required"),
        ("451-/tasks,9[\"subscribe\",{\"_placeholder\":true,\"num\":0}]", 9, "binary_not_supported"),
    ] {
        client.send(packet).await;
        if packet.starts_with("451-") {
            client.send_binary(b"one").await;
        }
        let (name, answer) = client.event().await;
        assert_eq!((name.as_str(), &answer["code"]), ("error", &json!(code)));
        assert_eq!(client.next().await, format!("43/tasks,{id}[{answer}]"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_too_large_end_their_connection_only() {
    let server = Server::start().await;
    let mut other = Client::connect(&server).await;
    let mut client = Client::connect(&server).await;
    client.send_unwelcome(&format!("42/tasks,[\"subscribe\",\"{}\"]", "x".repeat(1_100_000))).await;
    assert!(client.ended().await);
    other.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_in_one_breath_are_answered_in_order() {
    let server = Server::start().await;
    let mut client = Client::connect(&server).await;
    for number in 0..500 {
        client.send(&format!("42/tasks,{number}[\"subscribe\",{{\"task_id\":\"t{number}\"}}]")).await;
    }
    for number in 0..500 {
        let (_, answer) = client.event().await;
        assert_eq!(answer["task_id"], format!("t{number}"));
        assert!(client.next().await.starts_with(&format!("43/tasks,{number}[")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_much_is_told_and_ended_and_others_are_not() {
    let server = Server::start_with(|settings, _| {
        settings.limits.messages_per_second = 3;
        settings.limits.message_bytes_per_second = 4096;
    })
    .await;
    let mut other = Client::connect(&server).await;
    let unknown = "42/tasks,[\"subscribe\",{\"task_id\":\"t\"}]".to_owned();
    let long = format!("42/tasks,[\"subscribe\",{{\"task_id\":\"{}\"}}]", "x".repeat(50_000));
    for (message, count, code) in [(unknown, 200, "too_many_messages"), (long, 1, "too_many_bytes")] {
        let mut client = Client::connect(&server).await;
        for _ in 0..count {
            client.send_unwelcome(&message).await;
        }
        loop {
            let (name, refusal) = client.event().await;
            assert_eq!(name, "error", "{refusal}");
            if refusal["code"] == code {
                break;
            }
            assert_eq!(refusal["code"], "task_not_found");
        }
        assert!(client.ended().await);
        // In no namespace the refusal to join is what says so.
        let mut stranger = Client::open(&server).await;
        for _ in 0..count {
            stranger.send_unwelcome(&message).await;
        }
        while !stranger.next().await.contains(&format!("\"code\":\"{code}\"")) {}
        assert!(stranger.ended().await);
    }
    other.heard_nothing().await;

    // Over polling it is the answer to a poll.
    let open = server.get("/socket.io/?EIO=4&transport=polling").await.text();
    let open: Value = serde_json::from_str(&open[1..]).expect("JSON");
    let url = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().expect("a sid"));
    let said = ["40/tasks,", &vec!["42/tasks,[\"subscribe\"]"; 100].join("\u{1e}")].join("\u{1e}");
    assert_eq!(server.request("POST", &url, &[], said.as_bytes()).await.status, 200);
    let mut heard = String::new();
    while !heard.ends_with("\u{1e}1") {
        heard.push('\u{1e}');
        heard.push_str(&server.get(&url).await.text());
    }
    assert_eq!(heard.matches("\"code\":\"too_many_messages\"").count(), 1, "{heard}");
}

/// Refuses a CONNECT beyond the limit.
const TOO_MANY: &str =
    "44/tasks,{\"data\":{\"code\":\"too_many_connections\"},\"message\":\"Too many connections\"}";

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_refused() {
    let server = Server::start_with(|settings, _| settings.limits.connections = 1).await;
    let mut first = Client::connect(&server).await;
    let mut second = Client::open(&server).await;
    second.send("40/tasks,").await;
    assert_eq!(second.next().await, TOO_MANY);
    assert!(second.ended().await);
    // One that says nothing does not keep its place either.
    let mut silent = Client::open(&server).await;
    assert_eq!(silent.next().await, TOO_MANY);
    assert!(silent.ended().await);
    let open = server.get("/socket.io/?EIO=4&transport=polling").await.text();
    let open: Value = serde_json::from_str(&open[1..]).expect("JSON");
    let url = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().expect("a sid"));
    let mut told = server.get(&url).await.text();
    if told == "2" {
        told = server.get(&url).await.text();
    }
    assert_eq!(told.split('\u{1e}').find(|packet| *packet != "2"), Some(TOO_MANY));
    first.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handshake_is_the_contract_s() {
    let server = Server::start().await;
    let answer = server.get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; charset=UTF-8")));
    let open: Value =
        serde_json::from_str(answer.text().strip_prefix('0').expect("an open packet")).expect("JSON");
    assert_eq!(open["upgrades"], json!(["websocket"]));
    assert_eq!(
        (&open["pingInterval"], &open["pingTimeout"], &open["maxPayload"]),
        (&json!(25_000), &json!(20_000), &json!(1_000_000))
    );
    for query in [
        "EIO=3&transport=polling",
        "transport=polling",
        "EIO=4&transport=polling&sid=unknown",
        "EIO=4&transport=carrier",
    ] {
        assert_eq!(server.get(&format!("/socket.io/?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polling_answer_carries_at_most_sixteen_packets() {
    let server = Server::start().await;
    let id = server.create(&small_task(40)).await;
    let head = server.finished(&id).await["head_seq"].as_u64().expect("a seq");
    let open = server.get("/socket.io/?EIO=4&transport=polling").await.text();
    let open: Value = serde_json::from_str(&open[1..]).expect("JSON");
    let url = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().expect("a sid"));
    let said = format!("40/tasks,\u{1e}42/tasks,[\"subscribe\",{{\"task_id\":\"{id}\"}}]");
    let posted = server.request("POST", &url, &[], said.as_bytes()).await;
    assert_eq!((posted.status, posted.text().to_lowercase().as_str()), (200, "ok"));
    let mut seqs = Vec::new();
    while seqs.len() < head as usize {
        let answer = server.get(&url).await.text();
        let packets: Vec<&str> = answer.split('\u{1e}').collect();
        assert!(packets.len() <= 16, "{} packets", packets.len());
        if packets.contains(&"2") {
            server.request("POST", &url, &[], b"3").await;
        }
        for packet in packets {
            if let Some(body) = packet.strip_prefix("42/tasks,[\"task_update\",") {
                let update: Value =
                    serde_json::from_str(body.strip_suffix(']').expect("an array")).expect("JSON");
                seqs.push(update["seq"].as_u64().expect("a seq"));
            }
        }
    }
    assert_eq!(seqs, (1..=head).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_to_polls_are_compressed_for_those_who_accept_it() {
    let server = Server::start().await;
    let id = server.create(&small_task(1)).await;
    server.finished(&id).await;
    for (accepted, expected) in [("gzip", Some("gzip")), ("identity", None)] {
        let open = server.get("/socket.io/?EIO=4&transport=polling").await;
        let open: Value = serde_json::from_str(&open.text()[1..]).expect("JSON");
        let url = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().expect("a sid"));
        let said = format!("40/tasks,\u{1e}42/tasks,[\"subscribe\",{{\"task_id\":\"{id}\"}}]");
        server.request("POST", &url, &[], said.as_bytes()).await;
        loop {
            let answer = server.request("GET", &url, &[("accept-encoding", accepted)], b"").await;
            let encoding = answer.header("content-encoding");
            if encoding.is_some() || answer.text().len() > 1024 {
                assert_eq!(encoding, expected);
                assert_eq!(answer.body.starts_with(&[0x1f, 0x8b]), expected.is_some());
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_says_when_to_come_back() {
    let mut server = Server::start().await;
    let id = server.create(&small_task(150)).await;
    let mut client = Client::connect(&server).await;
    client.subscribe(&id).await;
    let follower = async {
        loop {
            match client.event().await {
                (name, body) if name == "server_draining" => break body,
                (name, _) => assert_eq!(name, "task_update"),
            }
        }
    };
    let mut poll = waiting_poll(&server).await;
    let poller = async {
        let mut answer = String::new();
        soon("answer", poll.read_to_string(&mut answer)).await.expect("an answer");
        answer
    };
    let ((), followed, polled) = tokio::join!(server.stop(), follower, poller);
    assert!(client.ended().await);
    let packet = polled.split(['\n', '\u{1e}']).find_map(|packet| packet.strip_prefix("42/tasks,"));
    let polled: Value = serde_json::from_str(packet.unwrap_or_else(|| panic!("{polled}"))).expect("JSON");
    assert_eq!(polled[0], "server_draining");
    for told in [&followed, &polled[1]] {
        assert!((1000..2000).contains(&told["retry_ms"].as_u64().expect("milliseconds")), "{told}");
    }
}

/// A poll of a client that has joined and waits for news.
async fn waiting_poll(server: &Server) -> TcpStream {
    let open = server.get("/socket.io/?EIO=4&transport=polling").await.text();
    let open: Value = serde_json::from_str(&open[1..]).expect("JSON");
    let url = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().expect("a sid"));
    assert_eq!(server.request("POST", &url, &[], b"40/tasks,").await.status, 200);
    while !server.get(&url).await.text().contains("[\"connected\"") {}
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    let request = format!("GET {url} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", server.address);
    stream.write_all(request.as_bytes()).await.expect("sent");
    // Who came later is answered: so this one is in.
    assert_eq!(server.get("/api/health").await.status, 200);
    stream
}
