//! Everything a dashboard asks: panels, those in rows among them, variables, annotations.

use std::fmt;

use crate::{
    interpolate::{Chosen, Clock, Mode, Values, interpolate},
    model::{Board, Panel, Source, Variable},
};

/// In which language something is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "as they are called")]
pub(crate) enum Language {
    PromQl,
    LogQl,
    TraceQl,
}

/// Variables of data sources, their types, and what is asked of them.
pub(crate) const SOURCES: [(&str, &str, Language); 3] = [
    ("datasource", "prometheus", Language::PromQl),
    ("loki", "loki", Language::LogQl),
    ("tempo", "tempo", Language::TraceQl),
];

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) language: Language,
    /// The text with variables in it.
    pub(crate) text: &'a str,
    /// Asked for one moment.
    pub(crate) instant: bool,
    /// What names the answers.
    pub(crate) legend: &'a str,
}

/// Where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    Panel(&'a Panel, &'a str),
    Variable(&'a Variable),
    Annotation(&'a str),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panel(panel, reference) => write!(f, "{panel} {reference}"),
            Self::Variable(variable) => write!(f, "variable {}", variable.name),
            Self::Annotation(name) => write!(f, "annotation {name}"),
        }
    }
}

/// The language of a data source, when it is a variable.
pub(crate) fn language(source: &Source) -> Option<Language> {
    let name = source.uid.strip_prefix("${")?.strip_suffix('}')?;
    SOURCES
        .iter()
        .find(|(variable, kind, _)| *variable == name && *kind == source.kind)
        .map(|(_, _, language)| *language)
}

/// All of them. What asks a data source that is no variable is left out: another check refuses it.
pub(crate) fn all(board: &Board) -> Vec<Asked<'_>> {
    let mut found = Vec::new();
    for panel in board.all_panels() {
        for target in &panel.targets {
            let Some(language) = language(&target.datasource) else { continue };
            let text = if language == Language::TraceQl { &target.query } else { &target.expr };
            let place = Place::Panel(panel, &target.ref_id);
            let legend = target.legend_format.as_deref().unwrap_or_default();
            let text = text.as_deref().unwrap_or_default();
            found.push(Asked { place, language, text, instant: target.instant, legend });
        }
    }
    for variable in board.templating.list.iter().filter(|variable| variable.kind == "query") {
        let Some(language) = variable.datasource.as_ref().and_then(language) else { continue };
        let text = variable.query.text();
        found.push(Asked { place: Place::Variable(variable), language, text, instant: true, legend: "" });
    }
    for annotation in board.annotations.list.iter().filter(|annotation| annotation.built_in.is_none()) {
        let Some(language) = language(&annotation.datasource) else { continue };
        let text = annotation.expr.as_deref().unwrap_or_default();
        found.push(Asked { place: Place::Annotation(&annotation.name), language, text, instant: false, legend: "" });
    }
    found
}

/// What the query of a variable asks Prometheus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Values of a label, of series of a selector.
    LabelValues { selector: String, label: String },
    /// Series of an expression.
    Result(String),
}

/// Reads `label_values(selector, label)` and `query_result(expression)`.
pub(crate) fn lookup(text: &str) -> Result<Lookup, String> {
    let inside = |function: &str| text.trim().strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(inside) = inside("label_values") {
        let (selector, label) = inside.rsplit_once(',').ok_or("label_values without a selector asks all there is")?;
        let (selector, label) = (selector.trim().to_owned(), label.trim().to_owned());
        let is_name = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !label.is_empty();
        return if is_name { Ok(Lookup::LabelValues { selector, label }) } else { Err(format!("no label: `{label}`")) };
    }
    match inside("query_result") {
        Some(expression) => Ok(Lookup::Result(expression.trim().to_owned())),
        None => Err(format!("neither label_values nor query_result: `{text}`")),
    }
}

impl Asked<'_> {
    /// The expressions behind it in a mode: for a variable what its query selects.
    pub(crate) fn expression(&self, values: &Values, clock: Clock) -> Result<String, String> {
        let text = interpolate(self.text, values, clock)?;
        match (self.place, self.language) {
            (Place::Variable(_), Language::PromQl) => lookup(&text).map(|lookup| match lookup {
                Lookup::LabelValues { selector, .. } => selector,
                Lookup::Result(expression) => expression,
            }),
            _ => Ok(text),
        }
    }
}

/// Values that a pattern could trip over, for checks that run nothing.
pub(crate) fn awkward(board: &Board, mode: Mode) -> Values {
    let chosen = |variable: &Variable| {
        let values = ["a.b".to_owned(), "c(d".to_owned()];
        match (mode, variable.multi || variable.include_all) {
            (_, false) => Chosen::Single("a.b".to_owned()),
            (Mode::One, true) => Chosen::Several(values[..1].to_vec()),
            (Mode::All, true) if variable.all_value.is_some() => {
                Chosen::All(variable.all_value.clone().unwrap_or_default())
            }
            (Mode::Many | Mode::All, true) => Chosen::Several(values.to_vec()),
        }
    };
    board.templating.list.iter().map(|variable| (variable.name.clone(), chosen(variable))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_variables_are_taken_apart() {
        let values = Lookup::LabelValues { selector: "up{a=~\"b,c\"}".into(), label: "job".into() };
        assert_eq!(lookup("label_values(up{a=~\"b,c\"}, job)"), Ok(values));
        assert_eq!(lookup("query_result(sum by (a) (up))"), Ok(Lookup::Result("sum by (a) (up)".into())));
        for text in ["label_values(job)", "label_values(up, )", "label_names()", "up"] {
            assert!(lookup(text).is_err(), "{text}");
        }
    }
}
