//! Turns, the queue for them and what a panic does, with a source that can be made to wait.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::Read,
    pin::pin,
    sync::{Mutex, mpsc},
    task::Poll,
};

use flate2::read::GzDecoder;
use tokio::sync::oneshot;

use super::*;
use crate::{
    collectors::{ProcessSample, row::tests::entry},
    host::{Gone, Target},
    inventory::Snapshot,
    model::{ContainerId, ContainerSample, HostSample, MachineSample},
};

/// A source which tells what was asked of it, and waits at each scrape until it is let go on.
struct Slow {
    asked: mpsc::SyncSender<&'static str>,
    go_on: mpsc::Receiver<()>,
    tracked: Arc<Mutex<VecDeque<usize>>>,
}

impl Source for Slow {
    fn track(&mut self, targets: &[Target]) {
        self.tracked.lock().unwrap().push_back(targets.len());
        self.asked.send("track").unwrap();
    }

    fn container(&mut self, _: &ContainerId, into: &mut ContainerSample) -> Result<(), Gone> {
        into.cgroup_path = Some("/docker/x".into());
        Ok(())
    }

    fn root(&mut self, _: &mut ContainerSample) {}

    fn host(&mut self, _: &mut HostSample) {}

    fn machine(&mut self) -> MachineSample {
        self.asked.send("scrape").unwrap();
        self.go_on.recv().expect("the test has given up on this source");
        MachineSample::default()
    }

    fn availability(&self) -> Vec<(&'static str, bool)> {
        Vec::new()
    }

    fn open_handles(&self) -> usize {
        0
    }

    fn process(&mut self, _: &mut ProcessSample) {}
}

struct Bench {
    scraper: Scraper,
    reader: Reader,
    metrics: Metrics,
    asked: mpsc::Receiver<&'static str>,
    go_on: mpsc::SyncSender<()>,
    tracked: Arc<Mutex<VecDeque<usize>>>,
}

fn start() -> Bench {
    let (asked_by, asked) = mpsc::sync_channel(100);
    let (go_on, waits) = mpsc::sync_channel(100);
    let (reader, metrics, tracked) = (Reader::new(), Metrics::default(), Arc::default());
    let source = Slow { asked: asked_by, go_on: waits, tracked: Arc::clone(&tracked) };
    let scraper = Scraper::new(source, reader.clone(), Settings::default(), metrics.clone());
    Bench { scraper, reader, metrics, asked, go_on, tracked }
}

impl Bench {
    /// Waits until this is asked of the source: it is being worked on then.
    fn until(&self, what: &str) {
        while self.asked.recv().expect("the source lives") != what {}
    }
}

fn request(gzip: bool) -> Request {
    Request { format: Format::OpenMetrics, groups: None, gzip }
}

fn text(body: &ScrapeBody) -> String {
    let mut text = String::new();
    match body.gzip {
        true => GzDecoder::new(body.bytes.as_ref()).read_to_string(&mut text).map(drop).unwrap(),
        false => text.push_str(std::str::from_utf8(&body.bytes).unwrap()),
    }
    text
}

fn publish(reader: &Reader, containers: u32) {
    let containers = (1..=containers).map(|pid| Arc::new(entry(&format!("c{pid}"), pid))).collect();
    reader.publish(Snapshot { containers, ..Snapshot::default() });
}

/// A scrape which has begun to wait, as the first poll of it shows.
async fn waiting(scraper: &Scraper) -> tokio::task::JoinHandle<Result<ScrapeBody, ScrapeError>> {
    let scraper = scraper.clone();
    let (begun, first_poll) = oneshot::channel();
    let task = tokio::spawn(async move {
        let mut scrape = pin!(scraper.scrape(request(false)));
        let first = poll_fn(|context| Poll::Ready(scrape.as_mut().poll(context))).await;
        begun.send(()).unwrap();
        match first {
            Poll::Ready(answer) => answer,
            Poll::Pending => scrape.await,
        }
    });
    first_poll.await.unwrap();
    task
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_at_once_and_counts() {
    let bench = start();
    let scraper = bench.scraper.clone();
    let mut answers = vec![tokio::spawn(async move { scraper.scrape(request(false)).await })];
    bench.until("scrape");
    for _ in 0..MAX_WAITING_SCRAPES {
        answers.push(waiting(&bench.scraper).await);
    }
    assert_eq!(bench.scraper.scrape(request(false)).await, Err(ScrapeError::Busy));
    let mut counters = String::new();
    prometheus_client::encoding::text::encode(&mut counters, bench.metrics.registry()).unwrap();
    assert!(counters.contains("spyhop_refused_total{reason=\"scrapes\"} 1\n"));
    for _ in 0..=MAX_WAITING_SCRAPES {
        bench.go_on.send(()).unwrap();
    }
    for answer in answers {
        assert!(text(&answer.await.unwrap().unwrap()).ends_with("# EOF\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_and_plain_pages_alternate_and_agree() {
    let bench = start();
    publish(&bench.reader, 3);
    for _ in 0..12 {
        bench.go_on.send(()).unwrap();
    }
    for round in 0..3 {
        for gzip in [false, true, true, false] {
            let body = bench.scraper.scrape(request(gzip)).await.unwrap();
            assert_eq!(body.gzip, gzip);
            let page = text(&body);
            assert!(page.ends_with("# EOF\n"), "{round}");
            assert_eq!(page.matches("\ncontainer_last_seen{id=\"/docker/x\"").count(), 3);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_went_away_costs_nothing() {
    let bench = start();
    let worked_on = tokio::spawn({
        let scraper = bench.scraper.clone();
        async move { scraper.scrape(request(false)).await }
    });
    bench.until("scrape");
    let gone = waiting(&bench.scraper).await;
    let last = waiting(&bench.scraper).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    bench.go_on.send(()).unwrap();
    bench.go_on.send(()).unwrap();
    assert!(worked_on.await.unwrap().is_ok() && last.await.unwrap().is_ok());
    assert_eq!((bench.asked.try_recv(), bench.asked.try_recv().is_err()), (Ok("scrape"), true));
}

#[test]
fn refresh_tracks_the_newest_picture_once() {
    let bench = start();
    publish(&bench.reader, 2);
    bench.scraper.refresh();
    assert_eq!(bench.asked.recv(), Ok("track"));
    publish(&bench.reader, 1);
    bench.scraper.refresh();
    assert_eq!(bench.asked.recv(), Ok("track"));
    bench.scraper.refresh();
    assert_eq!(*bench.tracked.lock().unwrap(), [2, 1], "an unchanged picture is not tracked again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_behind_a_scrape_that_hangs_waits_alone() {
    let bench = start();
    let hanging = waiting_for_the_source(&bench).await;
    for containers in 1..20 {
        publish(&bench.reader, containers);
        bench.scraper.refresh();
    }
    assert!(bench.tracked.lock().unwrap().is_empty());
    bench.go_on.send(()).unwrap();
    assert!(hanging.await.unwrap().is_ok());
    bench.until("track");
    assert_eq!(*bench.tracked.lock().unwrap(), [19], "the newest picture, once");
}

async fn waiting_for_the_source(bench: &Bench) -> tokio::task::JoinHandle<Result<ScrapeBody, ScrapeError>> {
    let scraper = bench.scraper.clone();
    let task = tokio::spawn(async move { scraper.scrape(request(false)).await });
    bench.until("scrape");
    task
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_duties_go_on_while_a_scrape_blocks() {
    let bench = start();
    let hanging = [waiting_for_the_source(&bench).await, waiting(&bench.scraper).await];
    // More than there are workers: each would be stuck behind a blocked one.
    for duty in (0..8).map(|n| tokio::spawn(async move { n })) {
        duty.await.unwrap();
    }
    for scrape in hanging {
        bench.go_on.send(()).unwrap();
        assert!(scrape.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn settings_are_taken_over_by_the_next_scrape() {
    let bench = start();
    let nothing = Settings { groups: BTreeSet::new(), ..Settings::default() };
    for (settings, shown) in [(Settings::default(), true), (nothing, false)] {
        bench.scraper.configure(settings);
        bench.go_on.send(()).unwrap();
        let page = text(&bench.scraper.scrape(request(false)).await.unwrap());
        assert_eq!(page.contains("\nmachine_scrape_error"), shown);
    }
}

#[tokio::test]
async fn a_panic_is_the_end_and_is_told() {
    let bench = start();
    assert!(bench.scraper.alive());
    drop(bench.go_on);
    assert_eq!(bench.scraper.scrape(request(true)).await, Err(ScrapeError::Failed));
    bench.scraper.failed().await;
    assert!(!bench.scraper.alive());
    assert!(bench.asked.try_iter().eq(["scrape"]));
    assert!(bench.asked.recv().is_err(), "what the source held was let go");
    assert_eq!(bench.scraper.scrape(request(true)).await, Err(ScrapeError::Failed));
}
