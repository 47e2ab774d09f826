//! Queries.

use super::Fleet;
use crate::{
    interpolate::{Chosen, MARKED, MARKED_RANGE, MODES, Values},
    logql,
    model::Board,
    names::Whose,
    promql::{self, Node, Selector},
    queries::{self, Asked, Language, Place, awkward},
};

/// Values by which a variable is recognised where it was put in.
pub(crate) fn marks(board: &Board) -> Values {
    let mark = |name: &String| Chosen::All(format!("<{name}>"));
    board.templating.list.iter().map(|variable| (variable.name.clone(), mark(&variable.name))).collect()
}

/// Every PromQL expression of a board with its tree, variables as marks. What cannot be read is `target-promql-rule`'s business.
pub(crate) fn trees(board: &Board) -> Vec<(Asked<'_>, Node)> {
    let marks = marks(board);
    let of_prometheus = queries::all(board).into_iter().filter(|asked| asked.language == Language::PromQl);
    of_prometheus
        .filter_map(|asked| Some((asked.clone(), promql::parse(&asked.expression(&marks, MARKED).ok()?).ok()?)))
        .collect()
}

/// `target-promql-rule`: every expression can be read in each mode, annotations' too. Variables' are `template-label-promql-rule`'s.
pub(crate) fn promql(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for asked in queries::all(board) {
            if asked.language != Language::PromQl || matches!(asked.place, Place::Variable(_)) {
                continue;
            }
            let read = MODES
                .iter()
                .map(|mode| asked.expression(&awkward(board, *mode), MARKED).and_then(|text| promql::parse(&text)));
            if let Some(reason) = read.filter_map(Result::err).next() {
                found.push(format!("{}: {reason}", asked.place));
            }
        }
    })
}

/// `target-logql-rule`: every query can be read in each mode, and asks for the hosts that are chosen.
pub(crate) fn logql(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for asked in queries::all(board).into_iter().filter(|asked| asked.language == Language::LogQl) {
            for values in MODES.map(|mode| awkward(board, mode)) {
                let read = asked.expression(&values, MARKED).and_then(|text| logql::parse(&text));
                if let Err(reason) = read {
                    found.push(format!("{}: {reason}", asked.place));
                    break;
                }
            }
            let Ok(query) = asked.expression(&marks(board), MARKED).and_then(|text| logql::parse(&text)) else {
                continue;
            };
            let of_host = |matcher: &(String, String, String)| matcher.0 == "host" && matcher.2 == "<host>";
            if board.variable("host").is_some() && !query.selectors.iter().all(|matchers| matchers.iter().any(of_host))
            {
                found.push(format!("{}: not of the chosen hosts", asked.place));
            }
        }
    })
}

/// `target-logql-auto-rule`: ranges are `$__auto`, or the whole time where one moment is asked for.
pub(crate) fn logql_auto(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for panel in board.all_panels() {
            for target in panel.targets.iter().filter(|target| target.datasource.kind == "loki") {
                let text = target.expr.as_deref().unwrap_or_default();
                let instant = target.query_type.as_deref() == Some("instant");
                let wanted = if instant { "[$__range]" } else { "[$__auto]" };
                let ranges = text.matches('[').count();
                if text.matches(wanted).count() != ranges || (instant && ranges == 0) {
                    found.push(format!("{panel} {}: its range is not {wanted}", target.ref_id));
                }
            }
        }
    })
}

/// `target-rate-interval-rule`: rates are over `$__rate_interval`; an increase over another time has that time in its title or description.
pub(crate) fn rate_interval(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for (asked, tree) in trees(board) {
            tree.walk(&mut Vec::new(), &mut |node, above| {
                let (Node::Range { range, .. }, Some(Node::Call { name, .. })) = (node, above.last()) else { return };
                let fits = match name.as_str() {
                    "rate" | "irate" => range == MARKED.rate_interval,
                    "increase" => range == MARKED.rate_interval || range == MARKED_RANGE || told(&asked, range),
                    _ => true,
                };
                if !fits {
                    found.push(format!("{}: `{name}` over {range}, not over $__rate_interval", asked.place));
                }
            });
        }
    })
}

fn told(asked: &Asked<'_>, range: &str) -> bool {
    match asked.place {
        Place::Panel(panel, _) => {
            let said = match range {
                "1h" => "hour",
                "1d" | "24h" => "day",
                range => range,
            };
            [&panel.title, &panel.description].iter().any(|text| text.contains(said) || text.contains(range))
        }
        Place::Variable(_) | Place::Annotation(_) => true,
    }
}

/// `target-job-rule`: the agent's series are asked of the chosen jobs; what applications expose is in another job.
pub(crate) fn job(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for (asked, tree) in trees(board) {
            // The variable of jobs itself, and those of the data sources' kind.
            if matches!(asked.place, Place::Variable(variable) if variable.name == "job") {
                continue;
            }
            for (selector, _) in tree.selectors() {
                let Some(metric) = selector.metric().and_then(|name| fleet.catalogue.get(name)) else { continue };
                let chosen = has(selector, "job");
                if metric.of == Whose::Agent && !chosen {
                    found.push(format!("{}: {selector} is not of job=~\"$job\"", asked.place));
                }
                if metric.of == Whose::Foreign && chosen {
                    found.push(format!("{}: {selector} is in another job than the agent", asked.place));
                }
            }
        }
    })
}

/// `target-instance-rule`: series which say their host are asked of the chosen hosts; those which do not, of the chosen instances, or matched
/// by instance with series that do.
pub(crate) fn instance(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for (asked, tree) in trees(board) {
            if matches!(asked.place, Place::Variable(variable) if ["job", "host", "instance"].contains(&variable.name.as_str())) {
                continue;
            }
            // Of an agent that is down nobody knows the host.
            for (selector, above) in tree.selectors().into_iter().filter(|(selector, _)| selector.metric() != Some("up")) {
                let agent = selector.metric().and_then(|name| fleet.catalogue.get(name)).is_some_and(|metric| metric.of == Whose::Agent);
                if agent && !located(selector) && !above.iter().any(|node| matched(node)) {
                    found.push(format!("{}: {selector} is of every host", asked.place));
                }
            }
        }
    })
}

fn has(selector: &Selector, variable: &str) -> bool {
    let mark = format!("<{variable}>");
    selector.matcher(variable).is_some_and(|matcher| matcher.operator == "=~" && matcher.value == mark)
}

fn located(selector: &Selector) -> bool {
    has(selector, "host") || has(selector, "instance")
}

/// Both sides are of one instance, and one of them is of the chosen hosts.
fn matched(node: &Node) -> bool {
    let Node::Binary { matching: Some(matching), .. } = node else { return false };
    let by_instance = matching.labels.iter().any(|label| label == "instance" || label == "host");
    by_instance && node.selectors().iter().any(|(selector, _)| located(selector))
}

/// What may be asked of a counter as it stands: whether it is there, how many, since when.
const OF_A_COUNTER: [&str; 5] = ["absent", "absent_over_time", "present_over_time", "count_over_time", "timestamp"];
const GROWTH: [&str; 3] = ["rate", "irate", "increase"];

/// `target-counter-agg-rule`: of a counter nobody shows more than how it grows, and nothing else has growth.
pub(crate) fn counter(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for (asked, tree) in trees(board).into_iter().filter(|(asked, _)| !matches!(asked.place, Place::Variable(_))) {
            for (selector, above) in tree.selectors() {
                let Some(metric) = selector.metric().and_then(|name| fleet.catalogue.get(name)) else { continue };
                let over = above.iter().rev().find(|node| !matches!(node, Node::Range { .. } | Node::Inside(_)));
                let (grows, looked_at) = match over {
                    Some(Node::Call { name, .. }) => (
                        GROWTH.contains(&name.as_str()),
                        OF_A_COUNTER.contains(&name.as_str()) || ["changes", "resets"].contains(&name.as_str()),
                    ),
                    Some(Node::Aggregate { operator, .. }) => (false, ["count", "group"].contains(&operator.as_str())),
                    _ => (false, false),
                };
                if metric.counter && !grows && !looked_at {
                    found.push(format!("{}: {selector} is a counter and shown as it stands", asked.place));
                }
                if !metric.counter && grows {
                    found.push(format!("{}: {selector} is no counter and has no rate", asked.place));
                }
            }
        }
    })
}
