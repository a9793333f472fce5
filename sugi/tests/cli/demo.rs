//! The first command that anybody runs.

use serde_json::Value;

use crate::{run, sugi};

#[test]
fn once_tells_every_story_and_the_ledger_equals_the_books() {
    let output = run(sugi().args(["demo", "--once"]), "");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    for story in [
        "Approved: 1,004 KRW",
        "Declined (CC61)",
        "Partly cancelled",
        "Cancelled: all",
        "IN DOUBT",
        "Reversed",
        "Void",
        "not ours",
    ] {
        assert!(said.contains(story), "{story} is not told: {said}");
    }
    assert!(said.contains("agree on all 11 orders"), "{said}");
}

#[test]
fn once_for_programs_is_one_line_of_json() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    // A second demo in the same folder goes on with the first one's ledger and credentials, though
    // the first one's books went with its sandbox.
    for (run_no, agree) in [(1, true), (2, false)] {
        let output = run(
            sugi().args(["demo", "--once", "--json", "--data", &folder]),
            "",
        );
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (told["agree"].as_bool(), output.status.success()),
            (Some(agree), agree),
            "run {run_no}: {told}"
        );
        let orders = told["orders"].as_array().unwrap();
        // The stranger's sale is in the books of its own sandbox alone.
        let ours = orders.iter().filter(|order| order["ours"] == true).count();
        assert_eq!((ours, orders.len()), (10 * run_no, 10 * run_no + 1));
    }
    let verified = run(sugi().args(["verify", "--data", &folder]), "");
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
}
