//! Redis 7.0, PostgreSQL 15 and nginx 1.22 said these lines; klog, syslog and the rest are in the shape of theirs.

use super::*;

#[test]
fn redis() {
    check(&[
        ("15570:C 28 Nov 2026 05:22:33.290 # Configuration loaded", "redis warn application"),
        ("15570:M 28 Nov 2026 05:22:33.291 * Ready to accept connections", "redis info application"),
        (
            "15570:M 28 Nov 2026 05:22:33.292 . 0 clients connected (0 replicas), 876344 bytes in use",
            "redis debug application",
        ),
        ("15570:M 28 Nov 2026 05:22:34.291 - Accepted 127.0.0.1:47100", "redis debug application"),
        (
            "15570:S 28 Nov 2026 05:22:35.313 # Error condition on socket for SYNC: Connection refused",
            "redis warn application",
        ),
        ("15570:M 28 Nov 2026 05:22:33.291 # WARNING Memory overcommit must be enabled!", "redis warn application"),
        ("15570:signal-handler (1795843356) Received SIGTERM scheduling shutdown...", "redis - application"),
        ("1:X 01 Jan 2026 00:00:00.000 # +sdown master mymaster 10.0.0.2 6379", "redis warn application"),
        // Redis 8 with `log-format logfmt`.
        (
            r#"pid=1 role=master timestamp="01 Jan 2026 00:00:00.000" level=notice message="Server initialized""#,
            "logfmt info application",
        ),
        ("1:Y 28 Nov 2026 05:22:33.290 # no role", "plain - application"),
        ("1:M 28 Nov 2026 05:22:33.290 ? no sign", "plain - application"),
    ]);
}

#[test]
fn postgres_whatever_the_prefix() {
    check(&[
        ("2026-11-28 05:22:38.550 UTC [15649] DEBUG:  registering background worker", "postgres debug application"),
        (
            "2026-11-28 05:22:38.559 UTC [15649] LOG:  starting PostgreSQL 15.18 (Debian 15.18)",
            "postgres info application",
        ),
        ("2026-11-28 05:22:41.072 UTC [15657] WARNING:  w", "postgres warn application"),
        ("2026-11-28 05:22:41.072 UTC [15657] NOTICE:  n", "postgres info application"),
        (
            "2026-11-28 05:22:41.075 UTC [15657] ERROR:  duplicate key value violates unique constraint \"u_pkey\"",
            "postgres error error",
        ),
        ("2026-11-28 05:22:41.104 UTC [15659] FATAL:  role \"nobody2\" does not exist", "postgres fatal error"),
        (
            "2026-11-28 05:22:41.104 UTC [1] PANIC:  could not write to file \"pg_wal/xlogtemp.1\"",
            "postgres critical error",
        ),
        ("2026-11-28 05:22:43 UTC:@:[15666]: LOG:  database system is ready", "postgres info application"),
        (
            "2026-11-28 05:22:43 UTC:postgres@postgres:[15674]: ERROR:  relation \"x\" does not exist",
            "postgres error error",
        ),
        (
            "2026-11-28 05:22:46.241 UTC [15691] [unknown]@[unknown] LOG:  connection received: host=[local]",
            "postgres info application",
        ),
        ("2026-11-28 05:22:46.280 UTC [15693] nobody2@nobody2 FATAL:  role does not exist", "postgres fatal error"),
        ("[15708] 23505 ERROR:  duplicate key value violates unique constraint", "postgres error error"),
        ("LOG:  database system was shut down at 2026-11-28 05:22:46 UTC", "postgres info application"),
        (
            "2026-11-28 05:22:41.071 UTC [15657] LOG:  duration: 0.310 ms  statement: select 'ERROR:  x'",
            "postgres info application",
        ),
        (
            "2026-11-28 05:22:41.071 UTC [7] LOG:  AUDIT: SESSION,1,1,READ,SELECT,,,select 1,<none>",
            "postgres info audit",
        ),
        (
            "2026-11-28 05:22:41.071 UTC [7] LOG:  statement: select 1 /*traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'*/",
            "postgres info application trace=4bf92f3577b34da6a3ce929d0e0e4736 span=00f067aa0ba902b7",
        ),
        // Parts of a message whose beginning was not seen.
        ("2026-11-28 05:22:41.071 UTC [15657] STATEMENT:  select * from error;", "postgres - application"),
        ("DETAIL:  Key (i)=(1) already exists.", "postgres - application"),
    ]);
}

#[test]
fn parts_of_a_postgres_message_take_its_level() {
    let mut hint = Hint::default();
    let mut level = |line| described(&read(line, &mut hint));
    assert_eq!(level("2026-11-28 05:22:41.075 UTC [7] ERROR:  duplicate key value"), "postgres error error");
    assert_eq!(level("2026-11-28 05:22:41.075 UTC [7] DETAIL:  Key (i)=(1) already exists."), "postgres error error");
    assert_eq!(level("2026-11-28 05:22:41.075 UTC [7] STATEMENT:  insert into u values(1);"), "postgres error error");
    assert_eq!(level("2026-11-28 05:22:41.076 UTC [7] LOG:  l"), "postgres info application");
    assert_eq!(level("2026-11-28 05:22:41.076 UTC [7] HINT:  h"), "postgres info application");
}

#[test]
fn nginx_errors() {
    check(&[
        (
            "2026/11/28 05:22:36 [emerg] 15602#15602: getgrnam(\"nobody\") failed in /etc/nginx/nginx.conf:1",
            "nginx critical error",
        ),
        ("2026/11/28 05:22:58 [notice] 15858#15858: start worker processes", "nginx info application"),
        (
            "2026/11/28 05:23:00 [error] 15859#15859: *2 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: , request: \"GET /up HTTP/1.1\", upstream: \"http://127.0.0.1:1/up\", host: \"a\"",
            "nginx error error",
        ),
        (
            "2026/11/28 05:23:00 [info] 15859#15859: *7 client 127.0.0.1 closed keepalive connection",
            "nginx info application",
        ),
        (
            "2026/11/28 05:23:00 [warn] 7#7: *1 an upstream response is buffered to a temporary file",
            "nginx warn application",
        ),
        ("2026/11/28 05:23:00 [crit] 7#7: *1 SSL_do_handshake() failed", "nginx critical error"),
        // Go's log with a level of its own has the time alone in common.
        ("2026/11/28 05:23:00 [error] cannot connect", "plain error error"),
    ]);
}

#[test]
fn klog_and_glog() {
    check(&[
        ("I0102 15:04:05.000000       1 server.go:12] \"Started\" port=80", "klog info application"),
        ("W0102 15:04:05.123456   12345 reflector.go:535] failed to list", "klog warn application"),
        ("E0102 15:04:05.123456       1 leader.go:330] error retrieving resource lock", "klog error error"),
        ("F0102 15:04:05.123456       1 main.go:1] no configuration", "klog fatal error"),
        ("I20260102 15:04:05.123456     1 raft.cc:7] elected", "klog info application"),
        ("I0102 is no header", "plain - application"),
        (
            "I0102 15:04:05.000000       1 a.go:1] \"Done\" requestID=\"r-7\" traceID=\"4bf92f3577b34da6a3ce929d0e0e4736\"",
            "klog info application trace=4bf92f3577b34da6a3ce929d0e0e4736 request=r-7",
        ),
    ]);
}

#[test]
fn syslog_priorities() {
    check(&[
        ("<165>1 2026-11-28T05:22:41.003Z host app 1 ID47 - message", "syslog info application"),
        ("<34>Oct 11 22:14:15 host su: 'su root' failed on /dev/pts/8", "syslog critical error"),
        ("<4>[    1.234567] usb 1-1: device descriptor read/64", "syslog warn application"),
        ("<3>failed", "syslog error error"),
        ("<7>details", "syslog debug application"),
        ("<110>1 2026-11-28T05:22:41Z host auditd 1 - - user added", "syslog info audit"),
        ("<200>no priority", "plain - application"),
        ("<b>markup</b>", "plain - application"),
    ]);
}

#[test]
fn audits() {
    check(&[
        ("type=USER_AUDIT msg=something acct=root", "logfmt - audit"),
        ("type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=2 success=no", "logfmt - audit"),
        ("ts=1 level=info log_type=audit msg=\"user added\"", "logfmt info audit"),
        ("2026-11-28 05:22:41 AUDIT user=root action=login", "plain - audit"),
        ("[AUDIT] root logged in", "plain - audit"),
        ("2026-11-28 05:22:41 INFO [audit] root logged in", "plain info application"),
        ("the audit found nothing", "plain - application"),
    ]);
}
