use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// What the probe makes of a server which says `replies`, `pace` bytes at a time, and what it asked.
async fn against(
    replies: &[u8],
    pace: usize,
    login: Option<Login<'_>>,
    info: bool,
) -> (Result<Answer, RedisError>, String) {
    let (mut client, server) = tokio::io::duplex(pace);
    let (mut from, mut to) = tokio::io::split(server);
    let says = async {
        // It may be gone before everything is said.
        drop(to.write_all(replies).await);
        drop(to.shutdown().await);
    };
    let hears = async {
        let mut heard = Vec::new();
        from.read_to_end(&mut heard).await.map(|_| String::from_utf8_lossy(&heard).into_owned()).unwrap_or_default()
    };
    let asks = async {
        let answer = probe(&mut client, login, info).await;
        drop(client);
        answer
    };
    let (answer, heard, ()) = tokio::join!(asks, hears, says);
    (answer, heard)
}

const PING: &str = "*1\r\n$4\r\nPING\r\n";
const QUIT: &str = "*1\r\n$4\r\nQUIT\r\n";
const PASSWORD: Option<Login<'_>> = Some(Login { username: None, password: "key" });

/// Answers of Redis 7.0.15, 5 and 2.4, as they come over the wire, and what they mean without a password.
const ANSWERS: &[(&str, State, Option<bool>)] = &[
    ("+PONG\r\n", State::Ready, Some(true)),
    ("-NOAUTH Authentication required.\r\n", State::Protected, Some(false)),
    ("-ERR operation not permitted\r\n", State::Protected, Some(false)),
    ("-LOADING Redis is loading the dataset in memory\r\n", State::Loading, None),
    ("-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n", State::MasterDown, None),
    ("-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n", State::Busy, None),
    (
        "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.\r\n",
        State::PersistenceFails,
        None,
    ),
    ("-ERR max number of clients reached\r\n", State::Full, None),
    ("-ERR max number of clients + cluster connections reached\r\n", State::Full, None),
    ("-NOPERM User one has no permissions to run the 'ping' command\r\n", State::Ready, Some(true)),
];

#[tokio::test]
async fn answers_to_a_ping_without_a_password() {
    for (reply, state, open) in ANSWERS {
        for pace in [1, 3, 4096] {
            let (answer, asked) = against(format!("{reply}+OK\r\n").as_bytes(), pace, None, false).await;
            assert_eq!(
                answer.unwrap(),
                Answer { state: *state, open: *open, info: None, info_refused: None },
                "{reply}"
            );
            let wanted = if *state == State::Full { PING.to_owned() } else { format!("{PING}{QUIT}") };
            assert_eq!(asked, wanted, "{reply}");
        }
    }
    let document = include_str!("../../../../docs/probes.md");
    for (_, state, _) in ANSWERS {
        assert!(document.contains(&format!("\n| `{}` | ", state.word())), "docs/probes.md lacks {state:?}");
    }
    let up: Vec<_> = ANSWERS.iter().filter(|(_, state, _)| state.is_up()).map(|(_, state, _)| state.word()).collect();
    assert_eq!(up, ["ready", "protected", "protected", "ready"]);
}

#[tokio::test]
async fn what_is_no_redis_is_told_apart() {
    let long = format!("+{}\r\n", "x".repeat(MAX_LINE + 1));
    let endless = format!("-{}", "x".repeat(2 * MAX_LINE));
    let table: &[(&[u8], &str, &str)] = &[
        (b"", "closed", "closed the connection"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "expects_tls", "expects TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n", "protocol", "HTTP/1.1 400"),
        (b"220 mail ESMTP\r\n", "protocol", "220 mail"),
        (b"+OK\r\n", "protocol", "+OK"),
        (b":1\r\n", "protocol", ":1"),
        (b"$4\r\nPONG\r\n", "protocol", "PONG"),
        (b"$-1\r\n", "protocol", "nothing"),
        (b"*1\r\n", "protocol", "*1"),
        (b"+PON", "protocol", "+PON"),
        (b"+PONG\n", "protocol", "+PONG"),
        (b"\x00\x1b[31m\r\n", "protocol", "31m"),
        (b"-DENIED Redis is running in protected mode because ...\r\n", "protected_mode", "protected mode"),
        (b"-ERR unknown command 'PING'\r\n", "error", "unknown command"),
        (long.as_bytes(), "too_large", "4096"),
        (endless.as_bytes(), "too_large", "4096"),
        (b"$999999999999\r\n", "too_large", "4096"),
        (b"$-7\r\n", "protocol", "$-7"),
    ];
    for (reply, word, says) in table {
        for pace in [1, 4096] {
            let error = against(reply, pace, None, false).await.0.unwrap_err();
            let text = error.to_string();
            assert_eq!(error.word(), *word, "{}: {text}", reply.escape_ascii());
            assert!(!text.contains(char::is_control) && text.len() < 300, "{text}");
            assert!(pace == 1 || text.contains(says), "{text}");
        }
    }
}

#[tokio::test]
async fn a_password_is_used_after_it_was_found_out_whether_one_is_needed() {
    let (answer, asked) = against(b"-NOAUTH x\r\n+OK\r\n+PONG\r\n+OK\r\n", 7, PASSWORD, false).await;
    assert_eq!(answer.unwrap(), Answer { state: State::Ready, open: Some(false), info: None, info_refused: None });
    assert_eq!(asked, format!("{PING}*2\r\n$4\r\nAUTH\r\n$3\r\nkey\r\n{PING}{QUIT}"));

    // A name, and a password in which every byte could be a command of its own.
    let login = Login { username: Some("one"), password: "a\r\nFLUSHALL\r\n" };
    let (answer, asked) = against(b"-NOAUTH x\r\n+OK\r\n-LOADING x\r\n+OK\r\n", 7, Some(login), false).await;
    assert_eq!(answer.unwrap().state, State::Loading);
    assert_eq!(asked, format!("{PING}*3\r\n$4\r\nAUTH\r\n$3\r\none\r\n$13\r\na\r\nFLUSHALL\r\n\r\n{PING}{QUIT}"));
    assert!(!format!("{login:?}").contains("FLUSHALL"));

    for reply in [
        "-ERR AUTH <password> called without any password configured for the default user. Are you sure?\r\n",
        "-ERR Client sent AUTH, but no password is set\r\n",
    ] {
        let (answer, asked) = against(format!("+PONG\r\n{reply}+OK\r\n").as_bytes(), 7, PASSWORD, false).await;
        assert_eq!(answer.unwrap(), Answer { state: State::Ready, open: Some(true), info: None, info_refused: None });
        assert_eq!(asked, format!("{PING}*2\r\n$4\r\nAUTH\r\n$3\r\nkey\r\n{QUIT}"));
    }
    for (reply, word) in [
        ("-WRONGPASS invalid username-password pair or user is disabled.\r\n", "wrong_password"),
        ("-ERR invalid password\r\n", "wrong_password"),
        ("-ERR wrong number of arguments for 'auth' command\r\n", "error"),
        ("$2\r\nOK\r\n", "protocol"),
    ] {
        let error = against(format!("-NOAUTH x\r\n{reply}").as_bytes(), 7, PASSWORD, false).await.0.unwrap_err();
        assert_eq!(error.word(), word, "{reply}");
        assert!(!error.to_string().contains("key"), "{error}");
    }
}

#[tokio::test]
async fn info_is_asked_where_it_may_be() {
    let info = "# Server\r\nredis_version:7.0.15\r\n";
    let bulk = format!("+PONG\r\n${}\r\n{info}\r\n+OK\r\n", info.len());
    for pace in [1, 10, 4096] {
        let (answer, asked) = against(bulk.as_bytes(), pace, None, true).await;
        assert_eq!(answer.unwrap().info.unwrap().version.as_deref(), Some("7.0.15"));
        assert_eq!(asked, format!("{PING}*1\r\n$4\r\nINFO\r\n{QUIT}"));
    }
    let (answer, _) = against(b"+PONG\r\n-NOPERM this user has no permissions\r\n+OK\r\n", 9, None, true).await;
    assert_eq!(answer.unwrap().info_refused.as_deref(), Some("NOPERM"));
    // Not from one who has to log in first.
    let (answer, asked) = against(b"-NOAUTH x\r\n+OK\r\n", 9, None, true).await;
    assert_eq!((answer.unwrap().info, asked), (None, format!("{PING}{QUIT}")));
    for reply in ["$300000\r\n", "$5\r\nabcdefg\r\n", "+OK\r\n", "$5\r\nab"] {
        let error = against(format!("+PONG\r\n{reply}").as_bytes(), 9, None, true).await.0.unwrap_err();
        assert!(matches!(error, RedisError::TooLong(MAX_INFO) | RedisError::NotRedis(_)), "{reply}: {error}");
    }
}

#[test]
fn info_is_read_field_by_field() {
    let text = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nuptime_in_seconds:3600\r\n\r\n# Clients\r\nconnected_clients:2\r\n\
        blocked_clients:1\r\nmaxclients:10000\r\n# Memory\r\nused_memory:1048576\r\nmaxmemory:2097152\r\n# Persistence\r\nloading:0\r\n\
        rdb_last_bgsave_status:ok\r\naof_enabled:1\r\n# Stats\r\ntotal_commands_processed:9\r\nrejected_connections:3\r\nexpired_keys:4\r\n\
        evicted_keys:5\r\nkeyspace_hits:6\r\nkeyspace_misses:7\r\n# Replication\r\nrole:slave\r\nmaster_link_status:up\r\n\
        connected_slaves:0\r\n# Keyspace\r\ndb3:keys=2,expires=1,avg_ttl=0\r\ndb0:keys=5,expires=0,avg_ttl=0,subexpiry=0\r\n";
    let database = |number, keys, expires| Database { number, keys, expires: Some(expires) };
    let wanted = Info {
        version: Some("7.0.15".to_owned()),
        uptime_seconds: Some(3600),
        connected_clients: Some(2),
        blocked_clients: Some(1),
        max_clients: Some(10_000),
        used_memory_bytes: Some(1_048_576),
        max_memory_bytes: Some(2_097_152),
        evicted_keys: Some(5),
        expired_keys: Some(4),
        keyspace_hits: Some(6),
        keyspace_misses: Some(7),
        rejected_connections: Some(3),
        commands_processed: Some(9),
        role: Some(Role::Replica),
        master_link_up: Some(true),
        connected_replicas: Some(0),
        rdb_last_bgsave_ok: Some(true),
        aof_enabled: Some(true),
        loading: Some(false),
        databases: vec![database(0, 5, 0), database(3, 2, 1)],
        databases_left_out: 0,
    };
    assert_eq!(Info::parse(text), wanted);
    assert_eq!(Info::parse(&text.replace("\r\n", "\n")), wanted);
}

#[test]
fn info_makes_nothing_up() {
    for (text, wanted) in [
        ("maxmemory:0", Info::default()),
        (
            "used_memory:-5\nconnected_clients:1.5\nuptime_in_seconds:\nrole:prince\naof_enabled:2\nmaster_link_status:?",
            Info::default(),
        ),
        ("redis_version:7.0\u{1b}[31m", Info::default()),
        ("db0:expires=1\ndbx:keys=1\ndb:keys=1\ndb0:keys=x", Info::default()),
        ("redis_mode:sentinel\nsentinel_masters:1", Info { role: Some(Role::Sentinel), ..Info::default() }),
        ("redis_mode:cluster\nrole:master\ncluster_enabled:1", Info { role: Some(Role::Master), ..Info::default() }),
        ("loading:1", Info { loading: Some(true), ..Info::default() }),
        ("loading:2", Info { loading: Some(true), ..Info::default() }),
        ("rdb_last_bgsave_status:err", Info { rdb_last_bgsave_ok: Some(false), ..Info::default() }),
    ] {
        assert_eq!(Info::parse(text), wanted, "{text}");
    }
    let many: String = (0..40).map(|n| format!("db{n}:keys=1,expires=0\r\n")).collect();
    let info = Info::parse(&many);
    assert_eq!((info.databases.len(), info.databases_left_out), (MAX_DATABASES, 24));
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        fuzz::redis(&bytes);
    }

    #[test]
    fn near_misses_break_nothing(text in "[-+$*:][-0-9]{0,5}(\r\n)?[a-z:=,0-9\r\n]{0,40}") {
        fuzz::redis(text.as_bytes());
    }

    #[test]
    fn a_command_is_read_back_as_its_words(words in proptest::collection::vec(any::<String>(), 1..4)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let bytes = resp::command(&words);
        let head = format!("*{}\r\n", words.len());
        let mut rest = bytes.strip_prefix(head.as_bytes()).unwrap();
        for word in words {
            let (reply, used) = resp::reply(rest, 1 << 20).unwrap().unwrap();
            prop_assert_eq!(reply, Reply::Bulk(word.as_bytes().to_vec()));
            rest = rest.get(used..).unwrap();
        }
        prop_assert!(rest.is_empty());
    }
}
