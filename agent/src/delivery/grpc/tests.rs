//! What is read from headers and trailers, and what a message looks like on its way. Calls themselves: `tests/delivery_grpc.rs`.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt as _;

use super::{answer::Answer, frame::Framed};

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair =
        |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    pairs.iter().map(pair).collect()
}

#[test]
fn a_status_is_read_from_trailers() {
    let trailers = headers(&[
        ("grpc-status", "14"),
        ("grpc-message", "caf%C3%A9 100% %zz"),
        ("grpc-status-details-bin", "CA4SB3NhaWQgc28"),
    ]);
    let answer = Answer::of(&trailers, Vec::new()).unwrap();
    assert_eq!((answer.code, answer.message.as_str()), (14, "café 100% %zz"));
    assert_eq!(answer.details, b"\x08\x0e\x12\x07said so");
    let padded = headers(&[("grpc-status", "0"), ("grpc-status-details-bin", "CA4SB3NhaWQgc28=")]);
    assert_eq!(Answer::of(&padded, Vec::new()).unwrap().details, b"\x08\x0e\x12\x07said so");
}

#[test]
fn what_is_no_status_is_unknown_or_none() {
    assert_eq!(Answer::of(&headers(&[("grpc-message", "hm")]), Vec::new()), None);
    assert_eq!(Answer::of(&headers(&[("grpc-status", "fine")]), Vec::new()).unwrap().code, 2);
    let broken = headers(&[("grpc-status", "3"), ("grpc-status-details-bin", "***")]);
    assert_eq!(Answer::of(&broken, Vec::new()).unwrap().details, b"");
}

#[tokio::test]
async fn a_message_is_framed_without_being_copied() {
    let whole = |message: &'static [u8], compressed| async move {
        let body = Framed::new(Bytes::from_static(message), compressed);
        body.collect().await.unwrap().to_bytes()
    };
    assert_eq!(whole(b"hello", false).await, b"\0\0\0\0\x05hello"[..]);
    assert_eq!(whole(b"hi", true).await, b"\x01\0\0\0\x02hi"[..]);
    assert_eq!(whole(b"", false).await, b"\0\0\0\0\0"[..]);
    let message = Bytes::from_static(b"hello");
    let mut body = Framed::new(message.clone(), false);
    body.frame().await.unwrap().unwrap();
    let second = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(second.as_ptr(), message.as_ptr());
}
