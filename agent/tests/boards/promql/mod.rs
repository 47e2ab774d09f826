//! PromQL as a tree, so that checks can ask what a selector selects and what stands around it.
//!
//! ```text
//!  text -> lexer -> tokens -> parser (precedence) -> Node -> kinds (what each function takes)
//! ```
//!
//! Our own, because the parser that can be had brings a calendar which `.deny.toml` refuses, and a feature of `regex` that would be on in the
//! agent under test and off in the agent that is shipped. The real Prometheus is the judge of both: `oracle.rs` holds one against the other.

mod kinds;
mod lexer;
mod parser;

use std::fmt;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// A number, or a duration that stands where a number may.
    Number,
    /// A text in quotes.
    Text(String),
    /// Series at one moment.
    Selector(Selector),
    /// The same over a time: `x[5m]`, or `x[1h:1m]` of any expression.
    Range { of: Box<Self>, range: String, subquery: bool },
    /// A function.
    Call { name: String, arguments: Vec<Self> },
    /// An aggregation.
    Aggregate { operator: String, grouping: Option<Grouping>, arguments: Vec<Self> },
    /// Two sides.
    Binary { operator: String, left: Box<Self>, right: Box<Self>, matching: Option<Matching> },
    /// A sign or parentheses.
    Inside(Box<Self>),
}

/// `name{label="value"}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Selector {
    pub(crate) name: Option<String>,
    pub(crate) matchers: Vec<Matcher>,
}

/// `label=~"value"`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matcher {
    pub(crate) label: String,
    pub(crate) operator: String,
    pub(crate) value: String,
}

/// `by (a, b)` or `without (a, b)`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grouping {
    pub(crate) by: bool,
    pub(crate) labels: Vec<String>,
}

/// `on (a) group_left (b)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Matching {
    pub(crate) labels: Vec<String>,
    pub(crate) brought: Vec<String>,
    /// `group_left` or `group_right`.
    pub(crate) many: bool,
}

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Text,
    Instant,
    Range,
}

/// The tree, or what is wrong with the text.
pub(crate) fn parse(text: &str) -> Result<Node, String> {
    let tokens = lexer::tokens(text).map_err(|reason| format!("{reason} in `{text}`"))?;
    let tree = parser::tree(&tokens).map_err(|reason| format!("{reason} in `{text}`"))?;
    kinds::of(&tree).map_err(|reason| format!("{reason} in `{text}`"))?;
    Ok(tree)
}

impl Node {
    /// What stands directly in it.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Number | Self::Text(_) | Self::Selector(_) => Vec::new(),
            Self::Range { of, .. } | Self::Inside(of) => vec![of],
            Self::Call { arguments, .. } | Self::Aggregate { arguments, .. } => arguments.iter().collect(),
            Self::Binary { left, right, .. } => vec![left, right],
        }
    }

    /// Everything in it, each with what it stands in, outermost first.
    pub(crate) fn walk<'a>(&'a self, above: &mut Vec<&'a Self>, visit: &mut impl FnMut(&'a Self, &[&'a Self])) {
        visit(self, above);
        above.push(self);
        for child in self.children() {
            child.walk(above, visit);
        }
        above.pop();
    }

    /// Every selector in it, with what it stands in.
    pub(crate) fn selectors(&self) -> Vec<(&Selector, Vec<&Self>)> {
        let mut found = Vec::new();
        self.walk(&mut Vec::new(), &mut |node, above| {
            if let Self::Selector(selector) = node {
                found.push((selector, above.to_vec()));
            }
        });
        found
    }
}

impl Selector {
    /// The matcher for a label.
    pub(crate) fn matcher(&self, label: &str) -> Option<&Matcher> {
        self.matchers.iter().find(|matcher| matcher.label == label)
    }

    /// Its name, also where that is a matcher.
    pub(crate) fn metric(&self) -> Option<&str> {
        let named = self.matcher("__name__").filter(|matcher| matcher.operator == "=");
        self.name.as_deref().or_else(|| named.map(|matcher| matcher.value.as_str()))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matchers: Vec<_> =
            self.matchers.iter().map(|m| format!("{}{}\"{}\"", m.label, m.operator, m.value)).collect();
        write!(f, "{}{{{}}}", self.name.as_deref().unwrap_or_default(), matchers.join(","))
    }
}

/// Expressions of every form, for our parser and for the one that is its judge.
pub(crate) mod examples {
    pub(crate) const READ: &[&str] = &[
        "up",
        "up{job=~\"a|b\", instance!=\"\",}",
        "{__name__=\"up\"}",
        "-up + 1.5e3 * 0x1f ^ 2",
        "sum by (a, b) (rate(x_total{a='b'}[5m:1m] offset 1h)) / on (a) group_left (b, c) max without (d) (y)",
        "sum(x) by (a)",
        "histogram_quantile(0.95, sum by (le) (rate(x_bucket[1m30s])))",
        "count_values(\"version\", x) or topk(5, y) and bottomk(1, z) unless z",
        "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")",
        "x > bool 1",
        "x == on () group_right () y",
        "max_over_time((x > 0)[1h:])",
        "x @ end() offset -5m",
        "time() - timestamp(x)",
        "absent(up{job=\"a\"}) # a comment\n or vector(0)",
        "a:b:c",
        "Inf + NaN",
        "quantile by (a) (0.9, x)",
        "x{a=`b\\d`}",
        "sum by (by, on, offset) (x)",
    ];

    pub(crate) const REFUSED: &[&str] = &[
        "",
        "sum(",
        "up{job=\"a}",
        "up{job}",
        "rate(x)",
        "rate(x[5m]) +",
        "x[5m] + 1",
        "x[5]",
        "sum by a (x)",
        "nosuch(x)",
        "rate(x[5m], 1)",
        "topk(x)",
        "x and 1",
        "x on (a) y",
        "up up",
        "rate(sum(x)[5m])",
        "x{a=b}",
        "\"text\" + 1",
        "5 > 3",
        "a{}b",
        "{}",
        "{a=~\".*\"}",
    ];

    /// Prometheus 3 takes a bare number for seconds.
    pub(crate) const REFUSED_BY_US_ALONE: &[&str] = &["x[5]"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_every_form_are_read() {
        for text in examples::READ {
            assert!(parse(text).is_ok(), "{:?}", parse(text));
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in examples::REFUSED {
            assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn operators_bind_as_they_should() {
        let shape = |text: &str| format!("{:?}", parse(text).unwrap());
        assert_eq!(shape("a + b * c"), shape("a + b*c"));
        assert_ne!(shape("a * b + c"), shape("a * (b + c)"));
        let Node::Binary { operator, right, .. } = parse("a or b and c").unwrap() else { panic!() };
        assert!(operator == "or" && matches!(*right, Node::Binary { ref operator, .. } if operator == "and"));
        let Node::Binary { right, .. } = parse("a ^ b ^ c").unwrap() else { panic!() };
        assert!(matches!(*right, Node::Binary { .. }));
        let Node::Binary { left, .. } = parse("a - b - c").unwrap() else { panic!() };
        assert!(matches!(*left, Node::Binary { .. }));
    }

    #[test]
    fn selectors_come_with_what_they_stand_in() {
        let tree = parse("sum by (a) (rate(x_total{a=\"b\"}[5m])) / y").unwrap();
        let found = tree.selectors();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0.to_string(), "x_total{a=\"b\"}");
        assert!(matches!(
            found[0].1[..],
            [Node::Binary { .. }, Node::Aggregate { .. }, Node::Call { .. }, Node::Range { .. }]
        ));
        assert_eq!(found[1].0.metric(), Some("y"));
    }
}
