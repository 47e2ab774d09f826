//! What a process without the right to open sockets of this machine asks of the broker that was parted from it.
//!
//! ```text
//!  question: 'e' a connection to the engine, filtered · 'h' a connection to the helper
//!  answer:   0, with one descriptor · 1, errno (i32, little endian; 0 where the kernel has said nothing)
//! ```
//!
//! What the broker meets on the other side of a connection it tells within HTTP, by the header [`TROUBLE`]: it lets no such header of an
//! engine through, so that whoever finds it has it from the broker.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::net::UnixStream;

use super::handover::{self, Asker};

/// A connection to the engine.
pub const ENGINE: &[u8] = b"e";
/// A connection to the helper's socket.
pub const HELPER: &[u8] = b"h";

const GIVEN: u8 = 0;
const FAILED: u8 = 1;

/// Why an answer is not the engine's.
pub const TROUBLE: HeaderName = HeaderName::from_static("spyhop-trouble");
/// The kernel's number for it, where there is one.
pub const ERRNO: HeaderName = HeaderName::from_static("spyhop-errno");
/// On every answer of a broker.
pub const BROKER: HeaderName = HeaderName::from_static("spyhop-broker");

/// On every answer of a broker: requests that it has refused since it started.
pub const REFUSALS: HeaderName = HeaderName::from_static("spyhop-refused");

/// What no broker answers, and an engine does: agents ask for it to see which of both they speak with. There is no such container.
pub const FORBIDDEN: &str = "/containers/0/archive";

/// What came between a question and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is not on the list.
    Refused,
    /// Nobody could be connected to.
    Connect,
    /// The answer broke off, or did not come in time.
    Broken,
    /// The answer is beyond its ceiling.
    TooLarge,
    /// The answer is not what can be redacted.
    NotJson,
}

impl Trouble {
    const ALL: [Self; 5] = [Self::Refused, Self::Connect, Self::Broken, Self::TooLarge, Self::NotJson];

    /// The word in the header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Connect => "connect",
            Self::Broken => "broken",
            Self::TooLarge => "too-large",
            Self::NotJson => "not-json",
        }
    }

    /// What an answer's headers tell.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let word = headers.get(TROUBLE)?.as_bytes();
        Self::ALL.into_iter().find(|trouble| trouble.as_str().as_bytes() == word)
    }
}

/// The kernel's number in an answer's headers.
pub fn errno(headers: &HeaderMap) -> Option<i32> {
    headers.get(ERRNO)?.to_str().ok()?.parse().ok().filter(|errno| *errno > 0)
}

/// The header for a number of the kernel's.
pub fn errno_value(errno: i32) -> HeaderValue {
    HeaderValue::from(errno)
}

/// What a broker says it has refused; `None` of an answer that is no broker's.
pub fn refusals(headers: &HeaderMap) -> Option<u64> {
    headers.get(BROKER)?;
    headers.get(REFUSALS)?.to_str().ok()?.parse().ok()
}

/// The sentence in a body as engines write theirs.
pub fn reason(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(body.get("message")?.as_str()?.to_owned())
}

/// A body as engines write theirs.
pub fn body(reason: &str) -> Vec<u8> {
    json!({ "message": reason }).to_string().into_bytes()
}

/// The asking end. Whoever gives up on a question leaves the others theirs.
#[derive(Debug)]
pub struct Door(Arc<Asker>);

impl Door {
    /// Takes the end of the channel; to be called inside a runtime.
    ///
    /// # Errors
    /// The socket cannot be made non-blocking or watched.
    pub fn new(channel: OwnedFd) -> io::Result<Self> {
        Asker::new(channel).map(|asker| Self(Arc::new(asker)))
    }

    /// A connection which speaks HTTP/1.1 and answers what is on the list, once.
    ///
    /// # Errors
    /// The broker has gone, or cannot make one.
    pub async fn engine(&self) -> io::Result<UnixStream> {
        let socket = std::os::unix::net::UnixStream::from(self.ask(ENGINE).await?);
        socket.set_nonblocking(true)?;
        UnixStream::from_std(socket)
    }

    /// A connected socket of the helper's.
    ///
    /// # Errors
    /// The broker has gone, or the helper cannot be connected to: what the kernel says.
    pub async fn helper(&self) -> io::Result<OwnedFd> {
        self.ask(HELPER).await
    }

    async fn ask(&self, question: &'static [u8]) -> io::Result<OwnedFd> {
        let asker = Arc::clone(&self.0);
        // In a task of its own: dropped in the middle, a question would close the channel for everybody.
        let asked = tokio::spawn(async move { asker.ask(question).await });
        let (words, descriptors) = asked.await.map_err(io::Error::other)??;
        match (words.split_first(), descriptors.into_iter().next()) {
            (Some((&GIVEN, _)), Some(descriptor)) => Ok(descriptor),
            (Some((&FAILED, errno)), _) => match <[u8; 4]>::try_from(errno).map(i32::from_le_bytes) {
                Ok(errno) if errno > 0 => Err(io::Error::from_raw_os_error(errno)),
                _ => Err(io::Error::other("the broker could not make a connection")),
            },
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Answers one question at the other end.
///
/// # Errors
/// What the kernel says of the channel.
pub fn answer(channel: impl AsFd, given: io::Result<impl AsFd>) -> io::Result<()> {
    match given {
        Ok(descriptor) => handover::send(channel, &[GIVEN], &[descriptor.as_fd()]),
        Err(error) => {
            let mut words = vec![FAILED];
            words.extend(error.raw_os_error().unwrap_or_default().to_le_bytes());
            handover::send(channel, &words, &[])
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_descriptor_comes_through_and_a_refusal_says_why() {
        let (ours, theirs) = handover::channel().unwrap();
        let served = thread::spawn(move || {
            let (question, _) = handover::receive(&theirs).unwrap();
            assert_eq!(question, ENGINE);
            let (given, mut kept) = std::os::unix::net::UnixStream::pair().unwrap();
            std::io::Write::write_all(&mut kept, b"hello").unwrap();
            drop(kept);
            answer(&theirs, Ok(given)).unwrap();
            assert_eq!(handover::receive(&theirs).unwrap().0, HELPER);
            answer(&theirs, Err::<OwnedFd, _>(io::Error::from_raw_os_error(libc::EACCES))).unwrap();
        });
        let door = Door::new(ours).unwrap();
        let mut text = String::new();
        door.engine().await.unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        assert_eq!(door.helper().await.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        served.join().unwrap();
        assert!(door.engine().await.is_err(), "the broker has gone");
    }

    #[tokio::test]
    async fn who_gives_up_leaves_the_channel_to_others() {
        let (ours, theirs) = handover::channel().unwrap();
        let door = Door::new(ours).unwrap();
        let late = tokio::time::timeout(std::time::Duration::from_millis(10), door.engine()).await;
        assert!(late.is_err(), "nobody answers yet");
        let served = thread::spawn(move || {
            for _ in 0..2 {
                handover::receive(&theirs).unwrap();
                answer(&theirs, Ok(std::os::unix::net::UnixStream::pair().unwrap().0)).unwrap();
            }
        });
        door.engine().await.unwrap();
        served.join().unwrap();
    }

    #[test]
    fn troubles_are_told_by_words() {
        for trouble in Trouble::ALL {
            let headers = HeaderMap::from_iter([(TROUBLE, HeaderValue::from_static(trouble.as_str()))]);
            assert_eq!(Trouble::of(&headers), Some(trouble));
        }
        let headers = HeaderMap::from_iter([(ERRNO, errno_value(13))]);
        assert_eq!((errno(&headers), Trouble::of(&headers)), (Some(13), None));
        let count = HeaderMap::from_iter([(REFUSALS, HeaderValue::from(7_u64))]);
        assert_eq!(refusals(&count), None, "an engine's word");
        let told =
            HeaderMap::from_iter([(REFUSALS, HeaderValue::from(7_u64)), (BROKER, HeaderValue::from_static("1"))]);
        assert_eq!(refusals(&told), Some(7));
        assert_eq!(reason(&body("no \"such\" file")).as_deref(), Some("no \"such\" file"));
    }
}
