//! Loki is there and refuses.

use std::{collections::BTreeSet, fs, time::Duration};

use crate::{
    loki::{Fault, Receiver},
    shop::{Shop, loki},
    support::{
        log_writer::{Run, now},
        wait::{eventually, holds, within},
    },
};

const PARSE_ERROR: &str = "couldn't parse labels: 1:2: parse error: unexpected IDENTIFIER inside braces\n";

/// [5] The tenant's rate is used up, and a gateway says for how long: nothing is asked again before, loss 0, nothing twice.
#[test]
fn a_tenant_out_of_rate_waits_as_long_as_it_is_told() {
    let mut shop = Shop::open(&["web", "db"]);
    shop.loki.fail(2, Fault::limited(Some("2")));
    shop.write(200);
    shop.complete();
    let asked = shop.loki.asked();
    let refused: Vec<_> = asked.iter().filter(|asked| asked.status == Some(429)).map(|asked| asked.at).collect();
    assert_eq!(refused.len(), 2);
    for at in refused {
        let next = asked.iter().map(|asked| asked.at).filter(|other| *other > at).min().unwrap();
        assert!(next - at >= 1_900_000_000, "asked again after {} ms", (next - at) / 1_000_000);
    }
}

/// [5] One stream is refused for its rate, again and again: others' lines are there within five seconds all the while, loss 0 in the end.
#[test]
fn a_noisy_stream_holds_up_no_other() {
    let receiver = loki(|limits| limits.stream_rate = (40e3, 80e3));
    let mut shop = Shop::with(&["noisy", "quiet"], receiver, "", "  stream_rate: 0\n");
    // Older lines stand first in a push, and of several streams Loki tells the last one's failure only: the noisy one is always told of.
    let quiet_ago = 60_000_000_000;
    shop.write_to("noisy", 2500);
    eventually("the noisy one is refused", || {
        holds(shop.loki.discarded("per_stream_rate_limit") > 0, || "nothing refused".to_owned())
    });
    for _ in 0..8 {
        let service = shop.service("quiet");
        let text = service.run.line() + "\n";
        service.log.record("stdout", &text, now() - quiet_ago);
        let wanted = service.run.next as usize;
        let (_, took) = within(Duration::from_secs(5), "a line of the quiet one", || {
            let found = shop.loki.entries("service_name", "quiet").len();
            holds(found == wanted, || format!("{found} of {wanted}"))
        });
        println!("quiet: {} ms", took.as_millis());
    }
    assert!(shop.loki.entries("service_name", "noisy").len() < 2500, "the noisy one was held up all the while");
    shop.loki.limit(|limits| limits.stream_rate = (3e6, 15e6));
    shop.complete();
}

/// [6] What Loki would refuse is mended before it is sent: too long is cut, the future is now, a week ago is left out; all others are there.
#[test]
fn lines_which_loki_refuses_are_mended_before() {
    let mut shop = Shop::open(&["web"]);
    let service = shop.service("web");
    service.log.write(&mut service.run, 50);
    let week = 8 * 86_400_000_000_000;
    service.log.record("stderr", "a week ago\n", now() - week);
    service.log.record("stderr", "tomorrow\n", now() + 86_400_000_000_000);
    service.log.record("stderr", &("long ".repeat(60_000) + "\n"), now());
    service.log.raw(b"{\"log\":\"bytes \xff\xfe here\\n\",\"stream\":\"stderr\",\"time\":\"");
    let time = jiff::Timestamp::now();
    service.log.raw(format!("{time}\"}}\n").as_bytes());
    service.log.record("stderr", "\n", now());
    service.log.record("stderr", "the last\n", now());
    service.log.write(&mut service.run, 50);
    shop.complete();
    let stderr = || {
        let entries = shop.loki.entries("stream", "stderr");
        entries.into_iter().map(|entry| entry.line).collect::<Vec<_>>()
    };
    eventually("the last line", || {
        holds(stderr().iter().any(|line| line == "the last"), || format!("{:?}", stderr().len()))
    });
    let lines = stderr();
    let long = lines.iter().find(|line| line.starts_with("long long")).unwrap();
    assert!(long.len() <= 262_144 && long.ends_with("[cut]"), "{} bytes", long.len());
    assert!(lines.iter().any(|line| line == "tomorrow"));
    assert!(
        lines.iter().any(|line| line.starts_with("bytes ") && line.ends_with(" here")),
        "invalid bytes are replaced"
    );
    assert!(!lines.iter().any(|line| line == "a week ago"));
    let entries = shop.loki.entries("stream", "stderr");
    let tomorrow = entries.iter().find(|entry| entry.line == "tomorrow").unwrap();
    assert!(tomorrow.metadata.iter().any(|(name, _)| name == "original_timestamp"), "{tomorrow:?}");
    let counted = |metric: &str| shop.counted(metric, "web", &[]);
    assert_eq!(shop.dropped("web", "too_old"), 1.0);
    assert_eq!((counted("spyhop_logs_cut_lines_total"), counted("spyhop_logs_restamped_lines_total")), (1.0, 1.0));
    assert_eq!(shop.loki.all_discarded(), 0);
}

/// [6] A Loki stricter than we think refuses some lines of a push: they are not sent again, and exactly they are missing.
#[test]
fn lines_refused_for_good_are_missing_and_no_other() {
    let mut shop = Shop::with(&["web"], loki(|limits| limits.line = 1000), "", "");
    let mut long = BTreeSet::new();
    for round in 0..20 {
        shop.write_to("web", 10);
        let service = shop.service("web");
        if round % 4 == 0 {
            long.insert(service.run.next);
            service.run.payload = 2000;
            service.log.write(&mut service.run, 1);
            service.run.payload = 170;
        }
    }
    let account = shop.settle_less(long.len() as u64).remove("web").unwrap();
    assert_eq!(account.missing, long.iter().copied().collect::<Vec<_>>());
    assert_eq!((account.twice, account.disorder, account.broken), (0, 0, 0));
    assert_eq!(shop.loki.discarded("line_too_long"), long.len() as u64, "each was sent once");
    assert_eq!(shop.dropped("web", "too_large"), long.len() as f64);
}

/// [7] A push of several streams is not read because of one: it is sent in parts, and that one's chunk alone is lost.
#[test]
fn one_bad_stream_costs_its_own_lines_only() {
    let mut shop = Shop::open(&["web", "db", "cache"]);
    shop.loki.refuse();
    shop.write(50);
    eventually("the agent has tried", || {
        let log = shop.agent().log();
        holds(log.contains("log lines are kept back"), || log)
    });
    // The push of all three, and then the first of them alone.
    shop.loki.fail(2, Fault::status(400, PARSE_ERROR));
    shop.loki.listen();
    let asked = shop.loki.wait_asked(2);
    assert_eq!((asked[0].status, asked[1].status), (Some(400), Some(400)));
    shop.write(10);
    let lost = || shop.accounts().into_values().map(|account| account.missing).filter(|missing| !missing.is_empty());
    let lost = within(Duration::from_secs(20), "all but one chunk", || match lost().collect::<Vec<_>>().as_slice() {
        [one] if one.iter().all(|number| *number < 50) => Ok(one.clone()),
        other => Err(format!("{other:?}")),
    });
    let (first, last) = (lost.0[0], lost.0[lost.0.len() - 1]);
    assert_eq!(last - first + 1, lost.0.len() as u64, "one chunk: {:?}", lost.0);
    let counted: f64 = ["web", "db", "cache"].iter().map(|name| shop.dropped(name, "refused")).sum();
    assert_eq!(counted, lost.0.len() as f64);
}

/// [8] Not allowed, not found, blocked with a status of success: everything is held, nothing hammered, loss 0 and nothing twice once it is mended.
#[test]
fn what_somebody_has_to_mend_costs_nothing() {
    let receiver = loki(|limits| limits.authorization = Some("Bearer right".to_owned()));
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "wrong").unwrap();
    let more = format!("  bearer_token_file: {}\n", token.display());
    let mut shop = Shop::with(&["web"], receiver, &more, "");
    shop.write(100);
    eventually("the agent says why", || {
        let log = shop.agent().log();
        holds(log.contains("log lines are kept back") && log.contains("401"), || log)
    });
    let trouble = || shop.agent().scrape().value("spyhop_logs_destination_trouble", &[("kind", "configuration")]);
    assert_eq!(trouble(), Some(1.0), "somebody can be woken");
    fs::write(&token, "right").unwrap();
    shop.complete();
    assert_eq!(trouble(), Some(0.0));
    for fault in [(403, "Forbidden\n"), (404, "404 page not found\n"), (260, "ingestion blocked for user 'fake'\n")] {
        shop.loki.always(Some(Fault::status(fault.0, fault.1)));
        let before = shop.loki.pushes();
        shop.write(100);
        eventually("a push is refused", || holds(shop.loki.pushes() > before, || "none".to_owned()));
        shop.loki.always(None);
        shop.complete();
        let asked = shop.loki.pushes() - before;
        assert!(asked <= 4, "{fault:?}: asked {asked} times");
    }
    assert_eq!(shop.loki.all_discarded(), 0);
}

/// [9] More than the ingesters or the gateway take: sent in halves until it fits, loss 0, nothing twice, no push for ever.
#[test]
fn what_is_too_large_goes_in_halves() {
    for limit in ["message", "body"] {
        let receiver = loki(|limits| match limit {
            "message" => limits.message = 20_000,
            _ => limits.body = 4_000,
        });
        let mut shop = Shop::with(&["web", "db"], receiver, "", "");
        shop.write(400);
        shop.complete();
        assert!(shop.loki.pushes() < 300, "{limit}: {} pushes", shop.loki.pushes());
    }
}

/// [9] A single line larger than is taken: it alone is missing.
#[test]
fn a_line_that_is_too_large_alone_is_given_up_alone() {
    let mut shop = Shop::with(&["web"], loki(|limits| limits.message = 20_000), "", "");
    shop.write(100);
    let service = shop.service("web");
    let large = service.run.next;
    service.run.payload = 30_000;
    service.log.write(&mut service.run, 1);
    service.run.payload = 170;
    shop.write(100);
    let account = shop.settle_less(1).remove("web").unwrap();
    assert_eq!(account.missing, [large]);
    assert_eq!(shop.dropped("web", "too_large"), 1.0);
    assert_eq!((account.twice, account.disorder), (0, 0));
}

/// [10] Loki tells one stream's failure in several only: what would run into its limit by stream is held back, and nothing is discarded unseen.
#[test]
fn pacing_keeps_refusals_that_are_not_told_at_zero() {
    let receiver = loki(|limits| limits.stream_rate = (200e3, 1000e3));
    let mut shop = Shop::with(&["web", "db", "cache"], receiver, "", "  stream_rate: 150000\n");
    shop.write(4000);
    shop.complete();
    assert_eq!(shop.loki.all_discarded(), 0);
}

/// [29] Containers come and go with a label of chance each: streams are one for each service and output, whatever their number.
#[test]
fn churn_makes_no_streams() {
    let mut shop = Shop::with(&["web"], loki(|limits| limits.streams = 8), "", "");
    let mut run = Run::new("churn-run");
    let mut logs = Vec::new();
    for number in 0..200_u32 {
        let mut log = crate::support::log_writer::LogFile::new();
        let name = format!("job-{number}");
        let path = log.path();
        log.write(&mut run, 2);
        let text = run.line() + "\n";
        log.record("stderr", &text, now());
        let container = crate::shop::container(&name, &log, 1)
            .compose("shop", if number % 2 == 0 { "even" } else { "odd" }, number)
            .label("chance", &format!("{:x}", u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        shop.engine.run(container, 1);
        logs.push((name, log));
        if logs.len() > 20 {
            let (name, log) = logs.remove(0);
            let seen = || {
                let entries = shop.loki.streams().into_iter().flat_map(|stream| stream.entries);
                run.account(entries.map(|entry| entry.line).collect::<Vec<_>>().iter().map(String::as_str)).missing
            };
            eventually("the oldest container's lines", || {
                let first = (u64::from(number) - 19) * 3;
                let missing: Vec<_> = seen().into_iter().filter(|missing| *missing < first).collect();
                holds(missing.is_empty(), || format!("{missing:?}"))
            });
            shop.engine.die(&name, 0);
            shop.engine.destroy(&name);
            drop((log, path));
        }
    }
    shop.write(1);
    shop.complete();
    assert!(shop.loki.streams().len() <= 5, "{}", shop.loki.streams().len());
    assert_eq!(shop.loki.all_discarded(), 0);
}

/// [2] Nobody answers at all, then somebody who is not Loki: its page is no acknowledgement.
#[test]
fn a_page_is_no_acknowledgement() {
    let mut shop = Shop::with(&["web"], Receiver::usual(), "", "");
    shop.loki.fail(1, Fault::status(200, "<html>log in here</html>"));
    shop.write(100);
    shop.complete();
}
