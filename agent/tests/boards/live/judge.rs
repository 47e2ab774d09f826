//! Each query in each mode: data, or a sentence that says why not.

use std::{collections::BTreeMap, sync::Mutex, thread, time::Instant};

use super::{
    CANNOT_BE_FED, CANNOT_BE_HAD,
    ask::{Answer, Asking, clock},
    workload::Server,
};
use crate::{
    interpolate::{Chosen, MODES, Mode, Values, interpolate},
    lint::{Emptiness, emptiness_of},
    model::{Board, Variable},
    queries::{self, Asked, Language, Place, lookup},
};

/// Choices of one value each that are tried at most.
const CHOICES: usize = 64;
/// How many ask at a time.
const AT_ONCE: usize = 3;

/// Complaints about all boards.
pub(crate) fn all(boards: &[&Board], server: &Server) -> Vec<String> {
    let asking = Asking::new(server);
    let waiting = Mutex::new(boards.iter());
    let found = Mutex::new(Vec::new());
    let events = Events::default();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(board) = waiting.lock().expect("no panic under it").next() else { return };
                    let began = Instant::now();
                    let complaints = of_board(board, &asking, &events);
                    println!(
                        "Prometheus {}: {}: {} complaints, {:.1?}",
                        server.version,
                        board.uid,
                        complaints.len(),
                        began.elapsed()
                    );
                    let named = complaints
                        .into_iter()
                        .map(|what| format!("Prometheus {}: {}: {what}", server.version, board.uid));
                    found.lock().expect("no panic under it").extend(named);
                }
            });
        }
    });
    let mut found = found.into_inner().expect("no panic under it");
    let events = events.into_inner().expect("no panic under it");
    let nowhere = events.into_iter().filter(|(_, seen)| !seen);
    found.extend(
        nowhere.map(|(name, _)| format!("Prometheus {}: annotation {name}: nothing on any board", server.version)),
    );
    found
}

/// Annotations by name, and whether one of them had something on some board: on others nothing may have happened to what they choose.
type Events = Mutex<BTreeMap<String, bool>>;

fn of_board(board: &Board, asking: &Asking<'_>, events: &Events) -> Vec<String> {
    let mut found = Vec::new();
    for mode in MODES {
        let choices = match choices(board, mode, asking) {
            Ok(choices) => choices,
            Err(reason) => {
                found.push(format!("[{mode:?}] {reason}"));
                continue;
            }
        };
        // Where one choice gave data the next question is likely to have some too.
        let mut last = 0;
        for asked in queries::all(board).into_iter().filter(|asked| asked.language == Language::PromQl) {
            // They were asked to make the choices.
            if matches!(asked.place, Place::Variable(_)) {
                continue;
            }
            match try_all(board, &asked, &choices, &mut last, asking) {
                Ok(answer) if let Place::Annotation(name) = asked.place => {
                    *events.lock().expect("no panic under it").entry(name.to_owned()).or_default() |= answer.series > 0;
                }
                Ok(answer) if answer.series > 0 || may_be_empty(board, &asked) => {}
                Ok(_) => found.push(format!(
                    "{}: nothing in any of {} choices: {}",
                    asked.place,
                    choices.len(),
                    shown(&asked, &choices[0])
                )),
                Err(reason) => found.push(format!("[{mode:?}] {}: {reason}", asked.place)),
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

fn shown(asked: &Asked<'_>, values: &Values) -> String {
    asked.expression(values, clock()).unwrap_or_else(|reason| reason)
}

/// The first answer with data, beginning with the choice that gave some before; remarks of Prometheus are mistakes.
fn try_all(
    board: &Board,
    asked: &Asked<'_>,
    choices: &[Values],
    last: &mut usize,
    asking: &Asking<'_>,
) -> Result<Answer, String> {
    // What may be empty need not be looked for everywhere.
    let tries = if may_be_empty(board, asked) { choices.len().min(2) } else { choices.len() };
    let mut answer = Answer::default();
    for step in 0..tries {
        let at = (*last + step) % choices.len();
        let expression = asked.expression(&choices[at], clock())?;
        answer = asking.query(&expression, asked.instant).map_err(|reason| format!("{reason}: {expression}"))?;
        if let Some(remark) = answer.remarks.first() {
            return Err(format!("{remark}: {expression}"));
        }
        if answer.series > 0 {
            *last = at;
            break;
        }
    }
    Ok(answer)
}

/// By the description of the panel, unless what it is empty without is here.
fn may_be_empty(board: &Board, asked: &Asked<'_>) -> bool {
    let Place::Panel(panel, reference) = asked.place else { return false };
    if CANNOT_BE_FED.iter().any(|(uid, id, query, _)| *uid == board.uid && *id == panel.id && *query == reference) {
        return true;
    }
    match emptiness_of(panel) {
        Ok(Emptiness::Healthy) => true,
        Ok(Emptiness::Without(feature)) => CANNOT_BE_HAD.iter().any(|(name, _)| *name == feature),
        Ok(Emptiness::Never) | Err(_) => false,
    }
}

/// What can be chosen in a mode, from real values: each variable is asked for within those before it, as Grafana does.
fn choices(board: &Board, mode: Mode, asking: &Asking<'_>) -> Result<Vec<Values>, String> {
    let mut choices = vec![Values::new()];
    for variable in &board.templating.list {
        let mut next = Vec::new();
        let mut values = Vec::new();
        for choice in &choices {
            values = if variable.kind == "query" {
                values_of(variable, choice, asking)?
            } else {
                vec![variable.query.text().to_owned()]
            };
            next.extend(chosen(variable, mode, &values).into_iter().map(|chosen| {
                let mut choice = choice.clone();
                choice.insert(variable.name.clone(), chosen);
                choice
            }));
        }
        if next.is_empty() {
            return Err(format!("variable {} has no values: {values:?}", variable.name));
        }
        // Of each kind some: the first of all are of one project.
        let every = next.len().div_ceil(CHOICES);
        choices = next.into_iter().step_by(every).collect();
    }
    Ok(choices)
}

fn values_of(variable: &Variable, choice: &Values, asking: &Asking<'_>) -> Result<Vec<String>, String> {
    let named = |reason| format!("variable {}: {reason}", variable.name);
    let lookup = interpolate(variable.query.text(), choice, clock()).and_then(|text| lookup(&text)).map_err(named)?;
    asking.values(&lookup).map_err(named)
}

fn chosen(variable: &Variable, mode: Mode, values: &[String]) -> Vec<Chosen> {
    let several = variable.multi || variable.include_all;
    match mode {
        _ if !several => values.iter().cloned().map(Chosen::Single).collect(),
        Mode::One => values.iter().map(|value| Chosen::Several(vec![value.clone()])).collect(),
        // Grafana offers nothing to choose where nothing is: "All" is all that is left then.
        Mode::Many if !values.is_empty() => vec![Chosen::Several(values.to_vec())],
        Mode::Many | Mode::All if values.is_empty() => Vec::new(),
        Mode::Many | Mode::All => {
            vec![variable.all_value.clone().map_or_else(|| Chosen::Several(values.to_vec()), Chosen::All)]
        }
    }
}
