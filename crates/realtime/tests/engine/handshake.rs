use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use realtime::engine::{Server, Socket};
use realtime::hooks::HandshakeRefused;
use realtime::{Config, WriteTimeout};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::support::{Host, PATIENCE, Told, patient};

fn opened(packet: &str) -> Value {
    serde_json::from_str(packet.strip_prefix('0').unwrap()).unwrap()
}

#[tokio::test]
async fn polling_is_opened_by_a_get() {
    let host = Host::echo(Config::default()).await;
    let answer = host.get("EIO=4&transport=polling").await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: text/plain; charset=utf-8"), "{}", answer.head);
    let mut open = opened(&answer.body);
    assert_eq!(open["sid"].as_str().unwrap().len(), 22);
    open.as_object_mut().unwrap().remove("sid");
    assert_eq!(
        open,
        json!({"upgrades": ["websocket"], "pingInterval": 25000, "pingTimeout": 20000, "maxPayload": 1000000})
    );
    assert_eq!(host.server.connections(), 1);
}

#[tokio::test]
async fn websocket_is_opened_directly() {
    let host = Host::echo(Config::default()).await;
    let mut socket = host.websocket("EIO=4&transport=websocket").await;
    let open = opened(&socket.text().await);
    assert_eq!(open["upgrades"], json!([]));
    assert_eq!(open["maxPayload"], json!(1000000));
}

#[tokio::test]
async fn without_upgrades_none_is_offered() {
    let host = Host::echo(Config { allow_upgrades: false, ..Config::default() }).await;
    let answer = host.get("EIO=4&transport=polling").await;
    assert_eq!(opened(&answer.body)["upgrades"], json!([]));
}

#[tokio::test]
async fn nonsense_is_refused_as_the_reference_does() {
    let mut host = Host::echo(Config::default()).await;
    let unknown = "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAAAA";
    for (method, query, code, refusal) in [
        ("GET", "transport=polling", 5, HandshakeRefused::UnsupportedVersion),
        ("GET", "EIO=3&transport=polling", 5, HandshakeRefused::UnsupportedVersion),
        ("GET", "EIO=abc&transport=polling", 5, HandshakeRefused::UnsupportedVersion),
        ("GET", "EIO=4", 0, HandshakeRefused::UnknownTransport),
        ("GET", "EIO=4&transport=abc", 0, HandshakeRefused::UnknownTransport),
        ("POST", "EIO=4&transport=polling", 2, HandshakeRefused::BadMethod),
        ("PUT", "EIO=4&transport=polling", 2, HandshakeRefused::BadMethod),
        ("GET", unknown, 1, HandshakeRefused::UnknownSession),
        ("POST", unknown, 1, HandshakeRefused::UnknownSession),
        ("GET", "EIO=4&transport=polling&sid=x", 1, HandshakeRefused::UnknownSession),
    ] {
        let answer = host.request(method, query, "").await;
        assert_eq!((answer.status, answer.code()), (400, code), "{method} {query}");
        assert_eq!(host.told().await, Told::Refused(refusal), "{method} {query}");
    }
    assert_eq!(host.server.connections(), 0);
}

#[tokio::test]
async fn a_websocket_transport_without_its_handshake_is_refused() {
    let host = Host::echo(Config::default()).await;
    let answer = host.get("EIO=4&transport=websocket").await;
    assert_eq!(answer.status, 426);
    assert_eq!(host.server.connections(), 0);
}

#[tokio::test]
async fn a_session_takes_get_and_post_only() {
    let host = Host::echo(Config::default()).await;
    let polling = host.open_polling().await;
    let answer = host.request("PUT", &polling.query(), "").await;
    assert_eq!(answer.status, 405);
    assert!(answer.head.contains("allow: get, post"), "{}", answer.head);
}

#[tokio::test]
async fn one_connection_too_many_is_refused() {
    let mut host = Host::echo(Config { max_connections: Some(1), ..Config::default() }).await;
    let first = host.open_polling().await.sid;
    let answer = host.get("EIO=4&transport=polling").await;
    assert_eq!(answer.status, 503);
    // A place becomes free when the first ends.
    host.post(&format!("EIO=4&transport=polling&sid={first}"), "1").await;
    host.get(&format!("EIO=4&transport=polling&sid={first}")).await;
    host.closed().await;
    host.open_polling().await;
}

#[tokio::test]
async fn the_application_knows_the_request_and_the_peer() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let host = Host::start(Config::default(), move |mut socket: Socket| {
        let request = socket.take_request();
        assert!(socket.request().is_none());
        tell.send(request.unwrap()).unwrap();
        async move { while socket.recv().await.is_some() {} }
    })
    .await;
    let _socket = host.websocket("EIO=4&transport=websocket&room=7").await;
    let request = told.recv().await.unwrap();
    assert!(request.uri.query().unwrap().ends_with("room=7"));
    assert!(request.headers.contains_key("host"));
    // Nobody told the server: it has the connection itself, not a wrapper of it.
    assert_eq!(request.peer.unwrap().ip(), host.address.ip());
}

#[tokio::test]
async fn a_websocket_has_the_bare_connection_also_where_answers_were_watched() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::new(Config::default(), move |mut socket: Socket| {
        tell.send(socket.take_request().unwrap().peer).unwrap();
        async move { while socket.recv().await.is_some() {} }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/engine.io/?EIO=4&transport=websocket", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = TokioIo::new(WriteTimeout::new(stream, PATIENCE));
        let service = TowerToHyperService::new(server);
        http1::Builder::new().serve_connection(stream, service).with_upgrades().await.unwrap();
    });
    let _socket = patient(tokio_tungstenite::connect_async(url)).await.unwrap();
    assert!(patient(told.recv()).await.unwrap().is_some(), "it is asked who its peer is");
}
