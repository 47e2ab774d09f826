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
            let passed = promtool::test_texts(&burning(), &times.text);
            passed.unwrap_or_else(|error| panic!("{} errors a minute: {error}", row.errors));
        }
    }
}

/// What the alert with that long window does about faults and their ends, after a cold start, and of rare events: each number in its rule
/// matters to one of these. The quick ones first.
pub(crate) fn courses(long: &str) -> Vec<Timeline> {
    match long {
        "1h" => vec![
            // Five minutes have 2 % of a tenth of errors four minutes after its end, and 1 % of a twentieth.
            fault(1, long, 130, 100, (60, 40), &[(10, false), (11, true)], &[(4, true), (5, false)]),
            fault(1, long, 130, 50, (60, 10), &[], &[(3, true), (4, false)]),
            cold(1, long, 61, 62),
            rare(1, long, ("1", 1), 150, false),
            rare(1, long, ("1.3", 2), 150, true),
        ],
        "6h" => vec![
            // Thirty have 0.67 % after 28 and 0.33 % after 29.
            fault(1, long, 420, 100, (60, 40), &[(36, false), (37, true)], &[(28, true), (29, false)]),
            cold(1, long, 194, 195),
            rare(1, long, ("0.4", 1), 430, false),
            rare(1, long, ("0.6", 2), 430, true),
        ],
        "1d" => vec![
            // Two hours have 0.42 % five minutes before they are clean, and half as much of a twentieth.
            fault(5, long, 1_440, 100, (300, 200), &[(105, false), (110, true)], &[(115, true), (125, false)]),
            fault(5, long, 1_440, 50, (500, 200), &[], &[(110, true), (115, false)]),
            cold(5, long, 775, 780),
            rare(5, long, ("1", 1), 300, false),
            rare(5, long, ("1.5", 2), 300, true),
        ],
        _ => vec![
            // Six hours 0.14 %.
            cold(5, long, 2_335, 2_340),
            rare(5, long, ("1", 1), 870, false),
            rare(5, long, ("1.5", 2), 870, true),
            fault(5, long, 4_320, 100, (300, 400), &[(225, false), (230, true)], &[(355, true), (365, false)]),
            fault(5, long, 4_320, 50, (500, 400), &[], &[(350, true), (355, false)]),
        ],
    }
}

/// So many errors a minute after good minutes, for a while and then none: whether it has fired so many minutes after the begin, and whether
/// it fires so many after the end.
fn fault(
    step: u64,
    long: &str,
    good: u64,
    errors: u64,
    (lasts, after): (u64, u64),
    begin: &[(u64, bool)],
    end: &[(u64, bool)],
) -> Timeline {
    let mut times = Timeline::new(step);
    times.fault(good, errors, lasts, after);
    begin.iter().for_each(|(minute, fired)| times.fired(long, good + minute, *fired));
    end.iter().for_each(|(minute, fires)| times.fires(long, good + lasts + minute, *fires));
    times
}

/// From the first minute on everything fails: an hour of that is asked for, or half of a longer window.
fn cold(step: u64, long: &str, quiet: u64, fires: u64) -> Timeline {
    let mut times = Timeline::new(step);
    let values = format!("0+1000x{}", fires / step + 10);
    times.series(&[("http_requests_total", &values), ("http_errors_total", &values)]);
    times.fired(long, quiet, false);
    times.fired(long, fires, true);
    times
}

/// Hardly any requests: one bad one among less than 70 (167, 334, 1000) is a larger share than may be, and still only one. Two among more are not.
fn rare(step: u64, long: &str, (requests, errors): (&str, u64), good: u64, fired: bool) -> Timeline {
    let mut times = Timeline::new(step);
    let values = [format!("0+{requests}x{}", good + 70), format!("0x{good} {errors}x70")];
    times.series(&[("http_requests_total", &values[0]), ("http_errors_total", &values[1])]);
    times.fired(long, (good + 70) * step, fired);
    times
}

#[test]
fn faults_cold_starts_and_rare_events_are_told_as_they_should() {
    if !promtool::is_here() {
        return;
    }
    let rules = burning();
    for long in ["1h", "6h", "1d", "3d"] {
        for times in courses(long) {
            promtool::test_texts(&rules, &times.text).unwrap_or_else(|error| panic!("{long}: {error}"));
        }
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
    promtool::test_texts(&burning(), &page.text).unwrap();
    let mut ticket = Timeline::new(5);
    ticket.fault(HISTORY_OF_TICKETS, TRAFFIC, 80, 0);
    ticket.alert(
        HISTORY_OF_TICKETS + 75,
        "SpyhopSloBurnSlow",
        "severity: warning, area: slo, slo: http, short: 2h, long: 1d",
        "An objective uses up its budget faster than it may.",
        "http: 4.844% of the last 1d was bad, more than 0.3% (3 times what 99.9% allows): at this rate the budget of 30d is gone in 10d.",
    );
    promtool::test_texts(&burning(), &ticket.text).unwrap();
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

/// All rules of a file.
fn text(file: &File) -> String {
    crate::mutants::text(&file.groups.iter().flat_map(|group| group.rules.clone()).collect::<Vec<_>>())
}

/// The rules of one objective of 99.9 % without those that look back a month, which burn alerts do not read: they take most of the time.
fn burning() -> String {
    let rules = one_ratio().groups.into_iter().flat_map(|group| group.rules);
    let short = rules.filter(|rule| !rule.expr.contains("30d") && !rule.expr.contains("slo_coverage"));
    crate::mutants::text(&short.collect::<Vec<_>>())
}
