//! Requests as an instrumented web service sends them: 512 spans of one resource, about 340 bytes each.

use bytes::Bytes;
use spyhop::otlp::wire::Writer;

/// Spans of a request: what SDKs send at a time unless told otherwise.
pub(super) const BATCH: usize = 512;

const ROUTES: [&str; 10] = [
    "/api/orders/{id}",
    "/api/orders",
    "/api/cars/{vin}",
    "/api/cars",
    "/api/tenants/{id}/users",
    "/api/search",
    "/login",
    "/",
    "/assets/{file}",
    "/api/invoices/{id}/lines",
];

/// The request of this number, of the container with this id. All spans end now or a little before.
pub(super) fn request(number: u64, container: &str) -> Bytes {
    let mut writer = Writer::new();
    writer.message(1, |group| {
        group.message(1, |resource| {
            for (key, value) in [
                ("service.name", "orders"),
                ("telemetry.sdk.name", "opentelemetry"),
                ("telemetry.sdk.language", "python"),
                ("telemetry.sdk.version", "1.38.0"),
                ("container.id", container),
            ] {
                text(resource, 1, key, value);
            }
        });
        group.message(2, |scope| {
            scope.message(1, |scope| {
                scope.string(1, "opentelemetry.instrumentation.asgi");
                scope.string(2, "0.59b0");
            });
            for at in 0..BATCH {
                scope.message(2, |writer| span(writer, number * BATCH as u64 + at as u64));
            }
        });
    });
    writer.into_bytes().into()
}

/// A server's span, or a client's below the one before it; one of 64 has failed and says with what.
fn span(span: &mut Writer, number: u64) {
    let (is_client, failed) = (number % 2 == 1, number.is_multiple_of(64));
    let trace = scatter(number / 2);
    let trace_id = [trace.to_be_bytes(), scatter(trace).to_be_bytes()].concat();
    let route = ROUTES.get(number as usize / 2 % ROUTES.len()).copied().unwrap_or_default();
    let end = jiff::Timestamp::now().as_nanosecond() as u64;
    span.bytes(1, &trace_id);
    span.bytes(2, &scatter(number + (1 << 40)).to_be_bytes());
    if is_client {
        span.bytes(4, &scatter(number - 1 + (1 << 40)).to_be_bytes());
        span.string(5, "SELECT orders");
    } else {
        span.string(5, &format!("GET {route}"));
    }
    span.varint(6, if is_client { 3 } else { 2 });
    span.fixed64(7, end - 1_000_000 * (1 + number % 300));
    span.fixed64(8, end);
    if is_client {
        text(span, 9, "db.system.name", "postgresql");
        text(span, 9, "db.namespace", "orders");
        text(span, 9, "db.query.text", "SELECT id, state, total FROM orders WHERE customer = $1 ORDER BY id");
        text(span, 9, "server.address", "platform-postgres");
        whole(span, 9, "server.port", 5432);
    } else {
        text(span, 9, "http.request.method", "GET");
        text(span, 9, "http.route", route);
        text(span, 9, "url.path", "/api/orders/4711");
        text(span, 9, "server.address", "shop.example.invalid");
        text(span, 9, "user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0");
        whole(span, 9, "http.response.status_code", if failed { 500 } else { 200 });
    }
    if failed {
        span.message(11, |event| {
            event.fixed64(1, end);
            event.string(2, "exception");
            text(event, 3, "exception.type", "TimeoutError");
            text(event, 3, "exception.message", "no answer of the warehouse within two seconds");
        });
        span.message(15, |status| status.varint(3, 2));
    }
    span.fixed32(16, 0x101);
}

fn text(writer: &mut Writer, field: u32, key: &str, value: &str) {
    writer.message(field, |pair| {
        pair.string(1, key);
        pair.message(2, |any| any.string(1, value));
    });
}

fn whole(writer: &mut Writer, field: u32, key: &str, value: u64) {
    writer.message(field, |pair| {
        pair.string(1, key);
        pair.message(2, |any| any.varint(3, value));
    });
}

/// Ids as if by chance, and the same in each run (the finalizer of splitmix64); never 0 for the numbers here.
fn scatter(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}
