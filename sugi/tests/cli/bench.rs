//! `sugi bench`, as small as it can be: what it says, not how fast this machine is.

use serde_json::Value;

use crate::{failure, run, sugi};

#[test]
fn a_tiny_benchmark_says_what_it_saw_and_leaves_a_ledger_that_holds() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("kept").display().to_string();
    let database = pg_for_tests::database();
    let tiny = [
        "bench",
        "--payments",
        "50",
        "--seconds",
        "600",
        "--rounds",
        "1",
        "--json",
        "--data",
        &folder,
        "--database",
        database.url(),
    ];
    let output = run(sugi().args(tiny), "");
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {:?}", failure(&output)));

    for engine in ["sqlite", "postgresql"] {
        let of_engine = |list: &str| {
            let list = told[list].as_array().unwrap().iter();
            list.filter(|one| one["engine"] == engine)
                .cloned()
                .collect::<Vec<_>>()
        };
        let scenarios = of_engine("scenarios");
        assert_eq!(scenarios.len(), 6, "{engine}");
        for scenario in scenarios {
            for side in ["pass_through", "durable"] {
                let side = &scenario[side];
                assert!(side["payments"].as_u64() >= Some(50), "{scenario}");
                assert!(side["per_second"].as_f64() > Some(0.0), "{scenario}");
                assert!(side["p50_us"].as_f64() <= side["p99_us"].as_f64());
            }
            // A payment is two writes and a row of the audit, no commit is empty, and what was begun
            // before the turn may end in it.
            let commits = scenario["durable"]["commits_per_payment"].as_f64().unwrap();
            assert!(0.0 < commits && commits <= 4.0, "{scenario}");
            assert!(scenario["pass_through"]["commits_per_payment"].is_null());
        }
        // Eight, or seven where the processor time of so few payments was less than what the system counts.
        assert!(of_engine("goals").len() >= 7, "{told}");
    }
    // It fails exactly when a goal is missed, and then names it.
    let goals = told["goals"].as_array().unwrap();
    let all = goals.iter().all(|goal| goal["holds"] == true);
    let (said, code) = failure(&output);
    assert_eq!((told["holds"] == true, code == 0), (all, all), "{said}");
    assert_eq!(said.contains("is to be at"), !all, "{said}");

    // Each engine's part of the payments that it says it walked.
    let of_sqlite = told["scenarios"].as_array().unwrap()[..6]
        .iter()
        .map(|scenario| scenario["durable"]["payments"].as_u64().unwrap())
        .sum::<u64>();
    let verified = run(sugi().args(["verify", "--json", "--data", &folder]), "");
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified["holds"], true);
    assert_eq!(verified["payments"], of_sqlite);
    assert!(told["verified"]["payments"].as_u64() > Some(of_sqlite));

    // Neither ledger is anybody's to measure on a second time.
    for (args, named) in [
        (&["bench", "--data", &folder][..], "holds a ledger already"),
        (
            &["bench", "--payments", "1", "--database", database.url()],
            "holds payments already",
        ),
    ] {
        let (said, code) = failure(&run(sugi().args(args), ""));
        assert!(code == 1 && said.contains(named), "{said}");
    }
}
