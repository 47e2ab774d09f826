//! When objectives fire: the published times, on rules rendered from a policy, by the real promtool.
//!
//! Expected minutes come from the definition alone: a constant share of errors `e` crosses `factor x budget` of a window after
//! `factor x budget x window / e`, and then waits. Steps of a minute, and pairs of five for windows of a day and more, round it up.

use spyhop::render::{self, File, Options};

use crate::{promtool, rendered::policy, root, timeline::Timeline};

/// Minutes of good service before a fault: as long as the longest window that matters.
const HISTORY_OF_PAGES: u64 = 7 * 60;
const HISTORY_OF_TICKETS: u64 = 3 * 24 * 60;
/// Requests a minute.
const TRAFFIC: u64 = 1_000;

/// Errors a minute, and for the windows 1h, 6h, 1d and 3d the last minute at which its alert does not fire and the first at which it
/// does; `None` for never.
struct Row {
    errors: u64,
    pages: [Option<(u64, u64)>; 2],
    tickets: [Option<(u64, u64)>; 2],
}

/// Crossing by the formula (in the comment) plus 2, 15, 60 and 180 minutes. Pages are looked at each minute. Tickets are sums of pairs, looked
/// at each five minutes, by alerts which see what was recorded the time before; and a range takes in both its ends, so a day has 289 of them.
const TABLE: &[Row] = &[
    // 0.86 2.16 4.32 4.32
    Row { errors: 1_000, pages: [Some((2, 3)), Some((17, 18))], tickets: [Some((60, 70)), Some((180, 190))] },
    // 8.64 21.6 43.2 43.2
    Row { errors: 100, pages: [Some((10, 11)), Some((36, 37))], tickets: [Some((100, 110)), Some((220, 230))] },
    // 43.2 108 216 216
    Row { errors: 20, pages: [Some((45, 46)), Some((122, 124))], tickets: [Some((275, 285)), Some((395, 405))] },
    // never 216 432 432
    Row { errors: 10, pages: [None, Some((230, 232))], tickets: [Some((490, 500)), Some((610, 620))] },
    // never never 864 864
    Row { errors: 5, pages: [None, None], tickets: [Some((920, 935)), Some((1_040, 1_055))] },
    // never never never 2160
    Row { errors: 2, pages: [None, None], tickets: [None, Some((2_335, 2_350))] },
    Row { errors: 1, pages: [None, None], tickets: [None, None] },
];

#[test]
fn alerts_fire_when_the_table_says() {
    if !promtool::is_here() {
        return;
    }
    for row in TABLE {
        for (step, history, windows, fires) in
            [(1, HISTORY_OF_PAGES, ["1h", "6h"], row.pages), (5, HISTORY_OF_TICKETS, ["1d", "3d"], row.tickets)]
        {
            let last = fires.iter().flatten().map(|(_, fires)| *fires).max().unwrap_or(600);
            let mut times = Timeline::new(step);
            times.fault(history, row.errors, last, 0);
            for (long, fires) in windows.into_iter().zip(fires) {
                match fires {
                    Some((quiet, fires)) => {
                        times.fired(long, history + quiet, false);
                        times.fired(long, history + fires, true);
                    }
                    None => times.fired(long, history + last, false),
                }
            }
            let passed = promtool::test_texts(&text(&one_ratio()), &times.text);
            passed.unwrap_or_else(|error| panic!("{} errors a minute: {error}", row.errors));
        }
    }
}

/// What pages do about a fault and its end, after a cold start, and of rare events. Each number in their rules matters to one of these.
pub(crate) fn pages() -> Timeline {
    let mut times = Timeline::new(1);
    // Twenty minutes of a tenth of errors and more, then none: a short window of five minutes has 2 % of them after four, and of thirty 0.67 %
    // after 28 and 0.33 % after 29.
    let end = HISTORY_OF_PAGES + 60;
    times.fault(HISTORY_OF_PAGES, 100, 60, 40);
    times.fired("1h", HISTORY_OF_PAGES + 10, false);
    times.fired("1h", HISTORY_OF_PAGES + 11, true);
    times.fired("6h", HISTORY_OF_PAGES + 36, false);
    times.fired("6h", HISTORY_OF_PAGES + 37, true);
    for (long, minutes, fires) in [("1h", 4, true), ("1h", 5, false), ("6h", 28, true), ("6h", 29, false)] {
        times.fires(long, end + minutes, fires);
    }
    // Of a twentieth there is 1 % after four minutes: less than 1.44 %.
    times.fault(HISTORY_OF_PAGES, 50, 60, 10);
    times.fires("1h", end + 3, true);
    times.fires("1h", end + 4, false);
    // From the first minute on everything fails: an hour of that is asked for, and three for six.
    times.series(&[("http_requests_total", "0+1000x220"), ("http_errors_total", "0+1000x220")]);
    for (long, minute, fired) in [("1h", 61, false), ("1h", 63, true), ("6h", 194, false), ("6h", 197, true)] {
        times.fired(long, minute, fired);
    }
    // Hardly any requests: one bad one among less than 70 (167) is a larger share than may be, and still only one. Two are not.
    for (requests, errors, long, fired) in
        [("1", 1, "1h", false), ("1.3", 2, "1h", true), ("0.4", 1, "6h", false), ("0.6", 2, "6h", true)]
    {
        times.series(&[
            ("http_requests_total", &format!("0+{requests}x500")),
            ("http_errors_total", &format!("0x430 {errors}x70")),
        ]);
        times.fired(long, 500, fired);
    }
    times
}

/// The same of tickets.
pub(crate) fn tickets() -> Timeline {
    let mut times = Timeline::new(5);
    // Of a tenth, two hours have 0.42 % five minutes before they are clean, and six hours 0.14 %; of a twentieth half as much.
    let (fault, end) = (HISTORY_OF_TICKETS, HISTORY_OF_TICKETS + 300);
    times.fault(fault, 100, 300, 400);
    for (long, quiet, fired) in [("1d", 100, 110), ("3d", 220, 230)] {
        times.fired(long, fault + quiet, false);
        times.fired(long, fault + fired, true);
    }
    for (long, minutes, fires) in [("1d", 115, true), ("1d", 125, false), ("3d", 355, true), ("3d", 365, false)] {
        times.fires(long, end + minutes, fires);
    }
    times.fault(fault, 50, 500, 400);
    for (long, minutes, fires) in [("1d", 110, true), ("1d", 115, false), ("3d", 350, true), ("3d", 355, false)] {
        times.fires(long, fault + 500 + minutes, fires);
    }
    // From the first minute on everything fails: half of a day is asked for, and half of three.
    times.series(&[("http_requests_total", "0+1000x480"), ("http_errors_total", "0+1000x480")]);
    for (long, minute, fired) in [("1d", 775, false), ("1d", 790, true), ("3d", 2_335, false), ("3d", 2_350, true)] {
        times.fired(long, minute, fired);
    }
    // Hardly any requests: one bad one among less than 334 (1000), and two among more.
    for (requests, errors, long, fired) in
        [("1", 1, "1d", false), ("1.5", 2, "1d", true), ("1", 1, "3d", false), ("1.5", 2, "3d", true)]
    {
        times.series(&[
            ("http_requests_total", &format!("0+{requests}x940")),
            ("http_errors_total", &format!("0x870 {errors}x70")),
        ]);
        times.fired(long, 4_700, fired);
    }
    times
}

#[test]
fn faults_cold_starts_and_rare_events_page_as_they_should() {
    if promtool::is_here() {
        promtool::test_texts(&text(&one_ratio()), &pages().text).unwrap();
    }
}

#[test]
fn faults_cold_starts_and_rare_events_make_tickets_as_they_should() {
    if promtool::is_here() {
        promtool::test_texts(&text(&one_ratio()), &tickets().text).unwrap();
    }
}

#[test]
fn an_alert_says_whose_budget_goes_and_how_fast() {
    if !promtool::is_here() {
        return;
    }
    let mut page = Timeline::new(1);
    page.fault(HISTORY_OF_PAGES, TRAFFIC, 10, 0);
    page.alert(
        HISTORY_OF_PAGES + 3,
        "SpyhopSloBurnFast",
        "severity: critical, area: slo, slo: http, short: 5m, long: 1h",
        "An objective uses up its budget so fast that somebody has to act now.",
        "http: 5% of the last 1h was bad, more than 1.44% (14.4 times what 99.9% allows): at this rate the budget of 30d is gone in 2d2h.",
    );
    promtool::test_texts(&text(&one_ratio()), &page.text).unwrap();
    let mut ticket = Timeline::new(5);
    ticket.fault(HISTORY_OF_TICKETS, TRAFFIC, 80, 0);
    ticket.alert(
        HISTORY_OF_TICKETS + 75,
        "SpyhopSloBurnSlow",
        "severity: warning, area: slo, slo: http, short: 2h, long: 1d",
        "An objective uses up its budget faster than it may.",
        "http: 4.844% of the last 1d was bad, more than 0.3% (3 times what 99.9% allows): at this rate the budget of 30d is gone in 10d.",
    );
    promtool::test_texts(&text(&one_ratio()), &ticket.text).unwrap();
}

#[test]
fn a_budget_that_is_gone_and_a_source_that_is_missing_are_told() {
    if !promtool::is_here() {
        return;
    }
    // 99 % of a day: after thirteen good hours ten bad minutes are enough; it waits for five.
    let rules = text(&objectives("one_day.yml"));
    let mut gone = Timeline::new(5);
    gone.fault(780, TRAFFIC, 10, 1_500);
    gone.alert_is(790, "SpyhopSloBudgetExhausted", false);
    gone.alert(
        800,
        "SpyhopSloBudgetExhausted",
        "severity: warning, area: slo, slo: http",
        "An objective is missed: its budget is used up.",
        "http: -25% of the budget of 99% over 1d is left.",
    );
    gone.alert_is(2_250, "SpyhopSloBudgetExhausted", false);
    // Used up from the first minute on, and told when half of the day is known.
    gone.series(&[("http_requests_total", "0+1000x200"), ("http_errors_total", "0+1000x200")]);
    gone.alert_is(715, "SpyhopSloBudgetExhausted", false);
    gone.fires_alert(735, "SpyhopSloBudgetExhausted");
    // Nothing to count for an hour, then something.
    gone.series(&[("http_requests_total", "_x20 0+1000x20"), ("http_errors_total", "_x20 0+0x20")]);
    gone.alert_is(55, "SpyhopSloMissing", false);
    gone.alert(
        60,
        "SpyhopSloMissing",
        "severity: warning, area: slo, slo: http",
        "Nothing is known of what an objective is about.",
        "http: its source has given nothing for 1h, so that 99% is neither kept nor missed.",
    );
    gone.alert_is(115, "SpyhopSloMissing", false);
    promtool::test_texts(&rules, &gone.text).unwrap();
}

/// The rules of one objective of 99.9 % over 30 days.
pub(crate) fn one_ratio() -> File {
    objectives("one_ratio.yml")
}

/// The rules of the objectives of a policy among the fixtures.
pub(crate) fn objectives(name: &str) -> File {
    let policy = policy(&root().join("agent/tests/fixtures/policy").join(name));
    let files = render::rules(&policy, &Options::default());
    files.into_iter().find(|file| file.name == "objectives.yml").unwrap()
}

/// The file as it is written.
pub(crate) fn text(file: &File) -> String {
    crate::mutants::text(&file.groups.iter().flat_map(|group| group.rules.clone()).collect::<Vec<_>>())
}
