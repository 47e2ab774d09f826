//! What a probe makes of real Redis and PostgreSQL servers (`compose/lab/services.sh` makes their image), each in the states that people
//! find theirs in; and what the servers' logs say about having been probed.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use spyhop::probes::{
    postgres::{self, PostgresError, Readiness, State as Postgres, Who, login::Login as PgLogin, statistics},
    redis::{self, Answer, Login, RedisError, Role as RedisRole, State as Redis},
};
use support::{
    container::{Role, Running},
    docker::{Docker, Turn, skip},
    tls_proxy::Authority,
    wait::{eventually, holds, patience},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Redis, PostgreSQL and nginx as Debian has them.
const SERVICES: &str = "spyhop-lab/services:1";

/// The engine, where it has the image.
fn engine() -> Option<Docker> {
    let docker = Docker::or_skip(Turn::Shared)?;
    match docker.cli(&["image", "inspect", SERVICES]) {
        Ok(_) => Some(docker),
        Err(_) => skip("image", &format!("{SERVICES} is not there: `make test` makes it")),
    }
}

fn now<T>(asked: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(patience(), asked).await.expect("an answer in time") })
}

fn address(container: &Running, port: u16) -> SocketAddr {
    let inspected = container.inspect();
    let address = inspected["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].as_str().unwrap();
    SocketAddr::new(address.parse().unwrap(), port)
}

// Redis.

fn redis(docker: &Docker, arguments: &str) -> Running {
    let script = format!("exec redis-server --protected-mode no --dir /tmp {arguments}");
    redis_by(docker, &script)
}

/// Certificate and key of a server in a folder, the option that shows it to a container, and who believes them.
struct Papers {
    folder: tempfile::TempDir,
    connector: TlsConnector,
}

impl Papers {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Authority::new().write_client(folder.path());
        let config = spyhop::net::client_config(Some(&folder.path().join("ca.pem")), None).unwrap();
        Self { folder, connector: TlsConnector::from(Arc::new(config)) }
    }

    fn volume(&self) -> String {
        format!("{}:/tls:ro", self.folder.path().display())
    }

    async fn shake_hands(&self, stream: TcpStream) -> TlsStream<TcpStream> {
        self.connector.connect(spyhop::net::server_name("client").unwrap(), stream).await.unwrap()
    }
}

/// A server which has begun to listen.
fn redis_by(docker: &Docker, script: &str) -> Running {
    redis_with(docker, script, &[])
}

fn redis_with(docker: &Docker, script: &str, options: &[&str]) -> Running {
    let recipe = docker.container("redis").of_image(SERVICES).options(&["--no-healthcheck"]).options(options);
    let container = recipe.role(Role::Script(script.to_owned())).start();
    listens(address(&container, 6379));
    container
}

fn listens(at: SocketAddr) {
    eventually("it listens", || std::net::TcpStream::connect_timeout(&at, Duration::from_secs(1)));
}

fn ask(container: &Running, login: Option<(Option<&str>, &str)>) -> Result<Answer, RedisError> {
    let login = login.map(|(username, password)| Login { username, password });
    let at = address(container, 6379);
    now(async {
        let mut stream = TcpStream::connect(at).await.map_err(RedisError::Io)?;
        redis::probe(&mut stream, login, true).await
    })
}

fn word(answer: Result<Answer, RedisError>) -> &'static str {
    answer.map_or_else(|error| error.word(), |answer| answer.state.word())
}

#[test]
fn redis_open_to_everybody() {
    let Some(docker) = engine() else { return };
    let server = redis(&docker, "--maxmemory 64mb --appendonly yes");
    server.exec(
        "redis-cli -n 3 set whale blue; redis-cli -n 3 get whale; redis-cli get whale; redis-cli set a b ex 1000",
    );
    let answer = ask(&server, None).unwrap();
    assert_eq!((answer.state, answer.open, answer.info_refused), (Redis::Ready, Some(true), None));
    let info = answer.info.unwrap();
    assert_eq!(info.version.as_deref(), Some("7.0.15"));
    assert_eq!((info.role, info.master_link_up, info.connected_replicas), (Some(RedisRole::Master), None, Some(0)));
    assert_eq!((info.max_memory_bytes, info.max_clients), (Some(64 << 20), Some(10_000)));
    assert_eq!((info.keyspace_hits, info.keyspace_misses, info.evicted_keys), (Some(1), Some(1), Some(0)));
    assert_eq!((info.rdb_last_bgsave_ok, info.aof_enabled, info.loading), (Some(true), Some(true), Some(false)));
    assert_eq!((info.connected_clients, info.blocked_clients, info.rejected_connections), (Some(1), Some(0), Some(0)));
    assert!(info.used_memory_bytes > Some(100_000) && info.uptime_seconds.is_some() && info.expired_keys.is_some());
    assert!(info.commands_processed >= Some(4), "{info:?}");
    let keys: Vec<_> =
        info.databases.iter().map(|database| (database.number, database.keys, database.expires)).collect();
    assert_eq!(keys, [(0, 1, Some(1)), (3, 1, Some(0))]);
    // A password that nobody asked for changes nothing.
    let answer = ask(&server, Some((None, "key"))).unwrap();
    assert_eq!((answer.state, answer.open), (Redis::Ready, Some(true)));
    // It went as it should: nobody is left behind.
    eventually("clients gone", || {
        let clients = server.exec("redis-cli client list");
        holds(clients.lines().count() == 1, || clients)
    });
}

#[test]
fn redis_behind_a_password() {
    let Some(docker) = engine() else { return };
    let server = redis(&docker, "--requirepass key --user one on '>two' +ping --user full on '>two' +@all '~*'");
    let answer = ask(&server, None).unwrap();
    assert_eq!(answer, Answer { state: Redis::Protected, open: Some(false), info: None, info_refused: None });
    let answer = ask(&server, Some((None, "key"))).unwrap();
    assert_eq!((answer.state, answer.open), (Redis::Ready, Some(false)));
    assert_eq!(answer.info.unwrap().role, Some(RedisRole::Master));
    assert!(ask(&server, Some((Some("full"), "two"))).unwrap().info.is_some());
    // A user that may PING and no more.
    let answer = ask(&server, Some((Some("one"), "two"))).unwrap();
    assert_eq!((answer.state, answer.info, answer.info_refused.as_deref()), (Redis::Ready, None, Some("NOPERM")));
    for login in [(None, "yek"), (Some("one"), "key"), (Some("nobody"), "key"), (None, "key\r\nPING")] {
        assert_eq!(word(ask(&server, Some(login))), "wrong_password", "{login:?}");
    }
}

#[test]
fn redis_which_does_not_serve() {
    let Some(docker) = engine() else { return };
    let shut = redis_by(&docker, "exec redis-server");
    assert_eq!(word(ask(&shut, None)), "protected_mode");

    let orphan = redis(&docker, "--replicaof 127.0.0.1 1 --replica-serve-stale-data no");
    let answer = ask(&orphan, None).unwrap();
    assert_eq!((answer.state, answer.open), (Redis::MasterDown, None));
    let info = answer.info.unwrap();
    assert_eq!((info.role, info.master_link_up), (Some(RedisRole::Replica), Some(false)));

    let full = redis(&docker, "--maxclients 1");
    let taken = std::net::TcpStream::connect(address(&full, 6379)).unwrap();
    eventually("one client", || holds(word(ask(&full, None)) == "too_many_clients", || "not full".to_owned()));
    drop(taken);
    eventually("room again", || holds(word(ask(&full, None)) == "ready", || "full".to_owned()));

    let busy = redis(&docker, "--busy-reply-threshold 50");
    docker.run(&["exec", "--detach", &busy.id, "redis-cli", "eval", "while true do end", "0"]);
    eventually("a script", || holds(word(ask(&busy, None)) == "busy", || "idle".to_owned()));

    // Its folder is gone when it comes to write a snapshot.
    let homeless =
        redis_by(&docker, "mkdir /tmp/home; cd /tmp/home; exec redis-server --protected-mode no --save '3600 1'");
    homeless.exec("redis-cli set whale blue; rm -r /tmp/home; redis-cli bgsave");
    eventually("no snapshot", || holds(word(ask(&homeless, None)) == "persistence_fails", || "saved".to_owned()));
    assert_eq!(ask(&homeless, None).unwrap().info.unwrap().rdb_last_bgsave_ok, Some(false));

    // A thousand keys, each of which takes 50 milliseconds to load.
    let loading = redis_by(
        &docker,
        "cd /tmp; redis-server --save '' --port 1 --enable-debug-command yes & until redis-cli -p 1 debug populate 1000; do sleep 0.1; done;
         redis-cli -p 1 save; redis-cli -p 1 shutdown nosave; wait;
         exec redis-server --protected-mode no --key-load-delay 50000 --loading-process-events-interval-bytes 1024",
    );
    let answer = ask(&loading, None).unwrap();
    assert_eq!((answer.state, answer.open), (Redis::Loading, None));
    assert_eq!(answer.info.unwrap().loading, Some(true));
}

#[test]
fn redis_over_tls() {
    let Some(docker) = engine() else { return };
    let papers = Papers::new();
    let script = "exec redis-server --protected-mode no --port 0 --tls-port 6379 --tls-auth-clients no \
        --tls-cert-file /tls/cert.pem --tls-key-file /tls/key.pem --tls-ca-cert-file /tls/ca.pem --requirepass key";
    let server = redis_with(&docker, script, &["--volume", &papers.volume()]);
    // Without TLS it hangs up, and does not say why.
    assert_eq!(word(ask(&server, None)), "closed");
    let at = address(&server, 6379);
    let answer = now(async {
        let mut stream = papers.shake_hands(TcpStream::connect(at).await.unwrap()).await;
        redis::probe(&mut stream, Some(Login { username: None, password: "key" }), true).await
    });
    let answer = answer.unwrap();
    assert_eq!((answer.state, answer.open), (Redis::Ready, Some(false)));
    assert!(answer.info.is_some());
}

#[test]
fn redis_of_other_kinds() {
    let Some(docker) = engine() else { return };
    let sentinel = redis_by(
        &docker,
        "printf 'port 6379\nsentinel monitor one 127.0.0.1 1 1\n' >/tmp/it; exec redis-server /tmp/it --sentinel --protected-mode no",
    );
    let answer = ask(&sentinel, None).unwrap();
    assert_eq!((answer.state, answer.open), (Redis::Ready, Some(true)));
    assert_eq!(answer.info.unwrap().role, Some(RedisRole::Sentinel));
    let member = redis(&docker, "--cluster-enabled yes");
    let answer = ask(&member, None).unwrap();
    assert_eq!((answer.state, answer.info.unwrap().role), (Redis::Ready, Some(RedisRole::Master)));
    // PING is no start-up message to PostgreSQL.
    let postgres = postgres(&docker, "trust", "", "");
    let at = address(&postgres, 5432);
    let answer = now(async { redis::probe(&mut TcpStream::connect(at).await.unwrap(), None, false).await });
    assert_eq!(word(answer), "closed");
}

// PostgreSQL.

/// A server which lets everybody in from elsewhere by `method`; `first` is SQL to begin with, `options` are its own.
fn postgres(docker: &Docker, method: &str, first: &str, options: &str) -> Running {
    let server = postgres_by(
        docker,
        &format!("echo 'host all all all {method}' >>pg_hba.conf; exec postgres -D . -k /tmp {options}"),
    );
    eventually("it takes queries", || {
        docker.cli(&["exec", &server.id, "psql", "--command", &format!("select 1; {first}")])
    });
    server
}

fn postgres_by(docker: &Docker, script: &str) -> Running {
    postgres_with(docker, script, &[])
}

fn postgres_with(docker: &Docker, script: &str, more: &[&str]) -> Running {
    let options = ["--no-healthcheck", "--user", "postgres", "--workdir", "/var/lib/postgresql/data"];
    let set = "-c listen_addresses=* -c fsync=off";
    let script = script.replace("-k /tmp", &format!("-k /tmp {set}"));
    let recipe = docker.container("postgres").of_image(SERVICES).options(&options).options(more);
    let server = recipe.role(Role::Script(script)).start();
    listens(address(&server, 5432));
    server
}

async fn ready(at: SocketAddr, who: Who<'_>) -> Result<Readiness, PostgresError> {
    postgres::ready(&mut TcpStream::connect(at).await.map_err(PostgresError::Io)?, who).await
}

fn readiness(server: &Running, user: &str) -> Readiness {
    now(ready(address(server, 5432), Who { user, database: "postgres" })).unwrap()
}

fn statistics(
    server: &Running,
    port: u16,
    user: &str,
    password: Option<&str>,
) -> Result<statistics::Statistics, PostgresError> {
    let login = PgLogin { who: Who { user, database: "postgres" }, password, encrypted: false };
    let ask = statistics::Ask { statement_timeout: Duration::from_secs(5), sizes: true };
    let at = address(server, port);
    now(async { statistics::read(&mut TcpStream::connect(at).await.map_err(PostgresError::Io)?, login, ask).await })
}

/// Lines of the log that say FATAL.
fn fatal(docker: &Docker, server: &Running) -> Vec<String> {
    let host = format!("unix://{}", docker.socket().display());
    let output = std::process::Command::new("docker").args(["--host", &host, "logs", &server.id]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.lines().filter(|line| line.contains("FATAL")).map(str::to_owned).collect()
}

#[test]
fn postgres_open_to_everybody() {
    let Some(docker) = engine() else { return };
    let server = postgres(&docker, "trust", "", "");
    let wanted = Readiness { state: Postgres::Accepting, open: Some(true), refusal: None };
    assert_eq!(readiness(&server, "postgres"), wanted);
    let at = address(&server, 5432);
    assert!(!now(async { postgres::ssl_request(&mut TcpStream::connect(at).await.unwrap()).await }).unwrap());
    assert!(statistics(&server, 5432, "postgres", None).unwrap().open);
    assert_eq!(fatal(&docker, &server), [""; 0], "a probe is not to be seen in the log");
    // It is there, and says why it lets nobody of that name in: a line in its log each time.
    let unknown = readiness(&server, "nobody");
    assert_eq!((unknown.state, unknown.open), (Postgres::Accepting, Some(true)));
    assert_eq!(unknown.refusal.unwrap().to_string(), "role \"nobody\" does not exist (28000)");
    eventually("one line", || holds(fatal(&docker, &server).len() == 1, || fatal(&docker, &server).join("\n")));
}

#[test]
fn postgres_behind_scram() {
    let Some(docker) = engine() else { return };
    let first = "create role watch login password 'key'; grant pg_monitor to watch; create role plain login password 'kéy'; \
        alter role postgres password 'root'";
    let server = postgres(&docker, "scram-sha-256", first, "");
    let wanted = Readiness { state: Postgres::Accepting, open: Some(false), refusal: None };
    for user in ["postgres", "watch", "nobody"] {
        assert_eq!(readiness(&server, user), wanted, "{user}");
    }
    let seen = statistics(&server, 5432, "watch", Some("key")).unwrap();
    assert!(!seen.open && seen.sees_all && seen.standby.is_none(), "{seen:?}");
    assert_eq!((seen.max_connections, seen.reserved_connections, seen.replicas), (Some(100), Some(3), Some(0)));
    assert!(seen.version.as_deref().is_some_and(|version| version.starts_with("15.")), "{seen:?}");
    assert_eq!(seen.connections, [(statistics::Activity::Active, 1)]);
    assert_eq!(seen.oldest_transaction_seconds, Some(0.0));
    assert_eq!((seen.databases.len(), seen.databases_left_out), (1, 0));
    let database = &seen.databases[0];
    assert_eq!((database.name.as_str(), database.connections, database.deadlocks), ("postgres", Some(1), Some(0)));
    assert!(database.commits > Some(0) && database.size_bytes > Some(1_000_000), "{database:?}");
    assert!(database.cache_hit_ratio().is_some_and(|ratio| ratio > 0.0 && ratio <= 1.0), "{database:?}");
    assert_eq!(fatal(&docker, &server), [""; 0], "a probe is not to be seen in the log");

    // A role which may see nobody's sessions but its own, and a password outside of ASCII.
    let seen = statistics(&server, 5432, "plain", Some("kéy")).unwrap();
    assert_eq!((seen.sees_all, seen.oldest_transaction_seconds), (false, None));
    assert!(seen.databases[0].size_bytes.is_some() && seen.max_connections.is_some());
    for (user, password, word) in [
        ("watch", Some("yek"), "wrong_password"),
        ("nobody", Some("key"), "wrong_password"),
        ("watch", None, "password_wanted"),
    ] {
        assert_eq!(statistics(&server, 5432, user, password).unwrap_err().word(), word, "{user}");
    }
}

#[test]
fn postgres_which_wants_what_is_not_given() {
    let Some(docker) = engine() else { return };
    for (method, error) in [("md5", "MD5 hash"), ("password", "clear text")] {
        let first = "set password_encryption = 'md5'; alter role postgres password 'key'";
        let server = postgres(&docker, method, first, "");
        assert_eq!(
            readiness(&server, "postgres"),
            Readiness { state: Postgres::Accepting, open: Some(false), refusal: None }
        );
        let refused = statistics(&server, 5432, "postgres", Some("key")).unwrap_err().to_string();
        assert!(refused.contains(error), "{refused}");
    }
    let server = postgres(&docker, "reject", "", "");
    let refused = readiness(&server, "postgres");
    assert_eq!((refused.state, refused.open), (Postgres::Accepting, None));
    assert_eq!(refused.refusal.unwrap().sqlstate, "28000");
    assert_eq!(statistics(&server, 5432, "postgres", None).unwrap_err().word(), "denied");
}

#[test]
fn postgres_over_tls() {
    let Some(docker) = engine() else { return };
    let papers = Papers::new();
    let script = "cat /tls/key.pem >/tmp/key && chmod 600 /tmp/key && echo 'hostssl all all all password' >>pg_hba.conf && \
        exec postgres -D . -k /tmp -c ssl=on -c ssl_cert_file=/tls/cert.pem -c ssl_key_file=/tmp/key";
    let server = postgres_with(&docker, script, &["--volume", &papers.volume()]);
    let change = "alter role postgres password 'key'";
    eventually("it takes queries", || docker.cli(&["exec", &server.id, "psql", "--command", change]));
    // Without TLS it knows nobody, and is there all the same.
    let plain = readiness(&server, "postgres");
    assert_eq!((plain.state, plain.refusal.unwrap().sqlstate.as_str()), (Postgres::Accepting, "28000"));
    let at = address(&server, 5432);
    let upgraded = async || {
        let mut stream = TcpStream::connect(at).await.unwrap();
        assert!(postgres::ssl_request(&mut stream).await.unwrap());
        papers.shake_hands(stream).await
    };
    let ready = now(async { postgres::ready(&mut upgraded().await, Who::default()).await }).unwrap();
    assert_eq!(ready, Readiness { state: Postgres::Accepting, open: Some(false), refusal: None });
    // Here the password itself may go.
    let login = PgLogin { who: Who::default(), password: Some("key"), encrypted: true };
    let ask = statistics::Ask { statement_timeout: Duration::from_secs(5), sizes: false };
    let seen = now(async { statistics::read(&mut upgraded().await, login, ask).await }).unwrap();
    assert_eq!((seen.open, seen.databases[0].name.as_str(), seen.databases[0].size_bytes), (false, "postgres", None));
}

#[test]
fn postgres_which_takes_nobody() {
    let Some(docker) = engine() else { return };
    let starting = postgres_by(
        &docker,
        "touch recovery.signal; echo 'host all all all trust' >>pg_hba.conf;
         exec postgres -D . -k /tmp -c restore_command='sleep 600; false'",
    );
    let answer = readiness(&starting, "postgres");
    assert_eq!((answer.state, answer.state.pg_isready(), answer.open), (Postgres::Rejecting, 1, None));
    assert_eq!(answer.refusal.unwrap().to_string(), "the database system is starting up (57P03)");
    assert_eq!(statistics(&starting, 5432, "postgres", None).unwrap_err().word(), "rejecting");
    // Which a request for TLS would not have shown.
    let at = address(&starting, 5432);
    assert!(!now(async { postgres::ssl_request(&mut TcpStream::connect(at).await.unwrap()).await }).unwrap());

    let options = "-c max_connections=2 -c superuser_reserved_connections=0 -c max_wal_senders=0";
    let full = postgres(&docker, "trust", "", options);
    for _ in 0..2 {
        // Again, when a probe had the last place at that moment.
        let hold = "until psql --command 'select pg_sleep(600)'; do sleep 0.1; done";
        docker.run(&["exec", "--detach", &full.id, "sh", "-c", hold]);
    }
    eventually("all taken", || {
        let answer = readiness(&full, "postgres");
        holds(answer.state == Postgres::Full && answer.state.pg_isready() == 0, || format!("{answer:?}"))
    });
}

#[test]
fn postgres_with_a_standby_and_many_databases() {
    let Some(docker) = engine() else { return };
    let server = postgres(&docker, "trust", "", "");
    server.exec("for n in $(seq 25); do psql --quiet --command \"create database d$n\"; done");
    server.exec("pg_basebackup --pgdata=/tmp/standby --write-recovery-conf --checkpoint=fast --no-sync");
    docker.run(&[
        "exec",
        "--detach",
        &server.id,
        "postgres",
        "-D",
        "/tmp/standby",
        "-k",
        "/tmp",
        "-c",
        "port=5433",
        "-c",
        "listen_addresses=*",
    ]);
    listens(address(&server, 5433));
    let standby = eventually("it streams", || {
        let seen = statistics(&server, 5433, "postgres", None).map_err(|error| error.to_string())?;
        let standby = seen.standby.ok_or("no standby")?;
        if standby.streaming && standby.lag_seconds == Some(0.0) { Ok(standby) } else { Err(format!("{standby:?}")) }
    });
    assert_eq!(standby.replay_bytes, Some(0));
    let primary = statistics(&server, 5432, "postgres", None).unwrap();
    assert_eq!((primary.replicas, primary.standby), (Some(1), None));
    assert_eq!((primary.databases.len(), primary.databases_left_out), (statistics::MAX_DATABASES, 6));
    assert_eq!(primary.databases[0].name, "postgres");
    assert!(primary.databases.iter().all(|database| database.size_bytes.is_some()));

    // A transaction that stays open, and is not this probe's own.
    docker.run(&["exec", "--detach", &server.id, "psql", "--command", "begin; select pg_sleep(600)"]);
    eventually("its age", || {
        let seen = statistics(&server, 5432, "postgres", None).unwrap();
        let age = seen.oldest_transaction_seconds;
        holds(age > Some(0.0) && seen.connections == [(statistics::Activity::Active, 2)], || format!("{seen:?}"))
    });
}
