use super::*;

const T: &str = "trace=4bf92f3577b34da6a3ce929d0e0e4736";

#[test]
fn levels_by_their_programs() {
    check(&[
        // pino, bunyan.
        (
            r#"{"level":30,"time":1795843356000,"pid":1,"hostname":"a","msg":"listening on 3000"}"#,
            "json info application",
        ),
        (
            r#"{"name":"a","hostname":"h","pid":1,"level":50,"err":{"message":"x"},"msg":"x","time":"2026-11-28T05:22:36Z","v":0}"#,
            "json error error",
        ),
        (r#"{"level":10,"msg":"t"}"#, "json trace application"),
        (r#"{"level":60,"msg":"f"}"#, "json fatal error"),
        (r#"{"level":35,"msg":"own level between two"}"#, "json info application"),
        // zap, logrus, slog, zerolog, hclog.
        (r#"{"level":"warn","ts":1795843356.7,"caller":"a/b.go:7","msg":"slow","took":1.5}"#, "json warn application"),
        (r#"{"level":"dpanic","ts":1,"msg":"x"}"#, "json critical error"),
        (r#"{"level":"warning","msg":"x","time":"2026-11-28T05:22:36Z"}"#, "json warn application"),
        (r#"{"time":"2026-11-28T05:22:36Z","level":"INFO+2","msg":"x"}"#, "json info application"),
        (r#"{"time":"2026-11-28T05:22:36Z","level":"DEBUG-4","msg":"x"}"#, "json debug application"),
        (
            r#"{"@level":"error","@message":"x","@module":"core","@timestamp":"2026-11-28T05:22:36Z"}"#,
            "json error error",
        ),
        // Serilog's compact form has a level for other than information alone.
        (r#"{"@t":"2026-11-28T05:22:36Z","@mt":"Took {Time}","@l":"Warning","Time":7}"#, "json warn application"),
        (r#"{"@t":"2026-11-28T05:22:36Z","@m":"x","@l":"Verbose"}"#, "json trace application"),
        (
            r#"{"Timestamp":"2026-11-28T05:22:36Z","Level":"Information","MessageTemplate":"x"}"#,
            "json info application",
        ),
        (
            r#"{"EventId":14,"LogLevel":"Information","Category":"Microsoft.Hosting.Lifetime","Message":"x"}"#,
            "json info application",
        ),
        // ECS, flat and nested; log4j2; logback.
        (
            r#"{"@timestamp":"2026-11-28T05:22:36Z","log.level":"ERROR","message":"x","ecs.version":"1.2.0"}"#,
            "json error error",
        ),
        (
            r#"{"@timestamp":"2026-11-28T05:22:36Z","log":{"level":"warn","logger":"a"},"message":"x"}"#,
            "json warn application",
        ),
        (
            r#"{"instant":{"epochSecond":1,"nanoOfSecond":2},"thread":"main","level":"FATAL","loggerName":"a.B"}"#,
            "json fatal error",
        ),
        (
            r#"{"@timestamp":"2026-11-28T05:22:36Z","level":"INFO ","level_value":20000,"logger_name":"a.B"}"#,
            "json info application",
        ),
        // OpenTelemetry, Google, Python, Monolog, journald.
        (r#"{"severityText":"","severityNumber":17,"body":"x"}"#, "json error error"),
        (r#"{"Timestamp":1,"SeverityText":"WARN","SeverityNumber":13,"Body":"x"}"#, "json warn application"),
        (r#"{"severity":"EMERGENCY","message":"x"}"#, "json critical error"),
        (r#"{"severity":"DEFAULT","message":"x"}"#, "json - application"),
        (
            r#"{"event":"started","level":"info","logger":"a","timestamp":"2026-11-28T05:22:36Z"}"#,
            "json info application",
        ),
        (r#"{"asctime":"2026-11-28 05:22:36,000","levelname":"CRITICAL","message":"x"}"#, "json critical error"),
        (
            r#"{"message":"x","context":{},"level":400,"level_name":"ERROR","channel":"app","datetime":"x"}"#,
            "json error error",
        ),
        (r#"{"message":"x","level":250,"channel":"app"}"#, "json info application"),
        (r#"{"PRIORITY":"3","MESSAGE":"x"}"#, "json error error"),
        // PostgreSQL's jsonlog, MongoDB, MinIO.
        (r#"{"timestamp":"x","pid":7,"error_severity":"LOG","message":"x"}"#, "json info application"),
        (
            r#"{"t":{"$date":"2026-11-28T05:22:36.000+00:00"},"s":"I",  "c":"NETWORK",  "id":22943,   "ctx":"listener","msg":"Connection accepted","attr":{"remote":"10.0.0.1:1"}}"#,
            "json info application",
        ),
        (r#"{"t":{"$date":"x"},"s":"D2", "c":"REPL", "ctx":"x","msg":"y"}"#, "json debug application"),
        (
            r#"{"level":"ERROR","errKind":"ALL","time":"x","api":{"name":"SYSTEM"},"error":{"message":"x"}}"#,
            "json error error",
        ),
        // GELF counts as syslog does; a bare small number could be anything.
        (r#"{"version":"1.1","host":"a","short_message":"x","level":3}"#, "json error error"),
        (r#"{"level":3,"player":"x"}"#, "json - application"),
        (r#"{"severity":17,"message":"whose number is it"}"#, "json - application"),
        // winston with colours.
        (r#"{"level":"\u001b[33mwarn\u001b[39m","message":"x"}"#, "json warn application"),
        // A level inside of something else is not the line's.
        (r#"{"msg":"x","game":{"level":"error"}}"#, "json - application"),
        (r#"{"msg":"level=error ERROR","items":["level","error"]}"#, "json - application"),
        (r#"  {"level" : "info" , "a" : [1,{"b":"}"}] , "c" : null }  "#, "json info application"),
        ("{}", "json - application"),
        // The first of equals wins.
        (r#"{"level":"info","level":"error"}"#, "json info application"),
    ]);
}

#[test]
fn ids_by_their_keys() {
    let table = [
        (
            r#"{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7"}"#,
            format!("{T} span=00f067aa0ba902b7"),
        ),
        (
            r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7"}"#,
            format!("{T} span=00f067aa0ba902b7"),
        ),
        (r#"{"traceID":"4bf92f3577b34da6a3ce929d0e0e4736"}"#, T.to_owned()),
        (
            r#"{"trace.id":"4bf92f3577b34da6a3ce929d0e0e4736","span.id":"00f067aa0ba902b7"}"#,
            format!("{T} span=00f067aa0ba902b7"),
        ),
        (
            r#"{"trace":{"id":"4bf92f3577b34da6a3ce929d0e0e4736"},"span":{"id":"00f067aa0ba902b7"}}"#,
            format!("{T} span=00f067aa0ba902b7"),
        ),
        (r#"{"context":{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}}"#, T.to_owned()),
        (r#"{"otelTraceID":"4bf92f3577b34da6a3ce929d0e0e4736","otelSpanID":"0"}"#, T.to_owned()),
        (
            r#"{"@tr":"4bf92f3577b34da6a3ce929d0e0e4736","@sp":"00f067aa0ba902b7"}"#,
            format!("{T} span=00f067aa0ba902b7"),
        ),
        (r#"{"logging.googleapis.com/trace":"projects/p/traces/4bf92f3577b34da6a3ce929d0e0e4736"}"#, T.to_owned()),
        (
            r#"{"dd.trace_id":"2611816817138456788","dd.span_id":"7138456788261181681"}"#,
            "trace=2611816817138456788 span=7138456788261181681".to_owned(),
        ),
        (r#"{"dd":{"trace_id":"2611816817138456788"}}"#, "trace=2611816817138456788".to_owned()),
        (
            r#"{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#,
            format!("{T} span=00f067aa0ba902b7"),
        ),
        (r#"{"traceparent":"00-00000000000000000000000000000000-0000000000000000-00"}"#, String::new()),
        (r#"{"trace_id":"","trace_id":"not hexadecimal","span_id":"123"}"#, String::new()),
        (r#"{"trace_id":"00000000000000000000000000000000","span_id":"0000000000000000"}"#, String::new()),
        (r#"{"trace_id":null,"span_id":7,"request_id":null}"#, String::new()),
        (r#"{"request_id":"0b6e8a2c-5c1d"}"#, "request=0b6e8a2c-5c1d".to_owned()),
        (r#"{"requestId":"a/b+c=="}"#, "request=a/b+c==".to_owned()),
        (r#"{"requestId":"a\/b\u002b\"c"}"#, "request=a/b+\"c".to_owned()),
        (r#"{"requestId":"a\nb"}"#, String::new()),
        (r#"{"requestId":"a b"}"#, String::new()),
        (r#"{"reqId":"req-1"}"#, "request=req-1".to_owned()),
        (r#"{"req_id":17}"#, "request=17".to_owned()),
        (r#"{"x-request-id":"r"}"#, "request=r".to_owned()),
        (r#"{"req":{"id":17,"method":"GET"}}"#, "request=17".to_owned()),
        (r#"{"http.request.id":"r"}"#, "request=r".to_owned()),
        (r#"{"correlation_id":"c"}"#, "request=c".to_owned()),
        (r#"{"correlationId":"c","request_id":"r"}"#, "request=r".to_owned()),
        (r#"{"fields":{"request_id":"inner"},"request_id":"outer"}"#, "request=outer".to_owned()),
        (r#"{"a":{"b":{"request_id":"too deep"}}}"#, String::new()),
        (r#"{"id":"7","user":{"id":"8"}}"#, String::new()),
        (r#"{"request_id":"-","reqId":"undefined"}"#, String::new()),
    ];
    for (line, ids) in table {
        check(&[(line, format!("json - application {ids}").trim_end())]);
    }
    let long = format!(r#"{{"request_id":"{}"}}"#, "r".repeat(129));
    check(&[(&long, "json - application")]);
}

#[test]
fn requests_and_audits() {
    check(&[
        // Traefik writes `info` for all of them.
        (
            r#"{"ClientAddr":"10.0.0.1:1","DownstreamStatus":502,"Duration":1,"RequestMethod":"GET","RequestPath":"/x","RouterName":"a@docker","level":"info","msg":"","time":"2026-11-28T05:22:36Z"}"#,
            "json error access",
        ),
        (
            r#"{"level":"info","logger":"http.log.access","msg":"handled request","request":{"method":"GET","uri":"/"},"status":200}"#,
            "json info access",
        ),
        (
            r#"{"level":30,"req":{"id":"r-1","method":"GET","url":"/"},"res":{"statusCode":404},"responseTime":5,"msg":"request completed"}"#,
            "json warn access request=r-1",
        ),
        (
            r#"{"remote_addr":"10.0.0.1","request":"POST /x HTTP/1.1","status":"201","request_id":"9c2b"}"#,
            "json info access request=9c2b",
        ),
        (
            r#"{"method":"GET","path":"/","protocol":"HTTP/1.1","response_code":503,"x-request-id":"r"}"#,
            "json error access request=r",
        ),
        (
            r#"{"severity":"WARNING","httpRequest":{"requestMethod":"GET","requestUrl":"/","status":200}}"#,
            "json warn access",
        ),
        (r#"{"level":"debug","method":"GET","path":"/","status":200}"#, "json debug access"),
        (r#"{"method":"GET","path":"/","status":"running"}"#, "json - application"),
        (r#"{"level":"info","message":"request served","method":"GET","route":"/","status":200}"#, "json info access"),
        (r#"{"http.method":"GET","http.route":"/{id}","http.status_code":404}"#, "json warn access"),
        (r#"{"level":"info","route":"/metrics","status":200}"#, "json info application"),
        (r#"{"status":200,"msg":"x"}"#, "json - application"),
        (r#"{"audit":true,"level":"info","msg":"x"}"#, "json info audit"),
        (r#"{"audit":{"actor":"x"},"level":"error"}"#, "json error audit"),
        (r#"{"audit":false}"#, "json - application"),
        (r#"{"log_type":"audit"}"#, "json - audit"),
        (r#"{"type":"USER_AUDIT"}"#, "json - audit"),
        (r#"{"type":"auditorium"}"#, "json - application"),
        (r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata"}"#, "json - audit"),
        (r#"{"logger":"app.audit","level":"INFO","method":"GET","path":"/","status":500}"#, "json error audit"),
        (r#"{"atype":"authenticate","ts":{"$date":"x"},"result":0}"#, "json - audit"),
    ]);
}

#[test]
fn what_is_no_json_is_plain() {
    check(&[
        (r#"{"level":"info""#, "plain info application"),
        (r#"{"level":"info"} trailing"#, "plain info application"),
        (r#"{"msg":"x",}"#, "plain - application"),
        (r#"{msg:"x"}"#, "plain - application"),
        (r#"{"msg" "x"}"#, "plain - application"),
        (r#"{"msg":maybe}"#, "plain - application"),
        (r#"{"msg":"no end"#, "plain - application"),
        (r#"{"msg":"no end\"#, "plain - application"),
        ("{", "plain - application"),
        ("[1,2]", "plain - application"),
        (r#""text""#, "plain - application"),
    ]);
}

#[test]
fn long_and_deep_objects_are_read_as_far_as_looked() {
    let deep = format!(r#"{{"level":"warn","a":{}1{}}}"#, "[".repeat(1000), "]".repeat(1000));
    let objects = format!(r#"{{"a":{}1{},"level":"warn"}}"#, r#"{"level":"error","a":"#.repeat(500), "}".repeat(500));
    let long =
        format!(r#"{{"level":"warn","text":"{}","traceId":"4bf92f3577b34da6a3ce929d0e0e4736"}}"#, "x".repeat(1 << 20));
    for line in [deep, objects, long] {
        check(&[(&line, "json warn application")]);
    }
    // Cut off in the middle of a character.
    let cut = format!(r#"{{"level":"warn","text":"{}"}}"#, "€".repeat(super::super::LOOK));
    check(&[(&cut, "json warn application")]);
}
