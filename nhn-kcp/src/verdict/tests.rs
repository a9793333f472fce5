//! The lists, held against KCP's sheet.

use std::collections::BTreeSet;

use super::*;
use crate::code_table;

fn code(text: &str) -> ResultCode {
    ResultCode::parse(text).unwrap()
}

fn says(text: &str, call: Operation) -> Says {
    code(text).verdict(call).says
}

/// In words, for people who go through `codes.tsv`.
fn in_words(verdict: Verdict, call: Operation) -> &'static str {
    match (verdict.says, call) {
        (Says::Done, _) => "done",
        (Says::Refused, Operation::Approve) if verdict.issuer => "declined by the card company",
        (Says::Refused, Operation::Approve) => "declined by KCP",
        (Says::Refused, _) => "refused",
        (Says::NotFound, _) => "not found",
        (Says::RefusedByState, _) => "look, refused",
        (Says::ReadAgain, _) => "look, again",
        (Says::InDoubt, Operation::Cancel | Operation::PartialCancel) => "look, in doubt",
        (Says::InDoubt, _) => "in doubt",
    }
}

#[test]
fn every_code_has_a_verdict_with_its_reason_for_every_call() {
    let mut reasons = BTreeSet::new();
    for row in code_table::all() {
        let code = code(std::str::from_utf8(&row.code).unwrap());
        for call in Operation::ALL {
            let verdict = code.verdict(call);
            assert!(
                verdict.why.len() > 20 && verdict.why.is_ascii(),
                "{code} {call:?}"
            );
            assert!(!verdict.issuer || (verdict.says, call) == (Says::Refused, Operation::Approve));
            assert_eq!(verdict.says == Says::Done, code.is_ok(), "{code} {call:?}");
            assert!(verdict.says != Says::NotFound || call == Operation::Inquire);
            let looks = matches!(verdict.says, Says::RefusedByState | Says::ReadAgain);
            assert!(!looks || matches!(call, Operation::Cancel | Operation::PartialCancel));
            reasons.insert(verdict.why);
        }
    }
    assert!(reasons.len() > 30, "{reasons:#?}");
    for unlisted in ["ZZZZ", "0001", "J123", "CCZZ", "cc61"] {
        for call in Operation::ALL {
            assert_eq!(says(unlisted, call), Says::InDoubt, "{unlisted} {call:?}");
        }
    }
}

#[test]
fn a_code_stands_once_on_a_list_and_on_the_sheet() {
    let lists: [Vec<_>; 3] = [
        approve::lists().collect(),
        cancel::lists().collect(),
        inquire::lists().collect(),
    ];
    for lists in lists {
        let mut seen = BTreeSet::new();
        for text in lists.iter().flat_map(|list| list.split_ascii_whitespace()) {
            assert!(seen.insert(text), "{text} stands twice");
            assert_ne!(code(text).meaning().class, Class::Unlisted, "{text}");
            assert!(!code(text).is_ok());
        }
    }
}

#[test]
fn what_may_follow_a_charge_declines_no_approval() {
    // Seen on the running product: the card was charged, and the retry charged it again.
    let seen = "9999 7722 9079 9204 8671 8725 8128 8049 7003 8137";
    // Of the same kinds: on the way to the card company, seen before, differing, about a cancel.
    let kinds = "3008 7512 8041 8042 8043 8044 8045 8046 8047 8048 8050 8171 8172 8173 8174 8175 8995 8996 \
                 8997 8998 CC02 CC72 CC75 CC98 CC99 CCC0 0900 8896 7101 8094 8338 8586 9048 9167 8059 8060 \
                 8133 8023 8132 8061 CCA1 CCA6 8012 S034 S032 3001";
    for text in seen.split_whitespace().chain(kinds.split_whitespace()) {
        assert_eq!(says(text, Operation::Approve), Says::InDoubt, "{text}");
    }
    for row in code_table::all() {
        let code = code(std::str::from_utf8(&row.code).unwrap());
        let verdict = code.verdict(Operation::Approve);
        let class = row.class;
        let never = matches!(
            class,
            Class::System | Class::State | Class::Window | Class::Other
        );
        assert!(
            !never || verdict.money() != MoneyMoved::No,
            "{code} is of {class:?}"
        );
    }
}

#[test]
fn a_refused_card_is_declined_by_whoever_refuses_it() {
    for issuer in ["CC61", "CC63", "CC14", "CC54", "CC43"] {
        let verdict = code(issuer).verdict(Operation::Approve);
        assert!(verdict.says == Says::Refused && verdict.issuer, "{issuer}");
    }
    for kcp in ["8107", "8001", "CC35", "8130", "8181", "8124"] {
        let verdict = code(kcp).verdict(Operation::Approve);
        assert!(verdict.says == Says::Refused && !verdict.issuer, "{kcp}");
    }
}

#[test]
fn cancels_end_by_their_own_codes_alone() {
    for row in code_table::all() {
        let code = code(std::str::from_utf8(&row.code).unwrap());
        for call in [Operation::Cancel, Operation::PartialCancel] {
            let (says, meaning) = (code.verdict(call).says, code.cancel_meaning());
            assert_eq!(
                says == Says::InDoubt,
                meaning == CancelMeaning::Unclear,
                "{code}"
            );
            let last = matches!(
                meaning,
                CancelMeaning::Contract
                    | CancelMeaning::Offset
                    | CancelMeaning::NotCancellable
                    | CancelMeaning::PartialImpossible
                    | CancelMeaning::TaxParts
            );
            assert!(says != Says::Refused || last, "{code}: {meaning:?}");
        }
    }
    for (text, full, partial) in [
        ("8012", Says::Refused, Says::Refused),
        ("8392", Says::RefusedByState, Says::Refused),
        ("8098", Says::RefusedByState, Says::Refused),
        ("8134", Says::RefusedByState, Says::RefusedByState),
        ("8037", Says::ReadAgain, Says::ReadAgain),
        ("8133", Says::ReadAgain, Says::ReadAgain),
        // What declines a sale says nothing of a cancel.
        ("CC61", Says::InDoubt, Says::InDoubt),
        ("8107", Says::InDoubt, Says::InDoubt),
    ] {
        assert_eq!(says(text, Operation::Cancel), full, "{text}");
        assert_eq!(says(text, Operation::PartialCancel), partial, "{text}");
    }
}

#[test]
fn nothing_but_not_found_is_not_found() {
    let found: Vec<_> = code_table::all()
        .filter(|row| {
            let code = code(std::str::from_utf8(&row.code).unwrap());
            code.verdict(Operation::Inquire).says == Says::NotFound
        })
        .map(|row| row.code)
        .collect();
    assert_eq!(found, [*b"8061", *b"8132"]);
}

#[test]
fn no_text_invites_to_charge_a_card_that_may_be_charged() {
    use crate::Retry;
    for row in code_table::all() {
        let code = code(std::str::from_utf8(&row.code).unwrap());
        let retry = code.meaning().retry;
        let is_open = |call| code.verdict(call).says == Says::InDoubt;
        let again = matches!(
            retry,
            Retry::SameCardLater | Retry::OtherCard | Retry::AskIssuer
        );
        assert!(!again || !is_open(Operation::Approve), "{code}");
        assert!(
            !Operation::ALL.into_iter().all(is_open) || retry == Retry::Settle,
            "{code}"
        );
    }
}

/// Every code with its verdicts, a line each, as `codes.tsv` has them.
fn table() -> String {
    let mut table = String::from("code\tmeaning\tapproval\tcancel\tpartial cancel\tinquiry\n");
    for row in code_table::all() {
        let code = code(std::str::from_utf8(&row.code).unwrap());
        let words = Operation::ALL.map(|call| in_words(code.verdict(call), call));
        let line = format!("{code}\t{}\t{}\n", row.en, words.join("\t"));
        table.push_str(&line);
    }
    table
}

#[test]
fn the_table_for_readers_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/codes.tsv");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if kept == table() {
        return;
    }
    // What would be right stands where builds put things, so that it can be compared and taken.
    let right = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/codes.tsv");
    std::fs::write(&right, table()).unwrap();
    panic!(
        "verdicts changed: compare nhn-kcp/codes.tsv with target/codes.tsv, and take it if it is meant"
    );
}
