//! Requests in text. nginx 1.22 said the first lines.

use super::*;

#[test]
fn common_and_combined() {
    check(&[
        (
            r#"127.0.0.1 - - [28/Nov/2026:05:29:05 +0000] "GET / HTTP/1.1" 403 153 "https://e.example/error" "test \x22agent\x22 error/1.0""#,
            "access warn access",
        ),
        (
            r#"127.0.0.1 - - [28/Nov/2026:05:29:05 +0000] "GET /up HTTP/1.1" 502 157 "-" "curl/8""#,
            "access error access",
        ),
        (
            r#"127.0.0.1 - - [28/Nov/2026:05:29:05 +0000] "GET /ret HTTP/1.1" 301 169 "-" "curl/8""#,
            "access info access",
        ),
        (r#"127.0.0.1 - - [28/Nov/2026:05:29:05 +0000] "\x16\x03\x01\xFC" 400 157 "-" "-""#, "access warn access"),
        (r#"::1 - ada [28/Nov/2026:05:29:05 +0000] "-" 408 -"#, "access warn access"),
        (r#"127.0.0.1 - - [28/Nov/2026:05:29:05 +0000] "GET /a\"b HTTP/1.1" 200 -"#, "access info access"),
        (
            r#"a.example:443 10.0.0.1 - - [28/Nov/2026:05:29:05 +0000] "GET / HTTP/2.0" 200 12 "-" "x""#,
            "access info access",
        ),
        // Traefik.
        (
            r#"10.0.0.1 - - [28/Nov/2026:05:29:05 +0000] "GET /api HTTP/1.1" 500 21 "-" "-" 7 "api@docker" "http://10.0.0.2:80" 3ms"#,
            "access error access",
        ),
        // An id behind the request is the server's; one in it is anybody's.
        (
            r#"10.0.0.1 - - [28/Nov/2026:05:29:05 +0000] "GET /?request_id=no HTTP/1.1" 200 21 "http://a/?trace_id=4bf92f3577b34da6a3ce929d0e0e4736" "-" request_id=yes"#,
            "access info access request=yes",
        ),
        // Django, uvicorn, gunicorn.
        (r#"[28/Nov/2026 05:29:05] "GET /admin HTTP/1.1" 404 2273"#, "access warn access"),
        (r#"INFO:     127.0.0.1:52000 - "GET /items HTTP/1.1" 500 Internal Server Error"#, "access error access"),
        (r#"127.0.0.1 - - [28/Nov/2026 05:29:05] "POST /x HTTP/1.1" 201 -"#, "access info access"),
    ]);
}

#[test]
fn other_forms() {
    check(&[
        (r#"[GIN] 2026/11/28 - 05:29:05 | 404 |      1.2ms |      172.17.0.1 | GET      "/x""#, "access warn access"),
        ("GET /users 500 12.345 ms - 17", "access error access"),
        ("POST /users?x=1 201 2 ms", "access info access"),
        (
            r#"10.0.1.2:33317 [28/Nov/2026:05:29:05.655] web app/srv1 10/0/30/69/109 503 2750 - - ---- 1/1/1/1/0 0/0 "GET /index.html HTTP/1.1""#,
            "access error access",
        ),
        (
            r#"logger=context userId=1 t=2026-11-28T05:29:05Z level=info msg="Request Completed" method=GET path=/api status=404 traceID=4bf92f3577b34da6a3ce929d0e0e4736"#,
            "logfmt warn access trace=4bf92f3577b34da6a3ce929d0e0e4736",
        ),
    ]);
}

#[test]
fn what_only_looks_like_a_request() {
    check(&[
        (r#"sent "GET / HTTP/1.1" to upstream"#, "plain - application"),
        (r#"answer "maybe" 200 times"#, "plain - application"),
        ("GET the thing 500 times", "plain - application"),
        ("GET /x took 500ms", "plain - application"),
        (r#"127.0.0.1 - - [28/Nov/2026:05:29:05 +0000] "GET / HTTP/1.1" 2000 1"#, "plain - application"),
        (r#"127.0.0.1 - - [28/Nov/2026:05:29:05 +0000] "GET / HTTP/1.1"#, "plain - application"),
    ]);
}

#[test]
fn logfmt() {
    check(&[
        (
            r#"time=2026-11-28T05:29:05.000Z level=WARN msg="slow query" took=1.5s request_id="r-1""#,
            "logfmt warn application request=r-1",
        ),
        (r#"time="2026-11-28T05:29:05Z" level=fatal msg="it said \"level=info\" here""#, "logfmt fatal error"),
        (r#"ts=2026-11-28T05:29:05Z caller=main.go:1 level=error err="no such host""#, "logfmt error error"),
        (r#"lvl=dbug t=1 msg=x"#, "logfmt debug application"),
        (r#"level=info msg="no end of quote level=error"#, "logfmt info application"),
        (r#"a=1 b=2 words between level=error c=3"#, "logfmt error error"),
        (r#"a=1 words level=error"#, "plain error error"),
        ("errors=0 warnings=0", "logfmt - application"),
        ("level=30 msg=x", "logfmt info application"),
    ]);
}
