//! Files of payments: all of them, once each, harmless, and only for whom they are.

use nhn_kcp::Money;
use sugi_access::{AccessError, Decision, Operator, Role, Rules, SecondPerson, WishError};
use sugi_core::Shops;
use sugi_store::DeedFilter;

use crate::{
    file::File,
    house::House,
    ledger::{self, End, Sale},
    page::{between, plain, problem},
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

/// A house with these payments, and the cookie of somebody who may export.
async fn house(sales: &[Sale]) -> (House, String) {
    let house = House::new().await;
    ledger::write(house.engine.store(), sales).await;
    let cookie = house.english("close").await;
    (house, cookie)
}

async fn csv(house: &House, cookie: &str) -> Vec<Vec<String>> {
    house.download(cookie, &format!("{DAY}&as=csv")).await.csv()
}

async fn xlsx(house: &House, cookie: &str) -> Vec<Vec<String>> {
    house
        .download(cookie, &format!("{DAY}&as=xlsx"))
        .await
        .xlsx()
}

#[tokio::test]
async fn a_file_of_thousands_holds_each_of_them_once() {
    let mut sales = sales(5_000);
    sales.push(Sale::new(5_001, "2026-03-04T14:59:59Z"));
    sales.push(Sale::new(5_002, "2026-03-05T15:00:00Z"));
    let (house, cookie) = house(&sales).await;
    let expected: Vec<String> = sales[..5_000].iter().rev().map(Sale::id).collect();
    for rows in [csv(&house, &cookie).await, xlsx(&house, &cookie).await] {
        let ids: Vec<_> = rows[1..].iter().map(|row| row[15].clone()).collect();
        assert_eq!(ids.len(), 5_000);
        assert!(ids == expected, "the newest first, each once");
        assert!(rows.iter().all(|row| row.len() == 16));
    }
}

#[tokio::test]
async fn a_file_says_what_it_is() {
    let mut given_back = Sale::new(1, "2026-03-05T03:04:05Z");
    given_back.end = End::GivenBack(400);
    let (house, cookie) = house(&[given_back.clone()]).await;
    let form = |kind: &str| format!("{DAY}&as={kind}");
    let file = house.download(&cookie, &form("csv")).await;
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
                &given_back.id()
            ],
        ]
    );
    let file = house.download(&cookie, &form("xlsx")).await;
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
    let rows = csv(&house, &korean).await;
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
    let (house, cookie) = house(&all).await;
    let rows = csv(&house, &cookie).await;
    assert_eq!(rows.len(), names.len() + 1);
    for (row, name) in rows[1..].iter().rev().zip(names) {
        assert_eq!(row[7], format!("'{name}"));
    }
    let file = house.download(&cookie, &format!("{DAY}&as=xlsx")).await;
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
    let (house, cookie) = house(&[dollars]).await;
    for rows in [csv(&house, &cookie).await, xlsx(&house, &cookie).await] {
        assert_eq!(rows[1][4..7], ["USD", "10.55", "0.05"]);
    }
}

#[tokio::test]
async fn of_a_card_only_the_last_four_go_out() {
    let (house, cookie) = house(&sales(3)).await;
    let file = house.download(&cookie, &format!("{DAY}&as=csv")).await;
    assert!(!file.text().contains("41111") && file.text().contains("1111"));
    let file = house.download(&cookie, &format!("{DAY}&as=xlsx")).await;
    assert!(!file.sheet().contains("41111"));
}

#[tokio::test]
async fn of_other_shops_nothing_goes_out() {
    let mut all = sales(2);
    all[1].shop = "other";
    let (house, _) = house(&all).await;
    let only_main = |one: &mut Operator| {
        one.shops = ["main".parse().unwrap()].into();
        Ok::<_, AccessError>(())
    };
    let name = "close".parse().unwrap();
    house
        .access
        .change_operator(&name, only_main)
        .await
        .unwrap();
    let theirs = house.english("close").await;
    for rows in [csv(&house, &theirs).await, xlsx(&house, &theirs).await] {
        assert_eq!(rows.len(), 2);
        assert_eq!((&*rows[1][1], &*rows[1][2]), ("main", "S-1"));
    }
}

#[tokio::test]
async fn an_empty_day_is_a_file_with_headings() {
    let (house, cookie) = house(&[]).await;
    for rows in [csv(&house, &cookie).await, xlsx(&house, &cookie).await] {
        assert_eq!(rows.len(), 1);
    }
}

#[tokio::test]
async fn a_span_that_is_none_is_refused() {
    let (house, cookie) = house(&[]).await;
    for form in [
        "from=2026-03-05&until=2026-03-04&as=csv",
        "from=2026-01-01&until=2026-12-31&as=csv",
        "from=x&as=xlsx",
    ] {
        let answer = house.form("/day/export", &cookie, form).await;
        assert_eq!(answer.status, 422);
        assert_eq!(
            problem(&answer.text).unwrap(),
            "Check the days. At most 92 at a time."
        );
    }
}

#[tokio::test]
async fn too_much_for_one_file_is_refused() {
    let (house, cookie) = house(&sales(1)).await;
    // As many again, as rows of the projection alone.
    house.harm(
        "insert into payment (id, seq, head, status, shop, site_cd, order_no, ordr_idxx, amount, cancelled,
             currency, last4, actor, created_at, updated_at)
         with recursive up(n) as (select 1 union all select n + 1 from up where n < 200000)
         select 'pay_f' || printf('%031x', n), 1, '', 'declined', shop, site_cd, order_no, ordr_idxx, amount, 0,
             currency, last4, actor, created_at, updated_at from up, payment where id like 'pay_0000%1'",
    );
    for kind in ["csv", "xlsx"] {
        let answer = house
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
    let (house, cookie) = house(&sales(1_000)).await;
    // The oldest comes last, when much has been sent.
    house.harm("update payment set id = 'no payment' where order_no = 'S-1'");
    for kind in ["csv", "xlsx"] {
        let file = house.download(&cookie, &format!("{DAY}&as={kind}")).await;
        assert!(!file.whole, "{kind}");
    }
}

#[tokio::test]
async fn what_went_out_is_in_the_audit() {
    let (house, cookie) = house(&sales(1)).await;
    csv(&house, &cookie).await;
    house.access.flush().await;
    let deeds = house
        .engine
        .store()
        .deeds(&DeedFilter::default())
        .await
        .unwrap();
    let exported = deeds
        .iter()
        .find(|row| row.deed.action == "POST /day/export")
        .unwrap();
    assert_eq!(exported.deed.actor, "operator:close");
    assert_eq!(exported.deed.outcome, "200");
    assert_eq!(exported.deed.subject, "export 2026-03-05..2026-03-05");
}

/// A house where an export takes a second person, with somebody who may confirm.
async fn house_of_two() -> (House, String) {
    let rules = Rules {
        second_person: SecondPerson {
            export: true,
            ..Rules::default().second_person
        },
        ..Rules::default()
    };
    let house = House::with(rules).await;
    ledger::write(house.engine.store(), &sales(3)).await;
    let both = |one: &mut Operator| {
        one.roles = [Role::Close, Role::Cancel].into();
        Ok::<_, AccessError>(())
    };
    let name = "cancel".parse().unwrap();
    house.access.change_operator(&name, both).await.unwrap();
    let cookie = house.english("close").await;
    (house, cookie)
}

impl House {
    /// The only wish that waits.
    async fn wish(&self) -> String {
        let open = self.access.open_wishes().await.unwrap();
        assert_eq!(open.len(), 1);
        open[0].id.clone()
    }

    async fn confirm(&self, wish: &str) {
        let name = "cancel".parse().unwrap();
        let second = self.access.operator(&name).await.unwrap().unwrap();
        self.access
            .decide(wish, &second, Decision::Confirm)
            .await
            .unwrap();
    }

    async fn fetch(&self, cookie: &str, days: &str, wish: &str) -> File {
        self.download(cookie, &format!("{days}&as=csv&wish={wish}"))
            .await
    }
}

#[tokio::test]
async fn an_export_that_takes_two_goes_out_once_after_the_second() {
    let (house, cookie) = house_of_two().await;
    let asked = house
        .form("/day/export", &cookie, &format!("{DAY}&as=csv"))
        .await;
    assert_eq!(
        (asked.status, asked.header("location")),
        (303, Some("/wishes"))
    );
    let wish = house.wish().await;
    // Asking again while it waits is no second wish.
    house
        .form("/day/export", &cookie, &format!("{DAY}&as=xlsx"))
        .await;
    assert_eq!(house.wish().await, wish);
    // Not before somebody has confirmed, and nobody confirms their own.
    assert_eq!(house.fetch(&cookie, DAY, &wish).await.status, 409);
    let own = house
        .form(&format!("/wishes/{wish}"), &cookie, "decision=confirm")
        .await;
    assert_eq!(own.status, 409);
    let second = house.english("cancel").await;
    let page = house.page("GET", "/wishes", &second).await.text;
    assert!(
        plain(&page).contains("Export: 2026-03-05"),
        "{}",
        plain(&page)
    );
    let confirmed = house
        .form(&format!("/wishes/{wish}"), &second, "decision=confirm")
        .await;
    assert_eq!(confirmed.status, 303);
    // Who confirmed it cannot fetch it, and nobody can fetch other days with it.
    let page = house.page("GET", "/wishes", &second).await.text;
    assert!(!page.contains("/day/export"), "{page}");
    assert_eq!(house.fetch(&second, DAY, &wish).await.status, 409);
    let other = "from=2026-03-04&until=2026-03-05";
    assert_eq!(house.fetch(&cookie, other, &wish).await.status, 409);
    // Who asked is offered it, and gets it.
    let page = house.page("GET", "/wishes", &cookie).await.text;
    assert!(
        page.contains("/day/export") && page.contains(&wish),
        "{page}"
    );
    assert_eq!(house.fetch(&cookie, DAY, &wish).await.csv().len(), 4);
    let again = house
        .form("/day/export", &cookie, &format!("{DAY}&as=csv&wish={wish}"))
        .await;
    assert_eq!(again.status, 409);
    assert!(problem(&again.text).unwrap().contains("fetched already"));
    assert_eq!(house.access.open_wishes().await.unwrap(), []);
}

/// The file would show the buyers of a shop that is not theirs to somebody who is asked to confirm it.
#[tokio::test]
async fn an_export_is_confirmed_by_who_may_see_all_of_it() {
    let (house, cookie) = house_of_two().await;
    let for_shops = async |name: &str, shops: &[&str]| {
        let shops: Shops = shops.iter().map(|shop| shop.parse().unwrap()).collect();
        let change = |one: &mut Operator| {
            one.shops = shops.clone();
            Ok::<_, AccessError>(())
        };
        let name = name.parse().unwrap();
        house.access.change_operator(&name, change).await.unwrap()
    };
    let ask = format!("{DAY}&as=csv");
    house.form("/day/export", &cookie, &ask).await;
    let wish = house.wish().await;
    let second = house.english("cancel").await;
    for shops in [&["other"][..], &["main"], &[]] {
        let one = for_shops("cancel", shops).await;
        let page = house.page("GET", "/wishes", &second).await.text;
        assert!(!page.contains("Export:"), "{shops:?}");
        for decision in ["confirm", "refuse"] {
            let answer = house
                .form(
                    &format!("/wishes/{wish}"),
                    &second,
                    &format!("decision={decision}"),
                )
                .await;
            assert_eq!(answer.status, 404, "{shops:?} {decision}");
        }
        let refused = house.access.decide(&wish, &one, Decision::Confirm).await;
        assert!(matches!(refused, Err(WishError::MayNot)), "{shops:?}");
    }
    // Of a shop that is theirs they see which it is, and confirm it.
    for_shops("close", &["main"]).await;
    for_shops("cancel", &["main", "other"]).await;
    house.form("/day/export", &cookie, &ask).await;
    let page = house.page("GET", "/wishes", &second).await.text;
    assert!(plain(&page).contains("(shops: main)"), "{}", plain(&page));
    let open = house.access.open_wishes().await.unwrap();
    let mine = open.iter().find(|one| one.id != wish).unwrap().id.clone();
    let confirm = format!("/wishes/{mine}");
    let confirmed = house.form(&confirm, &second, "decision=confirm").await;
    assert_eq!(confirmed.status, 303);
    // What was confirmed is a file of that shop, and of no other.
    for_shops("close", &["other"]).await;
    assert_eq!(house.fetch(&cookie, DAY, &mine).await.status, 409);
    for_shops("close", &["main"]).await;
    assert_eq!(house.fetch(&cookie, DAY, &mine).await.csv().len(), 4);
}

#[tokio::test]
async fn a_confirmed_export_is_not_good_for_ever() {
    let (house, cookie) = house_of_two().await;
    let ask = format!("{DAY}&as=csv");
    house.form("/day/export", &cookie, &ask).await;
    let wish = house.wish().await;
    house.confirm(&wish).await;
    house.clock.advance(jiff::SignedDuration::from_hours(24));
    let cookie = house.english("close").await;
    assert_eq!(house.fetch(&cookie, DAY, &wish).await.status, 409);
    assert_eq!(house.access.open_wishes().await.unwrap(), []);
    house.form("/day/export", &cookie, &ask).await;
    assert_ne!(house.wish().await, wish, "it can be asked for again");
}

#[tokio::test]
async fn who_exports_sees_how_far_it_is_and_nobody_else_does() {
    let (house, cookie) = house(&sales(3)).await;
    let name = "0123456789abcdef0123456789abcdef";
    let form = format!("{DAY}&as=csv&progress={name}");
    assert_eq!(house.download(&cookie, &form).await.csv().len(), 4);
    let path = format!("/day/export/{name}");
    let seen = house.page("GET", &path, &cookie).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!(seen.json["done"], 3);
    assert_eq!(seen.json["total"], 3);
    let others = "administer".parse().unwrap();
    let both = |one: &mut Operator| {
        one.roles.insert(Role::Close);
        Ok::<_, AccessError>(())
    };
    house.access.change_operator(&others, both).await.unwrap();
    let other = house.english("administer").await;
    assert_eq!(house.page("GET", &path, &other).await.status, 404);
}

#[tokio::test]
async fn of_two_that_fetch_at_once_one_gets_the_file() {
    let (house, cookie) = house_of_two().await;
    for round in 0..5 {
        house
            .form("/day/export", &cookie, &format!("{DAY}&as=csv"))
            .await;
        let wish = house.wish().await;
        house.confirm(&wish).await;
        let fetches = (0..8).map(|_| house.fetch(&cookie, DAY, &wish));
        let files = futures_util::future::join_all(fetches).await;
        let got = files.iter().filter(|file| file.status == 200).count();
        assert_eq!(got, 1, "round {round}");
    }
}

#[tokio::test]
async fn what_was_refused_does_not_go_out() {
    let (house, cookie) = house_of_two().await;
    house
        .form("/day/export", &cookie, &format!("{DAY}&as=csv"))
        .await;
    let wish = house.wish().await;
    let second = house.english("cancel").await;
    house
        .form(&format!("/wishes/{wish}"), &second, "decision=refuse")
        .await;
    assert_eq!(house.fetch(&cookie, DAY, &wish).await.status, 409);
    assert_eq!(house.fetch(&cookie, DAY, "nothing").await.status, 409);
}
