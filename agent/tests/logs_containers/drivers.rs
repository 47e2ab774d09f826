//! What keeps a container's lines, what it keeps of them, and what the agent says of it.

use std::{net::UdpSocket, time::Duration};

use crate::{
    support::{
        container::Running,
        docker::{Docker, Turn},
        log_writer::Run,
        page::Page,
        private_engine::PrivateEngine,
        wait::{eventually, holds},
    },
    yard::Yard,
};

/// What a container prints here.
const SCRIPT: &str = "cat /lines/kept; sleep 1000";

impl Yard {
    /// A container with this driver and these options of it, which prints a run that [`Self::give`] has put into `kept`.
    fn of_driver(&self, service: &str, driver: &str, options: &[&str]) -> Running {
        let options: Vec<_> = options.iter().flat_map(|option| ["--log-opt", *option]).collect();
        self.container(service, SCRIPT).options(&["--log-driver", driver]).options(&options).start()
    }

    fn is_lossy(&self, service: &str) -> bool {
        self.counted("spyhop_logs_upstream_lossy", service) > 0.0
    }

    fn kept(&self, lines: u64) -> Run {
        let mut run = Run::new("kept");
        self.give("kept", &mut run, lines);
        run
    }
}

/// [26] Drivers: json-file is read from its files; `none` is said to be unreadable, and nothing retries.
#[test]
fn a_driver_that_keeps_nothing_is_left_alone() {
    let Some(yard) = Yard::or_skip() else { return };
    let run = yard.kept(100);
    let none = yard.of_driver("none", "none", &[]);
    let kept = yard.of_driver("kept", "json-file", &[]);
    yard.complete("kept", &run);
    assert!(yard.texts("none", "stdout").is_empty());
    let unread = |page: Page| page.require("spyhop_logs_source_containers", &[("source", "none")]);
    assert_eq!(unread(yard.agent.scrape()), Ok(1.0));
    assert!(!yard.is_lossy("kept") && !yard.is_lossy("none"));
    assert!(!yard.agent.log().contains("read a log file"), "{}", yard.agent.log());
    none.remove();
    kept.remove();
}

/// A container of a driver without files is read through the engine, and over a restart of the agent: nothing is lost or comes twice.
fn is_read_through_the_engine(yard: Yard, driver: &str) {
    let mut run = Run::new("kept");
    yard.give("kept", &mut run, 300);
    let first = run.clone();
    yard.give("more", &mut run, 300);
    let script = "cat /lines/kept; until test -e /go; do sleep 0.1; done; cat /lines/more; touch /said; sleep 1000";
    let container = yard.container(driver, script).options(&["--log-driver", driver]).start();
    yard.complete(driver, &first);
    assert_eq!((yard.through("api"), yard.through("file")), (1.0, 0.0));
    assert!(!yard.is_lossy(driver));
    let yard = yard.meanwhile(|| drop(container.exec("touch /go; until test -e /said; do sleep 0.1; done")));
    yard.complete(driver, &run);
    container.remove();
}

/// [26] The driver `local` has no file that anybody may read.
#[test]
fn a_driver_without_files_is_read_through_the_engine() {
    let Some(yard) = Yard::or_skip() else { return };
    is_read_through_the_engine(yard, "local");
}

/// [26] Mode non-blocking: what the engine has arrives, by either way, and that it may have dropped some before is said, once in the log.
#[test]
fn what_an_engine_may_drop_is_said() {
    let Some(yard) = Yard::or_skip() else { return };
    let run = yard.kept(300);
    let options = ["mode=non-blocking", "max-buffer-size=1m"];
    let containers = [("ring-file", "json-file"), ("ring-api", "local")]
        .map(|(service, driver)| (service, yard.of_driver(service, driver, &options)));
    for (service, _) in &containers {
        yard.complete(service, &run);
        assert!(yard.is_lossy(service), "{service}");
    }
    assert_eq!((yard.through("api"), yard.through("file")), (1.0, 1.0));
    assert_eq!(yard.agent.log().matches("the engine may drop lines before they can be read").count(), 2);
    // Once it is gone nothing of it can be dropped any more, long before the service is forgotten.
    for (service, container) in containers {
        container.remove();
        eventually(service, || holds(!yard.is_lossy(service), || "still said to be lossy".to_owned()));
    }
}

/// [26] A driver that sends elsewhere: read from the copy which the engine keeps beside it, and said to be lossy. Without a copy, left alone.
#[test]
fn the_copy_beside_another_driver_is_read() {
    let Some(yard) = Yard::or_skip() else { return };
    let run = yard.kept(100);
    let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("syslog-address=udp://{}", elsewhere.local_addr().unwrap());
    let container = yard.of_driver("copied", "syslog", &[&address]);
    let alone = yard.of_driver("alone", "syslog", &[&address, "cache-disabled=true"]);
    yard.complete("copied", &run);
    assert!(yard.is_lossy("copied"));
    assert!(yard.texts("alone", "stdout").is_empty());
    assert_eq!((yard.through("api"), yard.through("none")), (1.0, 1.0));
    // That the driver did what it is for.
    let mut message = [0; 2048];
    elsewhere.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let length = elsewhere.recv(&mut message).unwrap();
    assert!(String::from_utf8_lossy(&message[..length]).contains("kept 0 "), "{:?}", &message[..length]);
    container.remove();
    alone.remove();
}

/// [26] The driver `journald`, on an engine which has a journal beside it.
#[test]
fn a_journal_is_read_through_the_engine() {
    let Some(first) = Docker::or_skip(Turn::Alone) else { return };
    let Some(mut engine) = PrivateEngine::or_skip(false) else { return };
    let Some(()) = engine.journal_or_skip() else { return };
    is_read_through_the_engine(Yard::on(engine.docker(&first)), "journald");
}
