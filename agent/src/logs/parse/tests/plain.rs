//! One line or more of every way in which a program writes its level before a message, and of prose which says none.

use super::*;

fn levels(table: &[(&str, &str)]) {
    for (line, level) in table {
        let kind = if matches!(*level, "error" | "critical" | "fatal") { "error" } else { "application" };
        check(&[(line, &format!("plain {level} {kind}"))]);
    }
}

#[test]
fn levels_before_messages() {
    levels(&[
        // Java.
        ("05:29:05.789 [main] INFO  com.example.App -- started with ERROR handler", "info"),
        ("2026-11-28T05:29:05.000+01:00  WARN 1 --- [app] [nio-8080-exec-1] c.e.App : slow", "warn"),
        ("2026-11-28 05:29:05,000 [main] ERROR c.e.App - it broke", "error"),
        ("[2026-11-28T05:29:05,000][WARN ][o.e.n.Node              ] [a] low disk", "warn"),
        ("[2026-11-28 05:29:05,000] INFO [KafkaServer id=1] started (kafka.server.KafkaServer)", "info"),
        ("2026-11-28 05:29:05,000 [myid:1] - WARN  [main:QuorumPeer@1] - x", "warn"),
        ("INFO  [main] 2026-11-28 05:29:05,000 Server.java:1 - x", "info"),
        ("28-Nov-2026 05:29:05.000 SEVERE [main] org.apache.X y", "error"),
        ("Nov 28, 2026 5:29:05 AM org.example.A b", "-"),
        // Python.
        ("2026-11-28 05:29:05,000 - root - WARNING - x", "warn"),
        ("2026-11-28 05:29:05,000 - app.worker - ERROR - x", "error"),
        ("WARNING:root:x", "warn"),
        ("INFO:     Started server process [1]", "info"),
        ("WARNING:  Invalid HTTP request received.", "warn"),
        ("[2026-11-28 05:29:05 +0000] [1] [INFO] Starting gunicorn 21.2.0", "info"),
        ("[2026-11-28 05:29:05,000: WARNING/MainProcess] x", "warn"),
        ("[2026-11-28T05:29:05.000+0000] {dag.py:12} ERROR - x", "error"),
        ("[I 2026-11-28 05:29:05.000 ServerApp] x", "info"),
        ("[W 05:29:05.000 NotebookApp] x", "warn"),
        ("2026-11-28 05:29:05.000 | SUCCESS  | app:main:7 - x", "info"),
        ("/app/x.py:7: DeprecationWarning: x", "-"),
        // Ruby, PHP, Node, .NET.
        ("I, [2026-11-28T05:29:05.000000 #1]  INFO -- : x", "info"),
        ("E, [2026-11-28T05:29:05.000000 #1] ERROR -- : [c0ffee] x", "error"),
        ("[28-Nov-2026 05:29:05] NOTICE: fpm is running, pid 1", "info"),
        ("[28-Nov-2026 05:29:05] WARNING: [pool www] server reached pm.max_children", "warn"),
        ("PHP Warning:  Undefined variable $x in /a.php on line 7", "warn"),
        ("PHP Fatal error:  Uncaught Exception: x", "fatal"),
        ("npm ERR! code ELIFECYCLE", "error"),
        ("npm WARN deprecated x", "warn"),
        ("npm error code E404", "error"),
        ("info: Microsoft.Hosting.Lifetime[14]", "info"),
        ("fail: Microsoft.AspNetCore.Server.Kestrel[13]", "error"),
        ("crit: Microsoft.AspNetCore.Hosting[6]", "critical"),
        ("[Nest] 1  - 11/28/2026, 5:29:05 AM     LOG [NestFactory] Starting", "info"),
        ("[Nest] 1  - 11/28/2026, 5:29:05 AM   ERROR [ExceptionsHandler] x", "error"),
        ("(node:1) Warning: x", "warn"),
        ("(node:1) ExperimentalWarning: x", "warn"),
        ("[05:29:05 WRN] x", "warn"),
        ("[05:29:05 INF] An ERROR was handled", "info"),
        // Go.
        ("2026/11/28 05:29:05 INFO x k=v", "info"),
        ("2026/11/28 05:29:05 [ERROR] x", "error"),
        ("2026/11/28 05:29:05 error: x", "error"),
        ("2026/11/28 05:29:05 http: TLS handshake error from 10.0.0.1:1: EOF", "-"),
        ("INFO[0003] x k=v", "info"),
        ("WARN[2026-11-28T05:29:05Z] x", "warn"),
        ("2026-11-28T05:29:05.000Z\tinfo\tmain.go:7\tx\t{\"a\":\"ERROR\"}", "info"),
        ("5:29AM ERR x error=y", "error"),
        ("2026-11-28T05:29:05.000Z [WARN]  core: x", "warn"),
        ("panic: runtime error: invalid memory address or nil pointer dereference", "critical"),
        ("fatal error: all goroutines are asleep - deadlock!", "fatal"),
        // Rust.
        ("2026-11-28T05:29:05.000000Z  INFO shop::app: started in 7ms", "info"),
        ("2026-11-28T05:29:05.000000Z ERROR x: y", "error"),
        ("[2026-11-28T05:29:05Z WARN  app] x", "warn"),
        ("thread 'main' panicked at src/main.rs:7:5:", "error"),
        ("thread 'main' (12) panicked at src/main.rs:7:5:", "error"),
        // Databases and servers.
        ("2026-11-28T05:29:05.000000Z 0 [Note] [MY-010311] [Server] x", "info"),
        ("2026-11-28T05:29:05.000000Z 0 [Warning] [MY-010068] [Server] x", "warn"),
        ("2026-11-28T05:29:05.000000Z 0 [System] [MY-010116] [Server] x", "info"),
        ("2026-11-28  5:29:05 0 [ERROR] InnoDB: x", "error"),
        ("2026-11-28 05:29:05.000000+00:00 [error] <0.1.0> x", "error"),
        ("05:29:05.000 [warning] x", "warn"),
        ("2026.11.28 05:29:05.000000 [ 1 ] {} <Information> Application: x", "info"),
        ("2026.11.28 05:29:05.000000 [ 1 ] {} <Error> Application: x", "error"),
        ("[Sat Nov 28 05:29:05.000000 2026] [mpm_event:notice] [pid 1:tid 1] AH00489: x", "info"),
        ("[Sat Nov 28 05:29:05.000000 2026] [core:error] [pid 1:tid 1] x", "error"),
        ("[NOTICE]   (1) : New worker (8) forked", "info"),
        ("[ALERT]    (1) : config : x", "critical"),
        ("2026-11-28 05:29:05,000 INFO supervisord started with pid 1", "info"),
        ("2026-11-28 05:29:05+00:00 [Note] [Entrypoint]: Entrypoint script started.", "info"),
        ("WARNING: Detected default credentials, change them", "warn"),
    ]);
}

#[test]
fn exceptions_say_that_something_failed() {
    levels(&[
        ("Traceback (most recent call last):\n  File \"a.py\", line 7, in <module>", "error"),
        ("Exception in thread \"main\" java.lang.IllegalStateException: x\n\tat a.B.c(B.java:7)", "error"),
        ("java.lang.NullPointerException: x", "error"),
        ("ValueError: x", "error"),
        ("TypeError: Cannot read properties of undefined", "error"),
        ("Unhandled exception. System.Exception: x", "error"),
        ("UserWarning: x", "warn"),
        ("Error: listen EADDRINUSE", "error"),
    ]);
}

#[test]
fn levels_behind_something_else() {
    levels(&[
        ("service [error] message", "error"),
        ("service says [ WARN ] message", "warn"),
        ("done with level=warn here", "warn"),
        ("worker started, \"level\":\"error\", going on", "error"),
        ("prog: error: message", "error"),
        ("Nov 28 05:29:05 host prog[12]: warning: message", "warn"),
        ("state \"ERROR\" reached", "error"),
        ("cannot start, FATAL for now", "fatal"),
        ("myapp ERROR something", "error"),
        // A better mark is heard before a worse one.
        ("service [error] and WARN", "error"),
        ("service \"WARN\" and ERROR", "warn"),
        // Marks of one sort that contradict each other.
        ("from WARN to ERROR", "-"),
        ("levels are [debug] and [error]", "-"),
        ("twice ERROR and ERROR", "error"),
    ]);
}

#[test]
fn words_of_prose_are_no_levels() {
    levels(&[
        ("0 errors, 2 warnings", "-"),
        ("errors=0", "-"),
        ("no error", "-"),
        ("error connecting to nothing", "-"),
        ("Error rate is low", "-"),
        ("Debug mode is off", "-"),
        ("Config: loaded /etc/x", "-"),
        ("LOG rotated", "-"),
        ("Information about x", "-"),
        ("terror in the mirror", "-"),
        ("ErrorHandler registered", "-"),
        ("set ERROR_CODE to 7", "-"),
        ("see /var/log/ERROR/x and x.ERROR.y", "-"),
        ("mode=DEBUG", "-"),
        ("loaded com.example.ERROR", "-"),
        ("[error handler] ready", "-"),
        ("connection error: refused", "-"),
        ("std::error::Error", "-"),
        ("    at a.B.error(B.java:7)", "-"),
        ("", "-"),
        ("   ", "-"),
        ("[", "-"),
        ("ääää ERRORä", "-"),
    ]);
    let late = format!("{} ERROR [error] level=error", "x".repeat(300));
    levels(&[(&late, "-")]);
}

#[test]
fn ids_in_text() {
    check(&[
        (
            "2026-11-28 05:29:05,000 INFO [a] [a.py:7] [trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7 resource.service.name=x] - m",
            "plain info application trace=4bf92f3577b34da6a3ce929d0e0e4736 span=00f067aa0ba902b7",
        ),
        (
            "2026-11-28T05:29:05.000Z  INFO 1 --- [shop] [exec-1] [4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7] c.e.App : m",
            "plain info application trace=4bf92f3577b34da6a3ce929d0e0e4736 span=00f067aa0ba902b7",
        ),
        (
            "2026-11-28 05:29:05.000  [shop,4bf92f3577b34da6a3ce929d0e0e4736,00f067aa0ba902b7] INFO 1 --- [exec-1] c.e.App : m",
            "plain info application trace=4bf92f3577b34da6a3ce929d0e0e4736 span=00f067aa0ba902b7",
        ),
        (
            "2026-11-28T05:29:05.000000Z  WARN request{request_id=r-7 method=GET}: app: slow",
            "plain warn application request=r-7",
        ),
        (
            "did it traceId: 4bf92f3577b34da6a3ce929d0e0e4736, reqId='7'",
            "plain - application trace=4bf92f3577b34da6a3ce929d0e0e4736 request=7",
        ),
        (
            "2026-11-28T05:29:05.000Z\tinfo\tx\t{\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}",
            "plain info application trace=4bf92f3577b34da6a3ce929d0e0e4736",
        ),
        ("asked /x?request_id=7&trace_id=4bf92f3577b34da6a3ce929d0e0e4736", "plain - application"),
        (
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "plain - application trace=4bf92f3577b34da6a3ce929d0e0e4736 span=00f067aa0ba902b7",
        ),
    ]);
}
