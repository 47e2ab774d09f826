//! The whole way: the real collectors behind a real socket, over a host that says nothing.

use std::{io::Read, sync::Arc};

use flate2::read::GzDecoder;
use spyhop::{
    collectors::{self, Scraper, Source},
    exposition::Format,
    host::{Gone, Target},
    http::{self, App, Settings, access::Gate},
    inventory::Reader,
    model::{ContainerId, ContainerSample, HostSample, MachineSample},
    targets::Targets,
    telemetry::Metrics,
};
use tokio_util::sync::CancellationToken;

use crate::support::Client;

struct Nothing;

impl Source for Nothing {
    fn track(&mut self, _: &[Target]) {}

    fn container(&mut self, _: &ContainerId, _: &mut ContainerSample) -> Result<(), Gone> {
        Ok(())
    }

    fn root(&mut self, _: &mut ContainerSample) {}

    fn host(&mut self, _: &mut HostSample) {}

    fn machine(&mut self) -> MachineSample {
        MachineSample::default()
    }

    fn availability(&self) -> Vec<(&'static str, bool)> {
        Vec::new()
    }

    fn open_handles(&self) -> usize {
        0
    }
}

#[tokio::test]
async fn pages_of_the_collectors_are_served() {
    let settings = Settings { listen: "127.0.0.1:0".parse().unwrap(), ..Settings::default() };
    let (inventory, metrics) = (Reader::new(), Metrics::default());
    let collecting = collectors::Settings::default();
    let scraper = Scraper::new(Nothing, inventory.clone(), collecting, metrics.clone());
    let listener = http::bind(&settings).await.unwrap();
    let mut client = Client::to(listener.address()).await;
    let shutdown = CancellationToken::new();
    let targets = Targets::unreachable(inventory.clone(), metrics.clone());
    let gate = Arc::new(Gate::open(metrics.clone()).unwrap());
    let app = App {
        scraper,
        inventory,
        targets,
        logs: None,
        policy: Default::default(),
        probes: Default::default(),
        isolation: Default::default(),
        traces: None,
        history: Default::default(),
        metrics,
        settings,
        gate,
    };
    let server = tokio::spawn(http::serve(listener, app, shutdown.clone()));

    let text = client.ask("GET", "/metrics", "").await;
    assert_eq!(text.header("content-type"), Format::Text.content_type());
    assert!(text.text().contains("\nspyhop_build_info{") && !text.text().contains("# EOF"), "{}", text.text());

    let headers = "accept: application/openmetrics-text;version=1.0.0\r\naccept-encoding: gzip\r\n";
    let open = client.ask("GET", "/metrics", headers).await;
    assert_eq!(open.header("content-type"), Format::OpenMetrics.content_type());
    let mut page = String::new();
    match open.headers.get("content-encoding") {
        Some(_) => GzDecoder::new(open.body.as_slice()).read_to_string(&mut page).map(drop).unwrap(),
        None => page.push_str(open.text()),
    }
    assert!(page.ends_with("\n# EOF\n"), "{page}");
    // The counter of the first scrape's answer is on the second page.
    assert!(page.contains("spyhop_http_requests_total{route=\"metrics\",code=\"200\"} 1\n"), "{page}");

    shutdown.cancel();
    client.ended().await;
    server.await.unwrap();
}
