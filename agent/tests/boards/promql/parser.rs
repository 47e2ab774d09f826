//! Tokens -> tree, by precedence.

use super::{Grouping, Matcher, Matching, Node, Selector, lexer::Token};

/// Aggregations, and whether each takes a parameter first.
pub(super) const AGGREGATIONS: [(&str, bool); 14] = [
    ("sum", false),
    ("avg", false),
    ("count", false),
    ("min", false),
    ("max", false),
    ("group", false),
    ("stddev", false),
    ("stdvar", false),
    ("topk", true),
    ("bottomk", true),
    ("count_values", true),
    ("quantile", true),
    ("limitk", true),
    ("limit_ratio", true),
];

/// From the loosest to the tightest; `^` alone binds to the right.
const LEVELS: [&[&str]; 6] =
    [&["or"], &["and", "unless"], &["==", "!=", "<=", "<", ">=", ">"], &["+", "-"], &["*", "/", "%", "atan2"], &["^"]];
const POWER: usize = 5;

pub(super) fn tree(tokens: &[Token]) -> Result<Node, String> {
    let mut parser = Parser { rest: tokens };
    let node = parser.binary(0)?;
    match parser.rest {
        [] => Ok(node),
        [token, ..] => Err(format!("unexpected {token:?}")),
    }
}

struct Parser<'a> {
    rest: &'a [Token],
}

impl Parser<'_> {
    fn binary(&mut self, level: usize) -> Result<Node, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        if level == POWER {
            let left = self.unary()?;
            return match self.operator(operators) {
                Some(operator) => self.side(operator, left, POWER),
                None => Ok(left),
            };
        }
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(operators) {
            left = self.side(operator, left, level + 1)?;
        }
        Ok(left)
    }

    fn side(&mut self, operator: String, left: Node, level: usize) -> Result<Node, String> {
        let compares = LEVELS[2].contains(&operator.as_str());
        if self.word("bool") && !compares {
            return Err("bool behind what compares nothing".to_owned());
        }
        let matching = self.matching()?;
        let right = self.binary(level)?;
        Ok(Node::Binary { operator, left: Box::new(left), right: Box::new(right), matching })
    }

    /// Takes one of these operators if it is next.
    fn operator(&mut self, operators: &[&str]) -> Option<String> {
        let found = match self.rest.first()? {
            Token::Sign(sign) => *sign,
            Token::Word(word) => word,
            _ => return None,
        };
        let found = operators.iter().find(|operator| **operator == found.to_lowercase())?;
        self.rest = &self.rest[1..];
        Some((*found).to_owned())
    }

    fn matching(&mut self) -> Result<Option<Matching>, String> {
        if !(self.word("on") || self.word("ignoring")) {
            return Ok(None);
        }
        let mut matching = Matching { labels: self.names()?, ..Matching::default() };
        if self.word("group_left") || self.word("group_right") {
            matching.many = true;
            if matches!(self.rest.first(), Some(Token::Sign("("))) {
                matching.brought = self.names()?;
            }
        }
        Ok(Some(matching))
    }

    fn unary(&mut self) -> Result<Node, String> {
        if self.sign("-") || self.sign("+") {
            // Looser than a power, tighter than a product.
            return Ok(Node::Inside(Box::new(self.binary(POWER)?)));
        }
        let atom = self.atom()?;
        self.behind(atom)
    }

    /// Ranges, `offset` and `@`.
    fn behind(&mut self, mut node: Node) -> Result<Node, String> {
        loop {
            if self.sign("[") {
                node = self.range(node)?;
            } else if self.word("offset") {
                self.sign("-");
                self.duration()?;
            } else if self.sign("@") {
                if !(self.word("start") || self.word("end")) {
                    self.number()?;
                } else if !(self.sign("(") && self.sign(")")) {
                    return Err("start() or end() behind @".to_owned());
                }
            } else {
                return Ok(node);
            }
        }
    }

    fn range(&mut self, of: Node) -> Result<Node, String> {
        let range = self.duration()?;
        let subquery = self.sign(":");
        if subquery && matches!(self.rest.first(), Some(Token::Duration(_))) {
            self.duration()?;
        }
        self.expect("]")?;
        if !subquery && !matches!(of, Node::Selector(_)) {
            return Err("a range of what is no selector".to_owned());
        }
        Ok(Node::Range { of: Box::new(of), range, subquery })
    }

    fn atom(&mut self) -> Result<Node, String> {
        let (first, rest) = self.rest.split_first().ok_or("it ends too early")?;
        match first {
            Token::Number | Token::Duration(_) => {
                self.rest = rest;
                Ok(Node::Number)
            }
            Token::Text(text) => {
                self.rest = rest;
                Ok(Node::Text(text.clone()))
            }
            Token::Sign("(") => {
                self.rest = rest;
                let node = self.binary(0)?;
                self.expect(")")?;
                Ok(Node::Inside(Box::new(node)))
            }
            Token::Sign("{") => self.selector(None),
            Token::Word(word) => {
                self.rest = rest;
                self.named(word)
            }
            Token::Sign(sign) => Err(format!("unexpected `{sign}`")),
        }
    }

    /// A number by name, an aggregation, a function or a metric.
    fn named(&mut self, word: &str) -> Result<Node, String> {
        if word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan") {
            return Ok(Node::Number);
        }
        if AGGREGATIONS.iter().any(|(name, _)| name.eq_ignore_ascii_case(word)) {
            return self.aggregate(word.to_lowercase());
        }
        if matches!(self.rest.first(), Some(Token::Sign("("))) {
            return Ok(Node::Call { name: word.to_owned(), arguments: self.arguments()? });
        }
        self.selector(Some(word.to_owned()))
    }

    fn aggregate(&mut self, operator: String) -> Result<Node, String> {
        let before = self.grouping()?;
        let arguments = self.arguments()?;
        let grouping = if before.is_some() { before } else { self.grouping()? };
        Ok(Node::Aggregate { operator, grouping, arguments })
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, String> {
        let by = self.word("by");
        if by || self.word("without") { Ok(Some(Grouping { by, labels: self.names()? })) } else { Ok(None) }
    }

    fn arguments(&mut self) -> Result<Vec<Node>, String> {
        self.expect("(")?;
        let mut found = Vec::new();
        while !self.sign(")") {
            found.push(self.binary(0)?);
            if !self.sign(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(found)
    }

    fn selector(&mut self, name: Option<String>) -> Result<Node, String> {
        let mut matchers = Vec::new();
        if self.sign("{") {
            while !self.sign("}") {
                matchers.push(self.matcher()?);
                if !self.sign(",") {
                    self.expect("}")?;
                    break;
                }
            }
        }
        let selects = |m: &Matcher| match m.operator.as_str() {
            "=" => !m.value.is_empty(),
            "=~" => !["", ".*"].contains(&m.value.as_str()),
            "!=" => m.value.is_empty(),
            _ => false,
        };
        if name.is_none() && !matchers.iter().any(selects) {
            return Err("a selector that selects everything".to_owned());
        }
        Ok(Node::Selector(Selector { name, matchers }))
    }

    fn matcher(&mut self) -> Result<Matcher, String> {
        let label = self.name()?;
        let operator = self.operator(&["=", "!=", "=~", "!~"]).ok_or("no operator behind a label")?;
        match self.rest.split_first() {
            Some((Token::Text(value), rest)) => {
                self.rest = rest;
                Ok(Matcher { label, operator, value: value.clone() })
            }
            other => Err(format!("no text behind a label: {:?}", other.map(|(token, _)| token))),
        }
    }

    /// `(a, b)`.
    fn names(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut found = Vec::new();
        while !self.sign(")") {
            found.push(self.name()?);
            if !self.sign(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(found)
    }

    fn name(&mut self) -> Result<String, String> {
        match self.rest.split_first() {
            Some((Token::Word(word), rest)) if !word.contains(':') => {
                self.rest = rest;
                Ok(word.clone())
            }
            other => Err(format!("no name of a label: {:?}", other.map(|(token, _)| token))),
        }
    }

    fn duration(&mut self) -> Result<String, String> {
        match self.rest.split_first() {
            Some((Token::Duration(duration), rest)) => {
                self.rest = rest;
                Ok(duration.clone())
            }
            other => Err(format!("no duration: {:?}", other.map(|(token, _)| token))),
        }
    }

    fn number(&mut self) -> Result<(), String> {
        let is_number = matches!(self.rest.first(), Some(Token::Number));
        self.rest = self.rest.get(usize::from(is_number)..).unwrap_or_default();
        if is_number { Ok(()) } else { Err("no number".to_owned()) }
    }

    fn sign(&mut self, wanted: &str) -> bool {
        let is_next = matches!(self.rest.first(), Some(Token::Sign(sign)) if *sign == wanted);
        self.rest = &self.rest[usize::from(is_next)..];
        is_next
    }

    fn word(&mut self, wanted: &str) -> bool {
        let is_next = matches!(self.rest.first(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.rest = &self.rest[usize::from(is_next)..];
        is_next
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.sign(sign) { Ok(()) } else { Err(format!("wanted `{sign}`, found {:?}", self.rest.first())) }
    }
}
