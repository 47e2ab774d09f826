use proptest::prelude::*;

use super::{
    super::{Format, parse::Limits},
    *,
};

const IDENTITY: [(&str, &str); 2] = [("service", "web"), ("target", "1")];

fn taken(page: &str, from: Format, to: Format) -> Result<Taken, TakenError> {
    let mut taken = Taken::new(IDENTITY, from, to, 1 << 20);
    let mut parser = taken.parser(Limits::default());
    taken.push(&mut parser, page.as_bytes())?;
    taken.finish(parser)
}

fn merged(own: &str, pages: &[&str]) -> (String, u64) {
    let mut merge = Merge::new(own.as_bytes(), Format::Text);
    for page in pages {
        merge.add(taken(page, Format::Text, Format::Text).unwrap());
    }
    let conflicts = merge.conflicts;
    (String::from_utf8(merge.finish()).unwrap(), conflicts)
}

const OWN: &str = "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n# HELP g G.\n# TYPE g gauge\ng{x=\"y\"} 2\n";

#[test]
fn identity_is_added_and_families_are_joined() {
    let page = "# HELP g Their help.\n# TYPE g gauge\ng 3\ng{service=\"own\",zone=\"b\",area=\"\"} 4 1234\n\
                # HELP new A \\\\ new\\none\n# TYPE new histogram\nnew_bucket{le=\"+Inf\"} 1\nnew_sum 0.5\nnew_count 1\nbare 1e3\n";
    let (out, conflicts) = merged(OWN, &[page]);
    let expected = format!(
        "{OWN}g{{service=\"web\",target=\"1\"}} 3\n\
         g{{service=\"web\",target=\"1\",exported_service=\"own\",zone=\"b\"}} 4\n\
         # HELP new A \\\\ new\\none\n# TYPE new histogram\n\
         new_bucket{{service=\"web\",target=\"1\",le=\"+Inf\"}} 1\nnew_sum{{service=\"web\",target=\"1\"}} 0.5\n\
         new_count{{service=\"web\",target=\"1\"}} 1\n\
         # TYPE bare untyped\nbare{{service=\"web\",target=\"1\"}} 1000\n"
    );
    assert_eq!((out, conflicts), (expected, 0));
}

#[test]
fn exported_labels_find_a_free_name() {
    let page = "a{service=\"x\",exported_service=\"y\"} 1\n";
    let (out, _) = merged("", &[page]);
    assert!(
        out.contains("{service=\"web\",target=\"1\",exported_exported_service=\"x\",exported_service=\"y\"} 1"),
        "{out}"
    );
}

#[test]
fn a_series_stands_once_whatever_the_order_of_its_labels() {
    let page = "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\na{x=\"1\",y=\"2\",z=\"\"} 3\na{x=\"2\",y=\"1\"} 4\n";
    let taken = taken(page, Format::Text, Format::Text).unwrap();
    assert_eq!((taken.samples, taken.left_out), (2, 2));
}

#[test]
fn our_names_are_ours_and_values_must_fit_their_type() {
    let page = "# TYPE c counter\nc -1\n# TYPE d counter\nd NaN\nspyhop_target_up 1\n\
                # TYPE h histogram\nh_bucket 1\nh 1\nh_count{le=\"1\"} 1\nfine -1\n";
    let taken = taken(page, Format::Text, Format::Text).unwrap();
    assert_eq!((taken.samples, taken.left_out), (1, 6));
}

#[test]
fn of_two_types_the_first_counts_and_samples_that_fit_are_kept() {
    // Below our gauge `g` a counter `g` fits; a histogram `g` does not, and its samples stand for themselves.
    let counter = "# TYPE g counter\ng 5\n";
    let histogram = "# TYPE g histogram\ng_bucket{le=\"+Inf\"} 1\ng_sum 1\ng_count 1\n";
    let negative = "# TYPE a_total gauge\na_total -1\n";
    let (out, conflicts) = merged(OWN, &[counter, histogram, negative]);
    let expected = format!(
        "{OWN}g{{service=\"web\",target=\"1\"}} 5\n\
         # TYPE g_bucket untyped\ng_bucket{{service=\"web\",target=\"1\",le=\"+Inf\"}} 1\n\
         # TYPE g_sum untyped\ng_sum{{service=\"web\",target=\"1\"}} 1\n\
         # TYPE g_count untyped\ng_count{{service=\"web\",target=\"1\"}} 1\n"
    );
    assert_eq!((out, conflicts), (expected, 5), "a counter cannot be -1: that one has no place");
}

#[test]
fn formats_are_turned_into_each_other() {
    let classic = "# HELP a_total A\n# TYPE a_total counter\na_total 1\n# TYPE b counter\nb 2\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 1\ns_count 2\nu 3\n";
    let mut merge = Merge::new(b"# EOF\n", Format::OpenMetrics);
    merge.add(taken(classic, Format::Text, Format::OpenMetrics).unwrap());
    let id = "{service=\"web\",target=\"1\"";
    let expected = format!(
        "# HELP a A\n# TYPE a counter\na_total{id}}} 1\n# TYPE b unknown\nb{id}}} 2\n# TYPE s summary\ns{id},quantile=\"0.5\"}} 1\n\
         s_sum{id}}} 1\ns_count{id}}} 2\n# TYPE u unknown\nu{id}}} 3\n# EOF\n"
    );
    assert_eq!(String::from_utf8(merge.finish()).unwrap(), expected);

    let openmetrics = "# HELP a A\n# TYPE a counter\na_total 1 # {x=\"y\"} 1\na_created 5\n# TYPE i info\ni_info{v=\"1\"} 1\n\
                       # TYPE st stateset\nst{st=\"on\"} 1\n# TYPE gh gaugehistogram\ngh_bucket{le=\"+Inf\"} 1\ngh_gsum 1\n# EOF\n";
    let taken = taken(openmetrics, Format::OpenMetrics, Format::Text).unwrap();
    assert_eq!((taken.samples, taken.left_out), (5, 1));
    let mut merge = Merge::new(b"", Format::Text);
    merge.add(taken);
    let expected = format!(
        "# HELP a_total A\n# TYPE a_total counter\na_total{id}}} 1\n# TYPE i_info gauge\ni_info{id},v=\"1\"}} 1\n\
         # TYPE st gauge\nst{id},st=\"on\"}} 1\n# TYPE gh_bucket untyped\ngh_bucket{id},le=\"+Inf\"}} 1\n\
         # TYPE gh_gsum untyped\ngh_gsum{id}}} 1\n"
    );
    assert_eq!(String::from_utf8(merge.finish()).unwrap(), expected);
}

#[test]
fn room_is_limited() {
    let mut taken = Taken::new(IDENTITY, Format::Text, Format::Text, 10_000);
    let mut parser = taken.parser(Limits::default());
    let mut result = Ok(());
    for n in 0..1000 {
        result = taken.push(&mut parser, format!("a{{n=\"{n}\"}} 1\n").as_bytes());
        if result.is_err() {
            break;
        }
    }
    assert_eq!(result, Err(TakenError::NoRoom));
    assert!(taken.bytes() < 10_200);
    let many: String = (0..3000).map(|n| format!("# TYPE f{n} gauge\n")).collect();
    assert_eq!(super::tests::taken(&many, Format::Text, Format::Text).unwrap_err(), TakenError::TooManyFamilies);
}

/// Pages with the same few names under all types, so that every clash happens.
fn page() -> impl Strategy<Value = String> {
    let name = "(a|b)(_total|_sum|_count|_bucket|_info|_created)?";
    let kind = prop::sample::select(vec!["counter", "gauge", "histogram", "summary", "untyped"]);
    let header = (name, kind).prop_map(|(name, kind)| format!("# TYPE {name} {kind}\n"));
    let labels =
        prop::sample::select(vec!["", "{le=\"1\"}", "{quantile=\"0\"}", "{service=\"x\"}", "{x=\"a\\\\\\\"b\\q\"}"]);
    let sample = (name, labels, -1_i8..3).prop_map(|(name, labels, value)| format!("{name}{labels} {value}\n"));
    prop::collection::vec(prop_oneof![header, sample], 0..20).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn whatever_is_merged_is_a_sound_page(pages in prop::collection::vec(page(), 1..4), to_openmetrics in any::<bool>()) {
        let to = if to_openmetrics { Format::OpenMetrics } else { Format::Text };
        let own = if to_openmetrics { "# HELP a A.\n# TYPE a counter\na_total 1\n# EOF\n" } else { "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n" };
        let mut merge = Merge::new(own.as_bytes(), to);
        for (n, page) in pages.iter().enumerate() {
            let n = n.to_string();
            let mut taken = Taken::new([("service", "web"), ("target", n.as_str())], Format::Text, to, 1 << 20);
            let mut parser = taken.parser(Limits::default());
            taken.push(&mut parser, page.as_bytes()).unwrap();
            merge.add(taken.finish(parser).unwrap());
        }
        fuzz::assert_sound(&merge.finish(), to);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(page in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut taken = Taken::new(IDENTITY, Format::Text, Format::OpenMetrics, 1 << 20);
        let mut parser = taken.parser(Limits::default());
        if taken.push(&mut parser, &page).is_ok() {
            drop(taken.finish(parser));
        }
    }
}
