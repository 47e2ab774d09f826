//! What each part of an expression takes and gives.

use super::{Kind, Kind::*, Node, parser::AGGREGATIONS};

/// A function: what it takes, how many of these may be left out, what it gives.
type Function = (&'static str, &'static [Kind], usize, Kind);

/// The functions that do not depend on a feature of Prometheus which is off by default.
const FUNCTIONS: &[Function] = &[
    ("abs", &[Instant], 0, Instant),
    ("absent", &[Instant], 0, Instant),
    ("absent_over_time", &[Range], 0, Instant),
    ("avg_over_time", &[Range], 0, Instant),
    ("ceil", &[Instant], 0, Instant),
    ("changes", &[Range], 0, Instant),
    ("clamp", &[Instant, Scalar, Scalar], 0, Instant),
    ("clamp_max", &[Instant, Scalar], 0, Instant),
    ("clamp_min", &[Instant, Scalar], 0, Instant),
    ("count_over_time", &[Range], 0, Instant),
    ("day_of_month", &[Instant], 1, Instant),
    ("day_of_week", &[Instant], 1, Instant),
    ("delta", &[Range], 0, Instant),
    ("deriv", &[Range], 0, Instant),
    ("exp", &[Instant], 0, Instant),
    ("floor", &[Instant], 0, Instant),
    ("histogram_quantile", &[Scalar, Instant], 0, Instant),
    ("hour", &[Instant], 1, Instant),
    ("idelta", &[Range], 0, Instant),
    ("increase", &[Range], 0, Instant),
    ("irate", &[Range], 0, Instant),
    ("label_join", &[Instant, Text, Text, Text, Text, Text, Text], 4, Instant),
    ("label_replace", &[Instant, Text, Text, Text, Text], 0, Instant),
    ("last_over_time", &[Range], 0, Instant),
    ("ln", &[Instant], 0, Instant),
    ("log10", &[Instant], 0, Instant),
    ("log2", &[Instant], 0, Instant),
    ("max_over_time", &[Range], 0, Instant),
    ("min_over_time", &[Range], 0, Instant),
    ("minute", &[Instant], 1, Instant),
    ("month", &[Instant], 1, Instant),
    ("predict_linear", &[Range, Scalar], 0, Instant),
    ("present_over_time", &[Range], 0, Instant),
    ("quantile_over_time", &[Scalar, Range], 0, Instant),
    ("rate", &[Range], 0, Instant),
    ("resets", &[Range], 0, Instant),
    ("round", &[Instant, Scalar], 1, Instant),
    ("scalar", &[Instant], 0, Scalar),
    ("sgn", &[Instant], 0, Instant),
    ("sort", &[Instant], 0, Instant),
    ("sort_desc", &[Instant], 0, Instant),
    ("sqrt", &[Instant], 0, Instant),
    ("stddev_over_time", &[Range], 0, Instant),
    ("stdvar_over_time", &[Range], 0, Instant),
    ("sum_over_time", &[Range], 0, Instant),
    ("time", &[], 0, Scalar),
    ("timestamp", &[Instant], 0, Instant),
    ("vector", &[Scalar], 0, Instant),
    ("year", &[Instant], 1, Instant),
];

/// Operators between sets.
const SETS: [&str; 3] = ["and", "or", "unless"];
const COMPARISONS: [&str; 6] = ["==", "!=", "<=", "<", ">=", ">"];

/// What the expression gives, or where something does not fit.
pub(super) fn of(node: &Node) -> Result<Kind, String> {
    match node {
        Node::Number => Ok(Scalar),
        Node::Text(_) => Ok(Text),
        Node::Selector(_) => Ok(Instant),
        Node::Range { of: inner, .. } => wanted(inner, Instant, "a range").map(|()| Range),
        Node::Inside(inner) => of(inner),
        Node::Call { name, arguments } => call(name, arguments),
        Node::Aggregate { operator, arguments, .. } => aggregate(operator, arguments),
        Node::Binary { operator, left, right, matching } => {
            let sides = (of(left)?, of(right)?);
            let fits = |kind| matches!(kind, Scalar | Instant);
            if !fits(sides.0) || !fits(sides.1) {
                return Err(format!("`{operator}` between {sides:?}"));
            }
            let both = sides == (Instant, Instant);
            if (SETS.contains(&operator.as_str()) || matching.is_some()) && !both {
                return Err(format!("`{operator}` needs series on both sides"));
            }
            if SETS.contains(&operator.as_str()) && matching.as_ref().is_some_and(|matching| matching.many) {
                return Err(format!("`{operator}` takes no grouping"));
            }
            if COMPARISONS.contains(&operator.as_str()) && sides == (Scalar, Scalar) {
                return Err("numbers are compared with bool only, and then never change".to_owned());
            }
            Ok(if sides == (Scalar, Scalar) { Scalar } else { Instant })
        }
    }
}

fn call(name: &str, arguments: &[Node]) -> Result<Kind, String> {
    let function = FUNCTIONS.iter().find(|(known, ..)| *known == name);
    let (_, takes, optional, gives) = function.ok_or(format!("no such function: `{name}`"))?;
    if arguments.len() > takes.len() || arguments.len() + optional < takes.len() {
        return Err(format!("`{name}` takes {} arguments, not {}", takes.len(), arguments.len()));
    }
    arguments.iter().zip(*takes).try_for_each(|(argument, kind)| wanted(argument, *kind, name))?;
    Ok(*gives)
}

fn aggregate(operator: &str, arguments: &[Node]) -> Result<Kind, String> {
    let parameter = AGGREGATIONS.iter().any(|(name, parameter)| *name == operator && *parameter);
    match (arguments, parameter) {
        ([series], false) => wanted(series, Instant, operator)?,
        ([parameter, series], true) => {
            wanted(parameter, if operator == "count_values" { Text } else { Scalar }, operator)?;
            wanted(series, Instant, operator)?;
        }
        _ => return Err(format!("`{operator}` with {} arguments", arguments.len())),
    }
    Ok(Instant)
}

fn wanted(node: &Node, kind: Kind, by: &str) -> Result<(), String> {
    let found = of(node)?;
    if found == kind { Ok(()) } else { Err(format!("`{by}` wants {kind:?}, not {found:?}")) }
}
