//! Paused time: every deadline is met to the millisecond and nothing waits.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::sleep,
};

use super::*;

fn settings() -> Settings {
    Settings::default()
}

/// Our end, the client's end (16 bytes of buffer each way), and what the service holds.
fn connection() -> (Patient<DuplexStream>, DuplexStream, Arc<Turn>) {
    let (ours, theirs) = duplex(16);
    let turn = Arc::new(Turn::default());
    (Patient::new(ours, Arc::clone(&turn), &settings()), theirs, turn)
}

/// How long a future took, and what it gave.
async fn timed<T>(future: impl Future<Output = T>) -> (Duration, T) {
    let start = Instant::now();
    let value = future.await;
    (start.elapsed(), value)
}

/// Reads until nothing more comes: the end of the stream or an error.
async fn read_out(io: &mut Patient<DuplexStream>) -> io::Result<usize> {
    let mut bytes = Vec::new();
    io.read_to_end(&mut bytes).await
}

/// One request sent, read and answered with nothing.
async fn exchange(io: &mut Patient<DuplexStream>, client: &mut DuplexStream, turn: &Arc<Turn>) {
    client.write_all(b"GET /\n").await.unwrap();
    let mut head = [0; 6];
    io.read_exact(&mut head).await.unwrap();
    drop(turn.begin());
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_let_go_after_the_header_timeout() {
    let (mut io, _client, _turn) = connection();
    let (took, end) = timed(read_out(&mut io)).await;
    assert_eq!((took, end.unwrap()), (settings().header_timeout, 0));
}

#[tokio::test(start_paused = true)]
async fn a_head_sent_byte_by_byte_is_cut() {
    let (mut io, mut client, _turn) = connection();
    let trickle = tokio::spawn(async move {
        while client.write_all(b"G").await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    let (took, end) = timed(read_out(&mut io)).await;
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(took, settings().header_timeout);
    drop(io);
    trickle.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_which_always_has_a_byte_ready_cannot_outrun_the_clock() {
    let (mut io, mut client, _turn) = connection();
    for second in 0..=settings().header_timeout.as_secs() {
        client.write_all(b"G").await.unwrap();
        let mut byte = [0];
        // The byte is there before the clock is looked at, each time.
        match io.read_exact(&mut byte).await {
            Ok(_) => assert!(second < settings().header_timeout.as_secs()),
            Err(error) => {
                assert_eq!(second, settings().header_timeout.as_secs());
                assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            }
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_outlives_scrape_intervals_and_ends_in_peace() {
    let (mut io, mut client, turn) = connection();
    for _ in 0..3 {
        exchange(&mut io, &mut client, &turn).await;
        let quiet = settings().idle_timeout - Duration::from_secs(1);
        tokio::time::timeout(quiet, read_out(&mut io)).await.expect_err("nothing ends it meanwhile");
    }
    exchange(&mut io, &mut client, &turn).await;
    let (took, end) = timed(read_out(&mut io)).await;
    assert_eq!((took, end.unwrap()), (settings().idle_timeout, 0));
}

#[tokio::test(start_paused = true)]
async fn a_slow_second_head_is_cut_like_the_first() {
    let (mut io, mut client, turn) = connection();
    exchange(&mut io, &mut client, &turn).await;
    let late = tokio::spawn(async move {
        sleep(Duration::from_secs(60)).await;
        client.write_all(b"G").await.unwrap();
        client
    });
    let (took, end) = timed(read_out(&mut io)).await;
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(took, Duration::from_secs(60) + settings().header_timeout);
    late.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_clock_runs_while_a_request_is_served() {
    let (mut io, mut client, turn) = connection();
    client.write_all(b"GET /\n").await.unwrap();
    let mut head = [0; 6];
    io.read_exact(&mut head).await.unwrap();
    let serving = turn.begin();
    let hour = Duration::from_secs(3600);
    tokio::time::timeout(hour, read_out(&mut io)).await.expect_err("it is being served");
    drop(serving);
    let (took, end) = timed(read_out(&mut io)).await;
    assert_eq!((took, end.unwrap()), (settings().idle_timeout, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_cut() {
    let (mut io, _client, _turn) = connection();
    let (took, end) = timed(io.write_all(&[0; 100])).await;
    assert_eq!((took, end.unwrap_err().kind()), (settings().write_timeout, io::ErrorKind::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_a_byte_now_and_then_is_cut_in_the_end() {
    let (mut io, mut client, _turn) = connection();
    let sip = tokio::spawn(async move {
        let mut byte = [0];
        while client.read_exact(&mut byte).await.is_ok() {
            sleep(settings().write_timeout - Duration::from_secs(1)).await;
        }
    });
    let (took, end) = timed(io.write_all(&[0; 1000])).await;
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(took, settings().transfer_timeout);
    drop(io);
    sip.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_answer_has_the_whole_time() {
    let (mut io, mut client, _turn) = connection();
    let mut taken = [0; 8];
    for _ in 0..3 {
        io.write_all(b"answered").await.unwrap();
        io.flush().await.unwrap();
        client.read_exact(&mut taken).await.unwrap();
        sleep(settings().transfer_timeout).await;
    }
}

#[tokio::test(start_paused = true)]
async fn closing_on_a_client_that_still_sends_lingers_and_ends() {
    let (mut io, mut client, _turn) = connection();
    client.write_all(b"GET /").await.unwrap();
    let mut head = [0; 5];
    io.read_exact(&mut head).await.unwrap();
    let flood = tokio::spawn(async move {
        while client.write_all(b"more").await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    let (took, end) = timed(io.shutdown()).await;
    end.unwrap();
    assert_eq!(took, LINGER);
    drop(io);
    flood.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_thrown_away_meanwhile_is_bounded() {
    let (mut io, mut client, turn) = connection();
    turn.leave_unread();
    let flood = tokio::spawn(async move {
        let mut sent = 0;
        while client.write_all(&[0; 16]).await.is_ok() {
            sent += 16;
        }
        sent
    });
    let (took, end) = timed(io.shutdown()).await;
    end.unwrap();
    assert!(took < LINGER, "{took:?}");
    drop(io);
    let sent = flood.await.unwrap();
    assert!((LINGER_BYTES..LINGER_BYTES + 64).contains(&sent), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn closing_an_idle_connection_does_not_wait() {
    let (mut io, mut client, turn) = connection();
    exchange(&mut io, &mut client, &turn).await;
    let (took, end) = timed(io.shutdown()).await;
    end.unwrap();
    assert_eq!(took, Duration::ZERO);
}
