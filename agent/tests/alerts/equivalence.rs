//! One objective in three forms (ours, Sloth's, Pyrra's) and six courses of events: the minute in which each pages and makes a ticket.
//!
//! The forms of the others are written by hand in `alerts/tests/equivalence/`, and so are the minutes here: from the windows, factors and
//! waits of each form, not from what came out.

use std::fs;

use spyhop::{
    policy::Policy,
    render::{self, Options},
};

use crate::{
    promtool,
    rendered::{in_step, policy},
    root,
    timeline::Timeline,
};

/// Good minutes before: as long as the longest window of the three, and a little.
const HISTORY: u64 = 4 * 24 * 60;

/// In the order ours, Sloth's, Pyrra's: how an alert that pages, and one that makes a ticket, is found.
const FORMS: [(&str, &str); 3] = [
    ("alertname=\"SpyhopSloBurnFast\"", "alertname=\"SpyhopSloBurnSlow\""),
    ("alertname=\"SlothBurn\",sloth_severity=\"page\"", "alertname=\"SlothBurn\",sloth_severity=\"ticket\""),
    ("alertname=\"PyrraBurn\",severity=\"critical\"", "alertname=\"PyrraBurn\",severity=\"warning\""),
];

/// Errors a minute of 1000 requests, for how long, and when the three page: minutes after the fault began.
struct Course {
    what: &'static str,
    errors: u64,
    lasts: u64,
    /// Minute in which each pages first.
    pages: [Option<u64>; 3],
    /// Minute in which no page fires any more, where the fault ends.
    over: [Option<u64>; 3],
}

/// Over 28 days the factors are 13.44, 5.6, 2.8 and 1 (ours), 13.44, 5.6, 2.8 and 0.933 (Sloth's), 14, 7, 2 and 1 (Pyrra's).
const COURSES: &[Course] = &[
    // 60 x 0.01344 = 0.8 (Pyrra 0.84), so the first minute; ours and Pyrra's wait for two more.
    Course { what: "total outage", errors: 1_000, lasts: 60, pages: [Some(3), Some(1), Some(3)], over: [None; 3] },
    // 60 x 0.01344 / 0.2 = 4.03, Pyrra 4.2: the fifth.
    Course { what: "20 % errors", errors: 200, lasts: 60, pages: [Some(7), Some(5), Some(7)], over: [None; 3] },
    // Six hours: 360 x 0.0056 / 0.01 = 201.6, Pyrra 360 x 0.007 / 0.01 = 252 and not above it before the next; ours and Pyrra's wait for 15.
    Course { what: "1 % slow burn", errors: 10, lasts: 300, pages: [Some(217), Some(202), Some(268)], over: [None; 3] },
    // Five minutes hold a bad one until the sixth after the fault began: long enough for two minutes of waiting. Over when it is clean.
    Course {
        what: "2-minute blip",
        errors: 1_000,
        lasts: 2,
        pages: [Some(3), Some(1), Some(3)],
        over: [Some(7), Some(7), Some(7)],
    },
    Course { what: "no traffic", errors: 0, lasts: 60, pages: [None; 3], over: [None; 3] },
    // Twenty minutes of outage: six hours fire too (after 2.02 and 2.52 minutes, and 15), and end when half an hour is clean. Sloth's is one alert.
    Course {
        what: "recovery",
        errors: 1_000,
        lasts: 20,
        pages: [Some(3), Some(1), Some(3)],
        over: [Some(50), Some(50), Some(50)],
    },
];

#[test]
fn the_three_forms_page_in_the_minute_that_their_windows_and_waits_say() {
    if !promtool::is_here() {
        return;
    }
    for Course { what, errors, lasts, pages, over } in COURSES {
        let mut times = Timeline::new(1);
        course(&mut times, 420, *errors, *lasts, what);
        for (at, (page, _)) in FORMS.into_iter().enumerate() {
            first(&mut times, page, 420, pages[at], lasts + 60);
            if let Some(over) = over[at] {
                times.expect(&firing(page), 420 + over - 1, true);
                times.expect(&firing(page), 420 + over, false);
            }
        }
        check(&times).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

/// Tickets, in steps of five minutes: (errors a minute, and the minute of each form).
///
/// 2 %: a day 1440 x 0.0028 / 0.02 = 201.6, three days 4320 x 0.000933 / 0.02 = 201.6 (Sloth's, which waits for nothing: 205), Pyrra
/// 1440 x 0.002 / 0.02 = 144, above it at 145, and an hour. Ours: 205, five for what is recorded the evaluation before, an hour: 270.
/// 0.2 %: three days 4320 x 0.001 / 0.002 = 2160 (ours, 2165 or 2170 as a range has both its ends, and five, and three hours), Sloth 2016,
/// above it at 2020; Pyrra 1440 x 0.002 / 0.002 never, four days 5760 x 0.001 / 0.002 = 2880, above it at 2885, and three hours.
const TICKETS: &[(u64, [Option<u64>; 3])] =
    &[(20, [Some(270), Some(205), Some(205)]), (2, [Some(2_350), Some(2_020), Some(3_065)]), (0, [None; 3])];

#[test]
fn the_three_forms_make_tickets_in_the_minute_that_their_windows_and_waits_say() {
    if !promtool::is_here() {
        return;
    }
    for (errors, tickets) in TICKETS {
        let last = tickets.iter().flatten().max().unwrap_or(&300) + 10;
        let mut times = Timeline::new(5);
        times.fault(HISTORY, *errors, last, 0);
        for (at, (_, ticket)) in FORMS.into_iter().enumerate() {
            first(&mut times, ticket, HISTORY, tickets[at], last);
        }
        check(&times).unwrap_or_else(|error| panic!("{errors} a minute: {error}"));
    }
}

/// Where nothing happens a ratio of ours is absent, and 0 / 0 in the two other forms, which sums of theirs then carry on.
#[test]
fn without_traffic_ours_is_absent_and_theirs_no_number() {
    if !promtool::is_here() {
        return;
    }
    let mut times = Timeline::new(1);
    times.series(&[("http_requests_total", "0x60"), ("http_errors_total", "0x60")]);
    times.value("spyhop:slo_errors:ratio5m", 30, "[]");
    times.value("count(slo:sli_error:ratio_rate5m != slo:sli_error:ratio_rate5m)", 30, "[{labels: '{}', value: 1}]");
    times.value("count(http_requests:burnrate5m != http_requests:burnrate5m)", 30, "[{labels: '{}', value: 1}]");
    check(&times).unwrap();
}

#[test]
fn ours_is_what_the_command_renders() {
    in_step(&folder().join("ours.yml"), &ours(&policy(&folder().join("policy.yml"))));
}

fn ours(policy: &Policy) -> String {
    let files = render::alerts(policy, &Options::default());
    files.into_iter().find(|file| file.name == "objectives.yml").unwrap().text
}

fn folder() -> std::path::PathBuf {
    root().join("alerts/tests/equivalence")
}

/// A fault after good service, or no event at all.
fn course(times: &mut Timeline, good: u64, errors: u64, lasts: u64, what: &str) {
    match what {
        "no traffic" => times.series(&[
            ("http_requests_total", &format!("0+1000x{good} {}x{}", 1_000 * good, lasts + 60)),
            ("http_errors_total", &format!("0x{}", good + lasts + 60)),
        ]),
        _ => times.fault(good, errors, lasts, 60),
    }
}

/// Fires first in that minute after the fault began, or in none until the last.
fn first(times: &mut Timeline, alert: &str, began: u64, minute: Option<u64>, last: u64) {
    let step = times.step();
    let mut ever = |until: u64, yes: bool| {
        times.expect(
            &format!("max(max_over_time(ALERTS{{alertstate=\"firing\",{alert}}}[{until}m:{step}m]))"),
            until,
            yes,
        );
    };
    match minute {
        Some(minute) => {
            ever(began + minute - step, false);
            ever(began + minute, true);
        }
        None => ever(began + last, false),
    }
}

fn firing(alert: &str) -> String {
    format!("max(ALERTS{{alertstate=\"firing\",{alert}}})")
}

/// All three rule files together.
fn check(times: &Timeline) -> Result<(), String> {
    let together = tempfile::tempdir().unwrap();
    for name in ["ours.yml", "sloth.yml", "pyrra.yml"] {
        promtool::check(&folder().join(name));
        fs::copy(folder().join(name), together.path().join(name)).unwrap();
    }
    // Groups run in no order of their own: recordings before what reads them, as each form's own server would have it sooner or later.
    let order = "[ours.yml, sloth.yml, pyrra.yml]\ngroup_eval_order: [spyhop-slo-http, spyhop-slo-http-budget, \
                 sloth-slo-sli-recordings-shop-http, sloth-slo-meta-recordings-shop-http, sloth-slo-alerts-shop-http, http]";
    let text = times.text.replace("[rules.yml]", order);
    let path = together.path().join("tests.yml");
    fs::write(&path, text).unwrap();
    promtool::test(&path)
}
