//! Files of payments: all of them, once each, harmless, and only for whom they are.

use nhn_kcp::Money;
use sugi_access::{
    AccessError, ApprovalRequestError, Decision, Operator, Role, Rules, SecondPerson,
};
use sugi_core::Shops;
use sugi_store::AuditFilter;

use crate::{
    file::File,
    ledger::{self, End, Sale},
    page::{between, plain, problem},
    test_app::TestApp,
};

const DAY: &str = "from=2026-03-05&until=2026-03-05";

fn sales(count: u32) -> Vec<Sale> {
    let sale = |n| {
        let mut sale = Sale::new(n, "2026-03-04T15:00:00Z");
        sale.at += jiff::SignedDuration::from_secs(i64::from(n));
        sale
    };
    (1..=count).map(sale).collect()
}

/// A house with these payments, and the cookie of someone who may export.
async fn test_app(sales: &[Sale]) -> (TestApp, String) {
    let test_app = TestApp::new().await;
    ledger::write(test_app.engine.store(), sales).await;
    let cookie = test_app.english("close").await;
    (test_app, cookie)
}

async fn csv(test_app: &TestApp, cookie: &str) -> Vec<Vec<String>> {
    test_app
        .download(cookie, &format!("{DAY}&as=csv"))
        .await
        .csv()
}

async fn xlsx(test_app: &TestApp, cookie: &str) -> Vec<Vec<String>> {
    test_app
        .download(cookie, &format!("{DAY}&as=xlsx"))
        .await
        .xlsx()
}

#[tokio::test]
async fn a_file_of_thousands_holds_each_of_them_once() {
    let mut sales = sales(5_000);
    sales.push(Sale::new(5_001, "2026-03-04T14:59:59Z"));
    sales.push(Sale::new(5_002, "2026-03-05T15:00:00Z"));
    let (test_app, cookie) = test_app(&sales).await;
    let expected: Vec<String> = sales[..5_000].iter().rev().map(Sale::id).collect();
    for rows in [
        csv(&test_app, &cookie).await,
        xlsx(&test_app, &cookie).await,
    ] {
        let ids: Vec<_> = rows[1..].iter().map(|row| row[15].clone()).collect();
        assert_eq!(ids.len(), 5_000);
        assert!(ids == expected, "the newest first, each once");
        assert!(rows.iter().all(|row| row.len() == 16));
    }
}

#[tokio::test]
async fn a_file_says_what_it_is() {
    let mut refunded = Sale::new(1, "2026-03-05T03:04:05Z");
    refunded.end = End::GivenBack(400);
    let (test_app, cookie) = test_app(&[refunded.clone()]).await;
    let form = |kind: &str| format!("{DAY}&as={kind}");
    let file = test_app.download(&cookie, &form("csv")).await;
    assert!(
        file.head
            .contains("content-type: text/csv; charset=utf-8\r\n")
    );
    let name = "content-disposition: attachment; filename=\"sugi-2026-03-05-2026-03-05.csv\"\r\n";
    assert!(file.head.contains(name), "{}", file.head);
    assert!(
        file.head.contains("cache-control: no-store\r\n"),
        "{}",
        file.head
    );
    assert_eq!(
        file.csv(),
        [
            [
                "Asked at",
                "Shop",
                "Order",
                "State",
                "Currency",
                "Amount",
                "Cancelled",
                "Buyer",
                "Phone",
                "Last 4",
                "Card company",
                "Approval number",
                "KCP number",
                "Order number at KCP",
                "By",
                "Payment id"
            ],
            [
                "2026-03-05 12:04:05",
                "main",
                "S-1",
                "Partly cancelled",
                "KRW",
                "1000",
                "400",
                "홍길동",
                "010-0000-0000",
                "1111",
                "신한카드",
                "12345678",
                "20000000000001",
                "S-1",
                "kim",
                &refunded.id()
            ],
        ]
    );
    let file = test_app.download(&cookie, &form("xlsx")).await;
    assert!(file.head.contains(".xlsx\"\r\n"), "{}", file.head);
    assert!(
        file.head.contains("spreadsheetml.sheet\r\n"),
        "{}",
        file.head
    );
    let rows = file.xlsx();
    assert_eq!(rows[1][5..7], ["1000", "400"]);
    // Amounts are numbers that can be summed; an order's number and a phone's zero stay as they are.
    let amounts = between(&file.sheet(), "<v>", "</v>").len();
    assert_eq!(amounts, 2);
    let korean = cookie.replace("=en", "=ko");
    let rows = csv(&test_app, &korean).await;
    assert_eq!((&*rows[0][0], &*rows[1][3]), ("요청일시", "부분취소"));
}

#[tokio::test]
async fn nothing_in_a_file_runs() {
    let names = [
        "=1+1", "+8210", "-2+3", "@SUM(1)", "＝1+1", "＋1", "－1", "＠x",
    ];
    let mut all = sales(u32::try_from(names.len()).unwrap());
    for (sale, name) in all.iter_mut().zip(names) {
        sale.buyer = name.into();
    }
    let (test_app, cookie) = test_app(&all).await;
    let rows = csv(&test_app, &cookie).await;
    assert_eq!(rows.len(), names.len() + 1);
    for (row, name) in rows[1..].iter().rev().zip(names) {
        assert_eq!(row[7], format!("'{name}"));
    }
    let file = test_app.download(&cookie, &format!("{DAY}&as=xlsx")).await;
    assert!(!file.sheet().contains("<f>"), "a formula");
    for (row, name) in file.xlsx()[1..].iter().rev().zip(names) {
        assert_eq!(row[7], name, "a workbook's texts are texts");
    }
}

#[tokio::test]
async fn dollars_are_written_as_dollars() {
    let mut dollars = Sale::new(1, "2026-03-05T03:00:00Z");
    dollars.money = Money::usd_cents(1_055).unwrap();
    dollars.end = End::GivenBack(5);
    let (test_app, cookie) = test_app(&[dollars]).await;
    for rows in [
        csv(&test_app, &cookie).await,
        xlsx(&test_app, &cookie).await,
    ] {
        assert_eq!(rows[1][4..7], ["USD", "10.55", "0.05"]);
    }
}

#[tokio::test]
async fn of_a_card_only_the_last_four_go_out() {
    let (test_app, cookie) = test_app(&sales(3)).await;
    let file = test_app.download(&cookie, &format!("{DAY}&as=csv")).await;
    assert!(!file.text().contains("41111") && file.text().contains("1111"));
    let file = test_app.download(&cookie, &format!("{DAY}&as=xlsx")).await;
    assert!(!file.sheet().contains("41111"));
}

#[tokio::test]
async fn of_other_shops_nothing_goes_out() {
    let mut all = sales(2);
    all[1].shop = "other";
    let (test_app, _) = test_app(&all).await;
    let only_main = |one: &mut Operator| {
        one.shops = ["main".parse().unwrap()].into();
        Ok::<_, AccessError>(())
    };
    let name = "close".parse().unwrap();
    test_app
        .access
        .change_operator(&name, only_main)
        .await
        .unwrap();
    let theirs = test_app.english("close").await;
    for rows in [
        csv(&test_app, &theirs).await,
        xlsx(&test_app, &theirs).await,
    ] {
        assert_eq!(rows.len(), 2);
        assert_eq!((&*rows[1][1], &*rows[1][2]), ("main", "S-1"));
    }
}

#[tokio::test]
async fn an_empty_day_is_a_file_with_headings() {
    let (test_app, cookie) = test_app(&[]).await;
    for rows in [
        csv(&test_app, &cookie).await,
        xlsx(&test_app, &cookie).await,
    ] {
        assert_eq!(rows.len(), 1);
    }
}

#[tokio::test]
async fn a_span_that_is_none_is_refused() {
    let (test_app, cookie) = test_app(&[]).await;
    for form in [
        "from=2026-03-05&until=2026-03-04&as=csv",
        "from=2026-01-01&until=2026-12-31&as=csv",
        "from=x&as=xlsx",
    ] {
        let answer = test_app.form("/day/export", &cookie, form).await;
        assert_eq!(answer.status, 422);
        assert_eq!(
            problem(&answer.text).unwrap(),
            "Check the days. At most 92 at a time."
        );
    }
}

#[tokio::test]
async fn too_much_for_one_file_is_refused() {
    let (test_app, cookie) = test_app(&sales(1)).await;
    // As many again, as rows of the projection alone.
    test_app.harm(
        "insert into payment (id, seq, head, status, shop, site_cd, order_no, ordr_idxx, amount, cancelled,
             currency, last4, actor, created_at, updated_at)
         with recursive up(n) as (select 1 union all select n + 1 from up where n < 200000)
         select 'pay_f' || printf('%031x', n), 1, '', 'declined', shop, site_cd, order_no, ordr_idxx, amount, 0,
             currency, last4, actor, created_at, updated_at from up, payment where id like 'pay_0000%1'",
    );
    for kind in ["csv", "xlsx"] {
        let answer = test_app
            .form("/day/export", &cookie, &format!("{DAY}&as={kind}"))
            .await;
        assert_eq!(answer.status, 422, "{kind}");
        let said = problem(&answer.text).unwrap();
        assert!(
            said.starts_with("At most 200,000 payments can be exported at a time."),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_file_that_breaks_off_does_not_look_whole() {
    let (test_app, cookie) = test_app(&sales(1_000)).await;
    // The oldest comes last, when much has been sent.
    test_app.harm("update payment set id = 'no payment' where order_no = 'S-1'");
    for kind in ["csv", "xlsx"] {
        let file = test_app
            .download(&cookie, &format!("{DAY}&as={kind}"))
            .await;
        assert!(!file.whole, "{kind}");
    }
}

#[tokio::test]
async fn what_went_out_is_in_the_audit() {
    let (test_app, cookie) = test_app(&sales(1)).await;
    csv(&test_app, &cookie).await;
    test_app.access.flush().await;
    let audit_entries = test_app
        .engine
        .store()
        .audit_entries(&AuditFilter::default())
        .await
        .unwrap();
    let exported = audit_entries
        .iter()
        .find(|row| row.audit_entry.action == "POST /day/export")
        .unwrap();
    assert_eq!(exported.audit_entry.actor, "operator:close");
    assert_eq!(exported.audit_entry.outcome, "200");
    assert_eq!(
        exported.audit_entry.subject,
        "export 2026-03-05..2026-03-05"
    );
}

/// A house where an export takes a second person, with someone who may confirm.
async fn house_of_two() -> (TestApp, String) {
    let rules = Rules {
        second_person: SecondPerson {
            export: true,
            ..Rules::default().second_person
        },
        ..Rules::default()
    };
    let test_app = TestApp::with(rules).await;
    ledger::write(test_app.engine.store(), &sales(3)).await;
    let both = |one: &mut Operator| {
        one.roles = [Role::Close, Role::Cancel].into();
        Ok::<_, AccessError>(())
    };
    let name = "cancel".parse().unwrap();
    test_app.access.change_operator(&name, both).await.unwrap();
    let cookie = test_app.english("close").await;
    (test_app, cookie)
}

impl TestApp {
    /// The only approval request that waits.
    async fn approval_request(&self) -> String {
        let open = self.access.open_approval_requests().await.unwrap();
        assert_eq!(open.len(), 1);
        open[0].id.clone()
    }

    async fn confirm(&self, approval_request: &str) {
        let name = "cancel".parse().unwrap();
        let second = self.access.operator(&name).await.unwrap().unwrap();
        self.access
            .decide(approval_request, &second, Decision::Confirm)
            .await
            .unwrap();
    }

    async fn fetch(&self, cookie: &str, days: &str, approval_request: &str) -> File {
        self.download(
            cookie,
            &format!("{days}&as=csv&approval_request={approval_request}"),
        )
        .await
    }
}

#[tokio::test]
async fn an_export_that_takes_two_goes_out_once_after_the_second() {
    let (test_app, cookie) = house_of_two().await;
    let asked = test_app
        .form("/day/export", &cookie, &format!("{DAY}&as=csv"))
        .await;
    assert_eq!(
        (asked.status, asked.header("location")),
        (303, Some("/approvals"))
    );
    let approval_request = test_app.approval_request().await;
    // Asking again while it waits is no second approval request.
    test_app
        .form("/day/export", &cookie, &format!("{DAY}&as=xlsx"))
        .await;
    assert_eq!(test_app.approval_request().await, approval_request);
    // Not before someone has confirmed, and no one confirms their own.
    assert_eq!(
        test_app.fetch(&cookie, DAY, &approval_request).await.status,
        409
    );
    let own = test_app
        .form(
            &format!("/approvals/{approval_request}"),
            &cookie,
            "decision=confirm",
        )
        .await;
    assert_eq!(own.status, 409);
    let second = test_app.english("cancel").await;
    let page = test_app.page("GET", "/approvals", &second).await.text;
    assert!(
        plain(&page).contains("Export: 2026-03-05"),
        "{}",
        plain(&page)
    );
    let confirmed = test_app
        .form(
            &format!("/approvals/{approval_request}"),
            &second,
            "decision=confirm",
        )
        .await;
    assert_eq!(confirmed.status, 303);
    // Who confirmed it cannot fetch it, and no one can fetch other days with it.
    let page = test_app.page("GET", "/approvals", &second).await.text;
    assert!(!page.contains("/day/export"), "{page}");
    assert_eq!(
        test_app.fetch(&second, DAY, &approval_request).await.status,
        409
    );
    let other = "from=2026-03-04&until=2026-03-05";
    assert_eq!(
        test_app
            .fetch(&cookie, other, &approval_request)
            .await
            .status,
        409
    );
    // Who asked is offered it, and gets it.
    let page = test_app.page("GET", "/approvals", &cookie).await.text;
    assert!(
        page.contains("/day/export") && page.contains(&approval_request),
        "{page}"
    );
    assert_eq!(
        test_app
            .fetch(&cookie, DAY, &approval_request)
            .await
            .csv()
            .len(),
        4
    );
    let again = test_app
        .form(
            "/day/export",
            &cookie,
            &format!("{DAY}&as=csv&approval_request={approval_request}"),
        )
        .await;
    assert_eq!(again.status, 409);
    assert!(problem(&again.text).unwrap().contains("fetched already"));
    assert_eq!(test_app.access.open_approval_requests().await.unwrap(), []);
}

/// The file would show the buyers of a shop that is not theirs to someone who is asked to confirm it.
#[tokio::test]
async fn an_export_is_confirmed_by_who_may_see_all_of_it() {
    let (test_app, cookie) = house_of_two().await;
    let for_shops = async |name: &str, shops: &[&str]| {
        let shops: Shops = shops.iter().map(|shop| shop.parse().unwrap()).collect();
        let change = |one: &mut Operator| {
            one.shops = shops.clone();
            Ok::<_, AccessError>(())
        };
        let name = name.parse().unwrap();
        test_app
            .access
            .change_operator(&name, change)
            .await
            .unwrap()
    };
    let ask = format!("{DAY}&as=csv");
    test_app.form("/day/export", &cookie, &ask).await;
    let approval_request = test_app.approval_request().await;
    let second = test_app.english("cancel").await;
    for shops in [&["other"][..], &["main"], &[]] {
        let one = for_shops("cancel", shops).await;
        let page = test_app.page("GET", "/approvals", &second).await.text;
        assert!(!page.contains("Export:"), "{shops:?}");
        for decision in ["confirm", "refuse"] {
            let answer = test_app
                .form(
                    &format!("/approvals/{approval_request}"),
                    &second,
                    &format!("decision={decision}"),
                )
                .await;
            assert_eq!(answer.status, 404, "{shops:?} {decision}");
        }
        let refused = test_app
            .access
            .decide(&approval_request, &one, Decision::Confirm)
            .await;
        assert!(
            matches!(refused, Err(ApprovalRequestError::MayNot)),
            "{shops:?}"
        );
    }
    // Of a shop that is theirs they see which it is, and confirm it.
    for_shops("close", &["main"]).await;
    for_shops("cancel", &["main", "other"]).await;
    test_app.form("/day/export", &cookie, &ask).await;
    let page = test_app.page("GET", "/approvals", &second).await.text;
    assert!(plain(&page).contains("(shops: main)"), "{}", plain(&page));
    let open = test_app.access.open_approval_requests().await.unwrap();
    let mine = open
        .iter()
        .find(|one| one.id != approval_request)
        .unwrap()
        .id
        .clone();
    let confirm = format!("/approvals/{mine}");
    let confirmed = test_app.form(&confirm, &second, "decision=confirm").await;
    assert_eq!(confirmed.status, 303);
    // What was confirmed is a file of that shop, and of no other.
    for_shops("close", &["other"]).await;
    assert_eq!(test_app.fetch(&cookie, DAY, &mine).await.status, 409);
    for_shops("close", &["main"]).await;
    assert_eq!(test_app.fetch(&cookie, DAY, &mine).await.csv().len(), 4);
}

#[tokio::test]
async fn a_confirmed_export_is_not_good_for_ever() {
    let (test_app, cookie) = house_of_two().await;
    let ask = format!("{DAY}&as=csv");
    test_app.form("/day/export", &cookie, &ask).await;
    let approval_request = test_app.approval_request().await;
    test_app.confirm(&approval_request).await;
    test_app.clock.advance(jiff::SignedDuration::from_hours(24));
    let cookie = test_app.english("close").await;
    assert_eq!(
        test_app.fetch(&cookie, DAY, &approval_request).await.status,
        409
    );
    assert_eq!(test_app.access.open_approval_requests().await.unwrap(), []);
    test_app.form("/day/export", &cookie, &ask).await;
    assert_ne!(
        test_app.approval_request().await,
        approval_request,
        "it can be asked for again"
    );
}

#[tokio::test]
async fn who_exports_sees_how_far_it_is_and_nobody_else_does() {
    let (test_app, cookie) = test_app(&sales(3)).await;
    let name = "0123456789abcdef0123456789abcdef";
    let form = format!("{DAY}&as=csv&progress={name}");
    assert_eq!(test_app.download(&cookie, &form).await.csv().len(), 4);
    let path = format!("/day/export/{name}");
    let seen = test_app.page("GET", &path, &cookie).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!(seen.json["done"], 3);
    assert_eq!(seen.json["total"], 3);
    let others = "administer".parse().unwrap();
    let both = |one: &mut Operator| {
        one.roles.insert(Role::Close);
        Ok::<_, AccessError>(())
    };
    test_app
        .access
        .change_operator(&others, both)
        .await
        .unwrap();
    let other = test_app.english("administer").await;
    assert_eq!(test_app.page("GET", &path, &other).await.status, 404);
}

#[tokio::test]
async fn of_two_that_fetch_at_once_one_gets_the_file() {
    let (test_app, cookie) = house_of_two().await;
    for round in 0..5 {
        test_app
            .form("/day/export", &cookie, &format!("{DAY}&as=csv"))
            .await;
        let approval_request = test_app.approval_request().await;
        test_app.confirm(&approval_request).await;
        let fetches = (0..8).map(|_| test_app.fetch(&cookie, DAY, &approval_request));
        let files = futures_util::future::join_all(fetches).await;
        let got = files.iter().filter(|file| file.status == 200).count();
        assert_eq!(got, 1, "round {round}");
    }
}

#[tokio::test]
async fn what_was_refused_does_not_go_out() {
    let (test_app, cookie) = house_of_two().await;
    test_app
        .form("/day/export", &cookie, &format!("{DAY}&as=csv"))
        .await;
    let approval_request = test_app.approval_request().await;
    let second = test_app.english("cancel").await;
    test_app
        .form(
            &format!("/approvals/{approval_request}"),
            &second,
            "decision=refuse",
        )
        .await;
    assert_eq!(
        test_app.fetch(&cookie, DAY, &approval_request).await.status,
        409
    );
    assert_eq!(test_app.fetch(&cookie, DAY, "nothing").await.status, 409);
}
