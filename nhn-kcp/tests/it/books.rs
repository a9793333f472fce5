//! What goes well, and what is refused: the client's view and the sandbox's books agree.

use kcp_sandbox::{LintLevel, Sandbox, magic_card};
use nhn_kcp::{
    ApproveError, BuyerMail, BuyerName, BuyerPhone, CancelError, CancelMeaning, Class, GoodsName,
    InquireError, Inquiry, Installments, Interest, Money, OrderNo, Refusal, TaxParts, TaxSplit,
    Tno, TransactionState,
};

use crate::house::{
    House, card, full, inquiry, order, partial, proof, proved_sale, sale, sale_with, today, won,
};

#[tokio::test]
async fn both_kinds_are_approved_and_booked() {
    let house = House::start().await;
    let plain = house.client.approve(sale("A-1", 1004)).await.unwrap();
    let proved = house
        .client
        .approve(proved_sale(order("A-2", 1005)))
        .await
        .unwrap();
    let books = house.sandbox.books();
    for (approval, kind, amount) in [
        (&plain, "unauthenticated", 1004),
        (&proved, "authenticated", 1005),
    ] {
        let booked = books.by_tno(approval.tno.as_str()).unwrap();
        assert_eq!((booked.kind, booked.amount), (kind, amount));
        assert_eq!(approval.amount, won(amount));
        assert_eq!(approval.card.unwrap().to_string(), "411111******1111");
        assert_eq!(approval.app_no.as_deref(), Some(booked.app_no.as_str()));
        assert!(approval.app_time.is_some() && approval.issuer.is_some());
        assert_eq!(approval.interest, Some(Interest::Buyer));
        assert_eq!(approval.partial_cancel_allowed, Some(true));
    }
    assert_eq!(books.transactions.len(), 2);
}

#[tokio::test]
async fn the_sandbox_finds_nothing_to_say_about_our_messages() {
    let house = House::of(Sandbox::builder().strict(true).start().await.unwrap());
    let mut order = order("A-1", 50_000);
    order.goods_name = Some(GoodsName::parse("테스트 상품 🍎").unwrap());
    order.buyer.name = Some(BuyerName::parse("홍길동").unwrap());
    order.buyer.mail = Some(BuyerMail::parse("test@kcp.co.kr").unwrap());
    order.buyer.phone = Some(BuyerPhone::parse("010-0000-0000").unwrap());
    order.installments = Installments::new(3).unwrap();
    order.client_ip = Some("127.0.0.1".parse().unwrap());
    let approval = house.client.approve(proved_sale(order)).await.unwrap();
    assert_eq!(approval.installment_months, Some(3));
    house.client.inquire(&inquiry(&approval.tno)).await.unwrap();
    house
        .client
        .cancel(&partial(&approval.tno, 20_000, 50_000))
        .await
        .unwrap();
    house
        .client
        .cancel(&partial(&approval.tno, 30_000, 30_000))
        .await
        .unwrap();
    let complaints: Vec<_> = house
        .sandbox
        .lints()
        .into_iter()
        .filter(|lint| lint.level != LintLevel::Note)
        .collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[tokio::test]
async fn names_arrive_as_they_were_written() {
    let house = House::start().await;
    let (g99, g100) = ("가".repeat(33), format!("{}a", "가".repeat(33)));
    for (place, name) in [
        "사과, 배",
        "\"따옴표\" \\ 역슬래시",
        "🍎🍐 세트",
        "a,b&c;d|e'f<g>",
        &g99,
        &g100,
    ]
    .iter()
    .enumerate()
    {
        let mut order = order(&format!("N-{place}"), 1000);
        order.goods_name = Some(GoodsName::parse(name).unwrap());
        order.buyer.name = Some(BuyerName::parse("김, \"철수\" 🎉").unwrap());
        house
            .client
            .approve(sale_with(order, crate::house::CARD))
            .await
            .unwrap();
        let message = house.sandbox.messages().pop().unwrap();
        let seen = &message.request;
        assert_eq!(seen["good_name"].as_str(), Some(*name));
        assert_eq!(seen["buyr_name"].as_str(), Some("김, \"철수\" 🎉"));
    }
    assert!(GoodsName::parse(&format!("{g100}b")).is_err());
}

#[tokio::test]
async fn dollars_and_tax_parts_are_taken() {
    let house = House::start().await;
    let mut order = order("U-1", 1);
    order.money = Money::usd_cents(1055).unwrap();
    order.tax = Some(TaxSplit::Mixed(TaxParts {
        supply: 900,
        vat: 90,
        free: 65,
    }));
    let approval = house.client.approve(proved_sale(order)).await.unwrap();
    let books = house.sandbox.books();
    let booked = books.by_tno(approval.tno.as_str()).unwrap();
    assert_eq!((booked.amount, booked.currency.as_str()), (1055, "840"));
}

#[tokio::test]
async fn refusals_by_the_card_company_are_declines() {
    let house = House::start().await;
    for (code, class) in [
        ("CC61", Class::Limit),
        ("CC63", Class::Auth),
        ("CC43", Class::Issuer),
        ("8130", Class::Merchant),
    ] {
        let card = magic_card(99, code).unwrap();
        let order_no = format!("D-{code}");
        let answer = house
            .client
            .approve(sale_with(order(&order_no, 1000), &card))
            .await;
        let refusal = declined(answer);
        assert_eq!(refusal.code.as_str(), code);
        assert_eq!(refusal.code.meaning().class, class);
        assert!(!refusal.message.is_empty());
        assert!(house.sandbox.books_of(&order_no).transactions.is_empty());
    }
}

#[tokio::test]
async fn codes_after_which_the_card_may_be_charged_are_unknown() {
    let house = House::start().await;
    for code in [
        "8996", "CC72", "7101", "8041", "CC98", "8338", "8128", "8133",
    ] {
        // Answered with the code, and charged all the same.
        let card = magic_card(98, code).unwrap();
        let order_no = format!("M-{code}");
        let answer = house
            .client
            .approve(sale_with(order(&order_no, 1000), &card))
            .await;
        assert!(
            matches!(answer, Err(ApproveError::Unknown(_))),
            "{code}: {answer:?}"
        );
        assert_eq!(house.sandbox.books_of(&order_no).charged(), 1000);
    }
}

#[tokio::test]
async fn a_payment_is_cancelled_whole_and_once() {
    let house = House::start().await;
    let approval = house.approve("C-1", 1004).await.unwrap();
    let done = house.client.cancel(&full(&approval.tno)).await.unwrap();
    assert_eq!((done.remaining, done.cancelled), (0, Some(won(1004))));
    assert!(done.cancelled_at.is_some());
    let again = refused(house.client.cancel(&full(&approval.tno)).await);
    assert_eq!(again.code.cancel_meaning(), CancelMeaning::AlreadyCancelled);
    let seen = house.client.inquire(&inquiry(&approval.tno)).await.unwrap();
    assert_eq!(
        (seen.state, seen.remaining),
        (TransactionState::Cancelled, Some(0))
    );
    assert_eq!(house.sandbox.books().charged(), 0);
}

#[tokio::test]
async fn parts_are_cancelled_by_compare_and_swap() {
    let house = House::start().await;
    let tno = house.approve("P-1", 10_000).await.unwrap().tno;
    let done = house
        .client
        .cancel(&partial(&tno, 2_000, 10_000))
        .await
        .unwrap();
    assert_eq!((done.remaining, done.cancelled), (8_000, Some(won(2_000))));
    assert!(done.sequence.is_some());
    for (cancel, meaning) in [
        (
            partial(&tno, 1_000, 10_000),
            CancelMeaning::RemainderMismatch,
        ),
        (full(&tno), CancelMeaning::MustBePartial),
    ] {
        let refusal = refused(house.client.cancel(&cancel).await);
        assert_eq!(refusal.code.cancel_meaning(), meaning);
    }
    let seen = house.client.inquire(&inquiry(&tno)).await.unwrap();
    assert_eq!(seen.state, TransactionState::PartiallyCancelled);
    assert_eq!((seen.amount, seen.remaining), (won(10_000), Some(8_000)));
    let rest = house
        .client
        .cancel(&partial(&tno, 8_000, 8_000))
        .await
        .unwrap();
    assert_eq!(rest.remaining, 0);
    let seen = house.client.inquire(&inquiry(&tno)).await.unwrap();
    assert_eq!(seen.state, TransactionState::Cancelled);
}

#[tokio::test]
async fn a_mixed_tax_sale_is_cancelled_part_by_part() {
    let house = House::of(Sandbox::builder().strict(true).start().await.unwrap());
    let parts = |supply, vat, free| TaxParts { supply, vat, free };
    let mut order = order("T-1", 1004);
    order.goods_name = Some(GoodsName::parse("테스트 상품").unwrap());
    order.tax = Some(TaxSplit::Mixed(parts(800, 80, 124)));
    let tno = house.client.approve(proved_sale(order)).await.unwrap().tno;
    let cancel = |amount, left, taken, before| {
        let cancel = partial(&tno, amount, left);
        cancel.with_tax(taken, before).unwrap()
    };
    let (all, rest) = (parts(800, 80, 124), parts(600, 60, 24));
    let done = house
        .client
        .cancel(&cancel(320, 1004, parts(200, 20, 100), all))
        .await
        .unwrap();
    assert_eq!(done.remaining, 684);
    // What only KCP's books can tell is refused by KCP.
    for (cancel, code) in [
        (cancel(25, 684, parts(0, 0, 25), all), "8099"),
        (
            cancel(61, 684, parts(0, 61, 0), parts(800, 80, 124)),
            "8098",
        ),
        (partial(&tno, 24, 684), "8011"),
    ] {
        let refusal = refused(house.client.cancel(&cancel).await);
        assert_eq!(refusal.code.as_str(), code);
        assert_eq!(refusal.code.cancel_meaning(), CancelMeaning::TaxParts);
    }
    let done = house.client.cancel(&cancel(684, 684, rest, rest)).await;
    assert_eq!(done.unwrap().remaining, 0);
    let complaints = house.sandbox.lints().into_iter();
    let complaints: Vec<_> = complaints
        .filter(|lint| lint.level != LintLevel::Note)
        .collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[tokio::test]
async fn cancels_say_why_they_are_refused() {
    let house = House::start().await;
    let unknown = Tno::parse("26000000000000").unwrap();
    let refusal = refused(house.client.cancel(&full(&unknown)).await);
    assert_eq!(refusal.code.cancel_meaning(), CancelMeaning::NotFound);
    for (code, meaning) in [
        ("8178", CancelMeaning::Offset),
        ("8012", CancelMeaning::Contract),
        ("8388", CancelMeaning::InProgress),
        ("S034", CancelMeaning::Contract),
    ] {
        let card = magic_card(97, code).unwrap();
        let order = order(&format!("X-{code}"), 1000);
        let tno = house
            .client
            .approve(sale_with(order, &card))
            .await
            .unwrap()
            .tno;
        let refusal = refused(house.client.cancel(&full(&tno)).await);
        assert_eq!(refusal.code.cancel_meaning(), meaning, "{code}");
    }
}

#[tokio::test]
async fn inquiries_find_by_number_and_where_agreed_by_order() {
    let house = House::of(Sandbox::builder().order_lookup(true).start().await.unwrap());
    let approval = house.approve("Q-1", 1004).await.unwrap();
    let seen = house.client.inquire(&inquiry(&approval.tno)).await.unwrap();
    assert_eq!(seen.state, TransactionState::Approved);
    assert_eq!(seen.order_no.as_ref().map(OrderNo::as_str), Some("Q-1"));
    assert_eq!((seen.amount, seen.remaining), (won(1004), Some(1004)));
    assert_eq!(seen.app_no, approval.app_no);

    let day = approval.app_time.unwrap().date();
    let by_order = |order_no| Inquiry::by_order(day, OrderNo::parse(order_no).unwrap());
    assert_eq!(
        house.client.inquire(&by_order("Q-1")).await.unwrap().tno,
        approval.tno
    );
    let missing = house.client.inquire(&by_order("Q-2")).await;
    assert!(
        matches!(missing, Err(InquireError::NotFound(_))),
        "{missing:?}"
    );
    let missing = house
        .client
        .inquire(&inquiry(&Tno::parse("26000000000000").unwrap()))
        .await;
    assert!(
        matches!(missing, Err(InquireError::NotFound(_))),
        "{missing:?}"
    );
}

#[tokio::test]
async fn many_at_once_are_kept_apart() {
    let house = House::start().await;
    let sales = (0..64_u64).map(|place| {
        let client = house.client.clone();
        tokio::spawn(async move {
            (
                place,
                client
                    .approve(sale(&format!("P-{place}"), 1000 + place))
                    .await,
            )
        })
    });
    for sale in sales.collect::<Vec<_>>() {
        let (place, approval) = sale.await.unwrap();
        let approval = approval.unwrap();
        let books = house.sandbox.books();
        let booked = books.by_tno(approval.tno.as_str()).unwrap();
        assert_eq!(booked.ordr_idxx, format!("P-{place}"));
        assert_eq!(booked.amount, 1000 + place);
    }
}

#[tokio::test]
async fn wrong_proof_is_a_decline() {
    let house = House::start().await;
    let holder = nhn_kcp::HolderNo::parse("0000000000").unwrap();
    let proof = nhn_kcp::HolderProof {
        holder_no: holder,
        ..proof()
    };
    let request = nhn_kcp::AuthenticatedKeyIn::new(
        order("W-1", 1000),
        card(crate::house::CARD),
        proof,
        today(),
    )
    .unwrap();
    assert_eq!(
        declined(house.client.approve(request).await).code.as_str(),
        "CC67"
    );
}

fn declined<T: std::fmt::Debug>(answer: Result<T, ApproveError>) -> Refusal {
    match answer {
        Err(ApproveError::Declined(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, CancelError>) -> Refusal {
    match answer {
        Err(CancelError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}
