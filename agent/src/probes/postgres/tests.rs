use std::time::Duration;

use proptest::prelude::*;

use super::{login::Login, statistics::*, *};

/// A message of the server.
fn said(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], length.to_be_bytes().as_slice(), body].concat()
}

fn authentication(kind: u32, rest: &[u8]) -> Vec<u8> {
    said(b'R', &[&kind.to_be_bytes(), rest].concat())
}

fn refusal(sqlstate: &str, text: &str) -> Vec<u8> {
    said(b'E', format!("SFATAL\0VFATAL\0C{sqlstate}\0M{text}\0Fpostmaster.c\0L2415\0\0").as_bytes())
}

fn row(values: &[Option<&str>]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
        body.extend(length.to_be_bytes());
        body.extend(value.unwrap_or_default().as_bytes());
    }
    said(b'D', &body)
}

fn idle() -> Vec<u8> {
    said(b'Z', b"I")
}

/// What a server says whose password is asked for by nobody, up to the first query.
fn let_in() -> Vec<u8> {
    let parameter = said(b'S', b"server_version\x0015.18\0");
    [authentication(0, b""), parameter, said(b'N', b"CX\0\0"), said(b'K', &[0; 8]), said(b'?', b"new"), idle()].concat()
}

/// What `asks` makes of a server which says `replies`, `pace` bytes at a time, and what it was told.
async fn against<T>(
    replies: &[u8],
    pace: usize,
    asks: impl AsyncFnOnce(&mut tokio::io::DuplexStream) -> T,
) -> (T, Vec<u8>) {
    let (mut client, server) = tokio::io::duplex(pace);
    let (mut from, mut to) = tokio::io::split(server);
    let says = async {
        // It may be gone before everything is said.
        drop(to.write_all(replies).await);
        drop(to.shutdown().await);
    };
    let hears = async {
        let mut heard = Vec::new();
        // It closes when it likes.
        drop(from.read_to_end(&mut heard).await);
        heard
    };
    let asks = async {
        let answer = asks(&mut client).await;
        drop(client);
        answer
    };
    let (answer, heard, ()) = tokio::join!(asks, hears, says);
    (answer, heard)
}

async fn readiness(replies: &[u8], pace: usize) -> (Result<Readiness, PostgresError>, Vec<u8>) {
    against(replies, pace, async |stream| ready(stream, Who::default()).await).await
}

const STARTUP: &[u8] =
    b"\0\0\0\x56\0\x03\0\0user\0postgres\0database\0postgres\0application_name\0spyhop\0client_encoding\0UTF8\0\0";
const GOODBYE: &[u8] = b"X\0\0\0\x04";

/// What a server says; the state, pg_isready's code, whether it is open and what it refused with; what it is told last.
type Case = (Vec<u8>, State, u8, Option<bool>, &'static str, &'static [u8]);

#[tokio::test]
async fn readiness_is_what_pg_isready_says() {
    let sasl = authentication(10, b"SCRAM-SHA-256\0\0");
    let late = [authentication(0, b""), refusal("53300", "remaining connection slots are reserved")].concat();
    let unknown = [authentication(0, b""), refusal("28000", "role \"postgres\" does not exist")].concat();
    let table: &[Case] = &[
        (let_in(), State::Accepting, 0, Some(true), "", GOODBYE),
        (sasl, State::Accepting, 0, Some(false), "", b""),
        (authentication(5, b"salt"), State::Accepting, 0, Some(false), "", b""),
        (authentication(3, b""), State::Accepting, 0, Some(false), "", b""),
        (authentication(99, b"new"), State::Accepting, 0, Some(false), "", b""),
        (refusal("57P03", "the database system is starting up"), State::Rejecting, 1, None, "57P03", b""),
        (refusal("53300", "sorry, too many clients already"), State::Full, 0, None, "53300", b""),
        (refusal("28000", "no pg_hba.conf entry"), State::Accepting, 0, None, "28000", b""),
        (late, State::Full, 0, Some(true), "53300", b""),
        (unknown, State::Accepting, 0, Some(true), "28000", b""),
    ];
    for (replies, state, code, open, sqlstate, last) in table {
        for pace in [1, 5, 4096] {
            let (readiness, told) = readiness(replies, pace).await;
            let readiness = readiness.unwrap();
            assert_eq!((readiness.state, readiness.open, state.pg_isready()), (*state, *open, *code));
            assert_eq!(readiness.refusal.map(|refusal| refusal.sqlstate).unwrap_or_default(), *sqlstate);
            assert_eq!(told, [STARTUP, *last].concat(), "{}", told.escape_ascii());
            assert_eq!(state.is_up(), *state == State::Accepting);
        }
    }
}

#[tokio::test]
async fn what_is_no_postgres_is_told_apart() {
    let parameters = said(b'S', b"a\0b\0").repeat(8_000);
    let chatter = [authentication(0, b""), parameters].concat();
    let huge = [authentication(0, b""), b"S\x7f\xff\xff\xff".to_vec()].concat();
    let table: &[(&[u8], &str, &str)] = &[
        (b"", "closed", "closed the connection"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "expects_tls", "expects TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol", "HTTP"),
        (b"-ERR unknown command\r\n", "protocol", "-ERR"),
        (b"EFATAL:  could not fork\n\0", "protocol", "EFATA"),
        (b"R\0\0", "protocol", "R"),
        (b"R\0\0\0\x03", "protocol", "R"),
        (b"R\0\0\0\x06\0\0", "protocol", "R"),
        (b"Z\0\0\0\x05I", "protocol", "Z"),
        (b"R\0\0\0\x0a\0\0\0\x0aSC", "protocol", "SC"),
        (b"E\0\0\0\x06Cx", "protocol", "Cx"),
        (&chatter, "too_large", "65536"),
        (&huge, "too_large", "65536"),
    ];
    for (replies, word, says) in table {
        for pace in [1, 4096] {
            let error = readiness(replies, pace).await.0.unwrap_err();
            let text = error.to_string();
            assert_eq!(error.word(), *word, "{}: {text}", replies.get(..20).unwrap_or(replies).escape_ascii());
            assert!(text.contains(says) && !text.contains(char::is_control) && text.len() < 800, "{text}");
        }
    }
}

#[tokio::test]
async fn a_server_says_whether_it_goes_on_with_tls() {
    for (reply, wanted) in
        [("S", Ok(true)), ("N", Ok(false)), ("", Err("closed")), ("E", Err("protocol")), ("\x15", Err("protocol"))]
    {
        let (answer, told) = against(reply.as_bytes(), 64, async |stream| ssl_request(stream).await).await;
        assert_eq!(answer.map_err(|error| error.word()), wanted, "{reply}");
        assert_eq!(told, b"\0\0\0\x08\x04\xd2\x16\x2f");
    }
}

fn login<'a>(password: Option<&'a str>, encrypted: bool) -> Login<'a> {
    Login { who: Who::default(), password, encrypted }
}

const ASK: Ask = Ask { statement_timeout: Duration::from_millis(1500), sizes: true };

async fn statistics(replies: &[u8], pace: usize, login: Login<'_>) -> (Result<Statistics, PostgresError>, Vec<u8>) {
    against(replies, pace, async |stream| read(stream, login, ASK).await).await
}

#[tokio::test]
async fn the_password_goes_to_nobody_who_should_not_have_it() {
    let wants = |kind: u32, rest: &[u8]| authentication(kind, rest);
    let table = [
        (wants(3, b""), Some("key"), false, "authentication_unsupported"),
        (wants(5, b"salt"), Some("key"), true, "authentication_unsupported"),
        (wants(7, b""), Some("key"), true, "authentication_unsupported"),
        (wants(10, b"SCRAM-SHA-256-PLUS\0\0"), Some("key"), true, "authentication_unsupported"),
        (wants(10, b"SCRAM-SHA-256\0\0"), None, true, "password_wanted"),
        (wants(3, b""), None, true, "password_wanted"),
        // In, and then it asks; a challenge to nothing.
        ([wants(0, b""), wants(3, b"")].concat(), Some("key"), true, "server_not_proven"),
        ([wants(3, b""), wants(3, b"")].concat(), Some("key"), true, "server_not_proven"),
        (wants(11, b"r=x,s=QQ==,i=1"), Some("key"), false, "authentication_unsupported"),
        // It lets us in in the middle of SCRAM, having proven nothing.
        ([wants(10, b"SCRAM-SHA-256\0\0"), wants(0, b""), idle()].concat(), Some("key"), false, "server_not_proven"),
        (
            [wants(10, b"SCRAM-SHA-256\0\0"), wants(11, b"r=theirs,s=QQ==,i=4096")].concat(),
            Some("key"),
            false,
            "server_not_proven",
        ),
        (refusal("57P03", "starting up"), Some("key"), false, "rejecting"),
        (refusal("53300", "too many"), Some("key"), false, "too_many_clients"),
        (refusal("3D000", "no such database"), Some("key"), false, "denied"),
        (
            [wants(10, b"SCRAM-SHA-256\0\0"), refusal("28P01", "password authentication failed")].concat(),
            Some("key"),
            false,
            "wrong_password",
        ),
    ];
    for (replies, password, encrypted, word) in table {
        for pace in [1, 4096] {
            let (answer, told) = statistics(&replies, pace, login(password, encrypted)).await;
            assert_eq!(answer.unwrap_err().word(), word, "{}", replies.escape_ascii());
            // Once, to the one which asked for it over TLS before it asked again.
            let given = told.windows(3).filter(|three| three == b"key").count();
            assert_eq!(
                given,
                usize::from(replies == [wants(3, b""), wants(3, b"")].concat()),
                "{}",
                replies.escape_ascii()
            );
        }
    }
    assert!(!format!("{:?}", login(Some("key"), true)).contains("key\""));
}

#[tokio::test]
async fn answers_become_statistics() {
    let done = || [said(b'C', b"x\0"), idle()].concat();
    let server = [
        Some("1764300000.5"),
        Some("100"),
        Some("3"),
        Some("t"),
        Some("2"),
        Some("f"),
        Some("f"),
        None,
        None,
        Some("12.5"),
    ];
    let sessions = [(Some("active"), "1"), (None, "2"), (Some("idle in transaction"), "3"), (Some("disabled"), "4")];
    let sessions: Vec<u8> = sessions.iter().flat_map(|(state, count)| row(&[*state, Some(count)])).collect();
    let shop = ["shop", "5", "10", "1", "90", "10", "0", "7", "0", "8000000"].map(Some);
    let bare = [Some("bare"), Some("-1"), Some("x"), None, None, None, None, None, None, None];
    let databases = [shop, bare].map(|values| row(&[&values[..], &[Some("31")]].concat())).concat();
    let replies = [
        let_in(),
        done(),
        done(),
        row(&server),
        done(),
        sessions,
        done(),
        said(b'T', &[0; 40]),
        databases,
        done(),
        done(),
    ]
    .concat();
    for pace in [1, 7, 4096] {
        let (answer, told) = statistics(&replies, pace, login(None, false)).await;
        let answer = answer.unwrap();
        let wanted = Statistics {
            open: true,
            version: Some("15.18".to_owned()),
            start_time_seconds: Some(1_764_300_000.5),
            max_connections: Some(100),
            reserved_connections: Some(3),
            sees_all: true,
            connections: vec![(Activity::Active, 1), (Activity::IdleInTransaction, 3), (Activity::Unknown, 6)],
            oldest_transaction_seconds: Some(12.5),
            replicas: Some(2),
            standby: None,
            databases: vec![
                Database {
                    name: "shop".to_owned(),
                    connections: Some(5),
                    commits: Some(10),
                    rollbacks: Some(1),
                    blocks_hit: Some(90),
                    blocks_read: Some(10),
                    deadlocks: Some(0),
                    temp_bytes: Some(7),
                    conflicts: Some(0),
                    size_bytes: Some(8_000_000),
                },
                Database { name: "bare".to_owned(), ..Database::default() },
            ],
            databases_left_out: 11,
        };
        assert_eq!(answer, wanted);
        let ratios: Vec<_> = answer.databases.iter().map(Database::cache_hit_ratio).collect();
        assert_eq!(ratios, [Some(0.9), None]);
        let told = String::from_utf8_lossy(&told).into_owned();
        let words = [
            "begin read only",
            "set local statement_timeout = 1500\0",
            "pg_database_size",
            "\x0bcommit\0",
            "X\0\0\0\x04",
        ];
        let at: Vec<_> = words.iter().map(|word| told.find(word).unwrap_or_else(|| panic!("{word}: {told}"))).collect();
        assert!(at.is_sorted() && told.ends_with("X\0\0\0\x04"), "{told}");
    }
}

#[tokio::test]
async fn a_standby_says_how_far_behind_it_is() {
    let done = || [said(b'C', b"x\0"), idle()].concat();
    let table = [
        // Streams, all replayed; streams, behind; from an archive; nothing replayed yet; a primary.
        (["t", "t", "0", "500.0"], Some((true, Some(0.0), Some(0)))),
        (["t", "t", "4096", "2.5"], Some((true, Some(2.5), Some(4096)))),
        (["t", "f", "0", "500.0"], Some((false, Some(500.0), Some(0)))),
        (["t", "f", "-8", "3.0"], Some((false, Some(3.0), Some(0)))),
        (["t", "f", "", ""], Some((false, None, None))),
        (["f", "f", "", "1.0"], None),
    ];
    for (values, wanted) in table {
        let values = values.map(|value| Some(value).filter(|value| !value.is_empty()));
        let server = row(&[&[None, None, None, None, None], &values[..], &[Some("9")]].concat());
        let replies = [let_in(), done(), done(), server, done(), done(), done(), done()].concat();
        let answer = statistics(&replies, 4096, login(None, false)).await.0.unwrap();
        let standby = answer.standby.map(|standby| (standby.streaming, standby.lag_seconds, standby.replay_bytes));
        assert_eq!(standby, wanted, "{values:?}");
        // Others' sessions are hidden from it: their age is not known, and not zero.
        assert_eq!((answer.sees_all, answer.oldest_transaction_seconds), (false, None));
    }
}

#[tokio::test]
async fn a_refused_query_and_a_flood_of_rows_end_it() {
    let (error, _) =
        statistics(&[let_in(), refusal("57014", "canceling statement"), idle()].concat(), 64, login(None, false)).await;
    assert_eq!(error.unwrap_err().to_string(), "postgres refused to answer: canceling statement (57014)");
    let flood = [let_in(), row(&[Some(&"x".repeat(60_000))]).repeat(20)].concat();
    assert_eq!(statistics(&flood, 65_536, login(None, false)).await.0.unwrap_err().word(), "too_large");
    let wide = [let_in(), row(&[None; 40])].concat();
    assert_eq!(statistics(&wide, 4096, login(None, false)).await.0.unwrap_err().word(), "protocol");
}

/// The example of RFC 7677.
#[test]
fn scram_is_that_of_the_standard() {
    let server_first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    let client = || scram::Client::with("user", "rOprNGfwEbeRWgbNEkqO");
    assert_eq!(client().first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let (last, proof) = client().last(server_first, "pencil").unwrap();
    let wanted =
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    assert_eq!(last, wanted);
    proof.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
    for (word, error) in [
        ("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", scram::ScramError::NotProven),
        ("v=", scram::ScramError::NotProven),
        ("v=6rri", scram::ScramError::NotProven),
        ("v=!", scram::ScramError::Malformed),
        ("e=other-error", scram::ScramError::Malformed),
        ("", scram::ScramError::Malformed),
    ] {
        assert_eq!(proof.verify(word.as_bytes()), Err(error), "{word}");
    }
    let (_, other) = client().last(server_first, "Pencil").unwrap();
    assert_eq!(other.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Err(scram::ScramError::NotProven));
}

#[test]
fn scram_takes_no_challenge_that_is_not_meant_for_it() {
    use scram::ScramError::*;
    for (challenge, error) in [
        ("r=mine,s=QQ==,i=1", Nonce),
        ("r=min,s=QQ==,i=1", Nonce),
        ("r=yours,s=QQ==,i=1", Nonce),
        ("m=must,r=mine1,s=QQ==,i=1", Malformed),
        ("r=mine1,s=,i=1", Malformed),
        ("r=mine1,s=Q,i=1", Malformed),
        ("r=mine1,s=QQ==,i=0", Malformed),
        ("r=mine1,s=QQ==,i=-1", Malformed),
        ("r=mine1,s=QQ==", Malformed),
        ("s=QQ==,r=mine1,i=1", Malformed),
        ("", Malformed),
        ("r=mine1,s=QQ==,i=100001", Iterations(100_001)),
        ("r=mine1,s=QQ==,i=4294967296", Malformed),
    ] {
        let answer = scram::Client::with("", "mine").last(challenge.as_bytes(), "key");
        assert_eq!(answer.map(|_| ()), Err(error), "{challenge}");
    }
    assert!(scram::Client::with("", "mine").last(b"r=mine1,s=QQ==,i=1,x=later", "key").is_ok());
    let (one, two) = (scram::Client::new().unwrap().first(), scram::Client::new().unwrap().first());
    assert!(one != two && one.len() == "n,,n=,r=".len() + 24, "{one} {two}");
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        super::fuzz::postgres(&bytes);
    }

    #[test]
    fn messages_of_a_server_survive_being_changed(at in 0usize..300, byte in any::<u8>()) {
        let mut bytes = [authentication(10, b"SCRAM-SHA-256\0\0"), refusal("57P03", "no"), row(&[Some("a"), None]), let_in()].concat();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        super::fuzz::postgres(&bytes);
    }

    #[test]
    fn rows_are_read_back(values in proptest::collection::vec(proptest::option::of("[a-z0-9 ]{0,9}"), 0..12)) {
        let bytes = row(&values.iter().map(|value| value.as_deref()).collect::<Vec<_>>());
        let frame = message::frame(&bytes).unwrap().unwrap();
        prop_assert_eq!((message::Message::parse(frame), frame.used), (Ok(message::Message::Row(values)), bytes.len()));
    }
}
