use std::path::Path;
use std::time::Duration;

use model::Language;

use super::*;

fn parse(text: &str) -> Result<Settings, Refused> {
    Settings::parse(text, Path::new("msgalaxy.toml"))
}

#[test]
fn every_key_is_honored() {
    let settings = parse(
        r#"
        listen = "127.0.0.1:6000"
        data_dir = "data"
        bom_roots = ["library"]
        workers = 3
        legacy_broadcast = true
        insecure_no_auth = true
        [auth]
        mode = "required"
        expiry_warning_s = 20
        expiry_grace_s = 21
        [auth.jwt]
        algorithm = "ES256"
        public_key_file = "issuer.pem"
        issuer = "https://id.example.org"
        audience = "msgalaxy"
        leeway_s = 22
        scope_claim = "roles"
        [cors]
        origins = ["https://example.org"]
        [events]
        keep_per_task = 100
        keep_days = 30
        ring_events = 10
        ring_bytes = 4096
        ring_total_bytes = 8192
        sse_heartbeat_s = 3
        [limits]
        body_bytes = 2048
        body_timeout_s = 5
        head_timeout_s = 10
        inline_bom_bytes = 100
        queued_tasks = 4
        uploaded_boms = 5
        connections = 6
        subscriptions_per_connection = 7
        messages_per_second = 11
        message_bytes_per_second = 4096
        write_timeout_s = 8
        shutdown_s = 9
        "#,
    )
    .expect("every key is known");
    assert_eq!(settings.listen.port(), 6000);
    assert_eq!(settings.workers, 3);
    assert!(settings.legacy_broadcast && settings.insecure_no_auth);
    assert_eq!(settings.cors.origins, ["https://example.org"]);
    let auth = settings.auth;
    assert!(auth.is_required());
    assert_eq!((auth.expiry_warning_s, auth.expiry_grace_s), (20, 21));
    let jwt = auth.jwt.expect("a table");
    assert_eq!((jwt.algorithm, jwt.leeway_s), (JwtAlgorithm::ES256, 22));
    assert_eq!(jwt.public_key_file.as_deref(), Some(Path::new("issuer.pem")));
    assert_eq!(
        (&*jwt.issuer, &*jwt.audience, &*jwt.scope_claim),
        ("https://id.example.org", "msgalaxy", "roles")
    );
    let events = settings.events;
    let retention = events.retention();
    assert_eq!(retention.keep_per_task.map(u64::from), Some(100));
    assert_eq!(retention.keep_ended, Some(Duration::from_secs(30 * 86_400)));
    assert_eq!((events.ring_events, events.ring_bytes, events.ring_total_bytes), (10, 4096, 8192));
    assert_eq!(events.sse_heartbeat(), Duration::from_secs(3));
    let limits = settings.limits;
    assert_eq!((limits.body_bytes, limits.body_timeout_s, limits.inline_bom_bytes), (2048, 5, 100));
    assert_eq!((limits.queued_tasks, limits.uploaded_boms, limits.connections), (4, 5, 6));
    assert_eq!((limits.subscriptions_per_connection, limits.write_timeout_s), (7, 8));
    assert_eq!((limits.messages_per_second, limits.message_bytes_per_second), (11, 4096));
    assert_eq!((limits.shutdown_s, limits.head_timeout_s), (9, 10));
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let settings = parse("").expect("nothing is required");
    assert_eq!(settings.listen, SocketAddr::from(([127, 0, 0, 1], 5000)));
    assert!(!settings.legacy_broadcast && settings.is_loopback() && !settings.auth.is_required());
}

#[test]
fn the_name_of_this_machine_is_a_loopback_address() {
    let settings = parse("listen = \"localhost:6000\"").expect("the name resolves");
    assert_eq!(settings.listen.port(), 6000);
    assert!(settings.is_loopback() && crate::check(&settings).is_ok());
}

#[test]
fn what_cannot_be_used_is_named() {
    let cases = [
        ("lisen = \"127.0.0.1:1\"", "unknown key `lisen`, did you mean `listen`?"),
        ("[limits]\nbody_byte = 1", "unknown key `limits.body_byte`, did you mean `body_bytes`?"),
        ("[cors]\nfrogs = 1", "unknown key `cors.frogs`; allowed: origins"),
        (
            "[cors]\norigins = [\"example.org\"]",
            "`cors.origins` cannot hold \"example.org\"; allowed: \"https://host",
        ),
        ("[cors]\norigins = [\"https://a.org/page\"]", "https://a.org/page"),
        ("workers = 0", "`workers` cannot be 0; allowed: 1 to 256"),
        ("[auth]\nmod = \"none\"", "unknown key `auth.mod`, did you mean `mode`?"),
        ("[auth]\nmode = \"maybe\"", "`auth.mode` cannot be \"maybe\"; allowed: `none` or `required`"),
        ("[auth]\nexpiry_warning_s = 0", "`auth.expiry_warning_s` cannot be 0; allowed: 1 to 86400"),
        (
            "[auth.jwt]\nalgorithms = \"RS256\"",
            "unknown key `auth.jwt.algorithms`, did you mean `algorithm`?",
        ),
        (
            "[auth.jwt]\nalgorithm = \"none\"",
            "`auth.jwt.algorithm` cannot be \"none\"; allowed: one of `HS256`",
        ),
        ("[auth.jwt]\nalgorithm = \"RS256\"", "`auth.jwt.issuer` is missing"),
        ("workers = \"many\"", "`workers` cannot be \"many\"; allowed: a whole number, 0 or more"),
        ("[events]\nkeep_day = 1", "unknown key `events.keep_day`, did you mean `keep_days`?"),
        (
            "[events]\nring_total_bytes = 1024",
            "`events.ring_total_bytes` cannot be 1024; allowed: at least events.ring_bytes",
        ),
        ("listen = \"nowhere\"", "`listen` cannot be \"nowhere\"; allowed: ADDRESS:PORT or NAME:PORT"),
        ("listen = 5000", "`listen` cannot be 5000; allowed: a text in quotes"),
        ("[auth.jwt]", "`auth.jwt.audience` is missing"),
        ("limits = 3", "`limits` is a table, not a value; allowed: [limits]"),
        ("connections = 3", "unknown key `connections`, did you mean `limits.connections`?"),
        ("\"limits.connections\" = 3", "unknown key `limits.connections`"),
        (
            "[limits]\nconnections = -1",
            "`limits.connections` cannot be -1; allowed: a whole number, 0 or more",
        ),
        (
            "[limits]\nmessages_per_second = 4294967296",
            "`limits.messages_per_second` cannot be 4294967296; allowed: a whole number, 0 to 4294967295",
        ),
        ("[metrics]\nreaders = \"10.0.0.1\"", "cannot be \"10.0.0.1\"; allowed: a list of texts"),
        ("[metrics]\nreaders = [\"ten\"]", "cannot be [\"ten\"]; allowed: an address, or ADDRESS/BITS"),
        ("= 3", "msgalaxy.toml:1: this is no TOML"),
    ];
    for (text, expected) in cases {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

fn from_environment(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Refused> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("msgalaxy.toml");
    std::fs::write(&path, text).expect("written");
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::load(Some(&path), variables)
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = "workers = 3\n[limits]\nconnections = 4\nqueued_tasks = 5";
    let settings = from_environment(
        file,
        &[
            ("MSGALAXY_LIMITS__CONNECTIONS", "6"),
            ("MSGALAXY_LISTEN", "127.0.0.1:7000"),
            ("MSGALAXY_LEGACY_BROADCAST", "true"),
            ("MSGALAXY_CORS__ORIGINS", "https://a.example, https://b.example"),
            ("MSGALAXY_METRICS__READERS", "[\"10.0.0.0/8\"]"),
            ("MSGALAXY_AUTH__JWT__ALGORITHM", "ES256"),
            ("MSGALAXY_AUTH__JWT__ISSUER", "12"),
            ("MSGALAXY_AUTH__JWT__AUDIENCE", "true"),
            ("MSGALAXY_AUTH__JWT__LEEWAY_S", "5"),
            // What is no setting, or empty, counts for nothing.
            ("MSGALAXY_WORKERS", ""),
            ("MSGALAXY_TOKEN", "secret"),
            ("MSGALAXY_LOG", "debug"),
            ("MSGALAXY_PORT", "tcp://10.0.0.1:5000"),
            ("MSGALAXY_SERVICE_HOST", "10.0.0.1"),
            ("LIMITS__CONNECTIONS", "8"),
        ],
    )
    .expect("all can be used");
    assert_eq!((settings.workers, settings.limits.connections, settings.limits.queued_tasks), (3, 6, 5));
    assert_eq!((settings.listen.port(), settings.legacy_broadcast), (7000, true));
    assert_eq!(settings.cors.origins, ["https://a.example", "https://b.example"]);
    assert_eq!(settings.metrics.readers, ["10.0.0.0/8".parse().expect("a network")]);
    let jwt = settings.auth.jwt.expect("a table");
    assert_eq!((&*jwt.issuer, &*jwt.audience, jwt.leeway_s), ("12", "true", 5));
    let alone = Settings::load(None, [("MSGALAXY_WORKERS".to_owned(), "7".to_owned())]);
    assert_eq!(alone.map(|settings| settings.workers), Ok(7));
}

#[test]
fn what_is_wrong_in_the_environment_is_named() {
    for (name, value, expected) in [
        (
            "MSGALAXY_LIMITS__CONNECTION",
            "1",
            "names no setting, did you mean `MSGALAXY_LIMITS__CONNECTIONS`?",
        ),
        (
            "MSGALAXY_LIMITS_CONNECTIONS",
            "1",
            "names no setting, did you mean `MSGALAXY_LIMITS__CONNECTIONS`?",
        ),
        ("MSGALAXY_LISTN", "1", "did you mean `MSGALAXY_LISTEN`?"),
        (
            "MSGALAXY_FROGS__KEEP",
            "1",
            "the variable `MSGALAXY_FROGS__KEEP` names no setting; allowed: MSGALAXY_KEY",
        ),
        ("MSGALAXY_WORKERS", "many", "`MSGALAXY_WORKERS` cannot be \"many\"; allowed: a whole number"),
        ("MSGALAXY_WORKERS", "0", "`workers` cannot be 0; allowed: 1 to 256"),
        (
            "MSGALAXY_AUTH__MODE",
            "on",
            "`MSGALAXY_AUTH__MODE` cannot be \"on\"; allowed: `none` or `required`",
        ),
        ("MSGALAXY_AUTH__JWT__ISSUER", "x", "`auth.jwt.algorithm` is missing"),
        ("MSGALAXY_EVENTS__RING_BYTES", "1073741824", "`events.ring_total_bytes` cannot be"),
    ] {
        let error = Settings::load(None, [(name.to_owned(), value.to_owned())]).expect_err(name);
        assert_eq!(error.findings[0].0, Path::new("environment"), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once_where_it_stands() {
    let text = "lisen = \"x\"\nworkers = 0\n[limits]\nconnections = \"many\"\n[events]\nring_events = 0\nring_byte = 1\n";
    let refused = from_environment(text, &[("MSGALAXY_AUTH__MOD", "none"), ("MSGALAXY_LISTEN", "nowhere")])
        .expect_err("nothing of it can be used");
    let [(file, in_file), (environment, in_environment)] = &refused.findings[..] else {
        panic!("two places: {refused}")
    };
    assert!(file.ends_with("msgalaxy.toml") && environment == Path::new("environment"));
    let found: Vec<(Option<u64>, &str, &str, Option<&str>)> = in_file
        .iter()
        .map(|problem| (problem.line, &*problem.pointer, &*problem.found, problem.fix.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            (Some(1), "lisen", "lisen", Some("listen")),
            (Some(2), "workers", "0", None),
            (Some(4), "limits.connections", "\"many\"", None),
            (Some(6), "events.ring_events", "0", None),
            (Some(7), "events.ring_byte", "events.ring_byte", Some("ring_bytes")),
        ]
    );
    let variables: Vec<&str> = in_environment.iter().map(|problem| &*problem.pointer).collect();
    assert_eq!(variables, ["MSGALAXY_AUTH__MOD", "MSGALAXY_LISTEN"]);
    for problem in in_file.iter().chain(in_environment) {
        assert!(!problem.text(Language::Zh).is_ascii() && !problem.allowed.is_empty(), "{problem:?}");
    }
}

#[test]
fn no_line_of_a_broken_file_hides_another_and_none_is_shown() {
    let refused = parse("workers = \nsecret = \"hunter2\nlisten = 1 2\n").expect_err("no TOML");
    let lines: Vec<Option<u64>> = refused.findings[0].1.iter().map(|problem| problem.line).collect();
    assert!(lines.contains(&Some(1)) && lines.contains(&Some(2)), "{refused}");
    for text in
        ["secret = \"hunter2", "[auth.jwt]\nsecret = \"hunter2\"", "[auth.jwt]\nsecret_file = [\"hunter2\"]"]
    {
        let refused = format!("{:?}", parse(text).expect_err(text));
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}

#[test]
fn the_printed_file_is_what_it_was_printed_from() {
    let printed = Settings::default().to_commented_toml();
    assert_eq!(parse(&printed), Ok(Settings::default()), "{printed}");
    assert!(
        printed
            .contains("\n# Where to listen, `ADDRESS:PORT` or `NAME:PORT`.\nlisten = \"127.0.0.1:5000\"\n")
    );
    assert!(!printed.contains("# Default: "), "{printed}");

    // All that is commented out is there, and can be used.
    let full: String = printed
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.is_empty() && !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let table: toml::Table = full.parse().expect("TOML");
    assert_eq!(table, described::complete());

    let settings = parse(&full.replace("connections = 10000", "connections = 9")).expect("all can be used");
    let printed = settings.to_commented_toml();
    assert!(printed.contains("# Default: 10000\nconnections = 9\n"), "{printed}");
    assert_eq!(parse(&printed), Ok(settings));
}
