//! Approvals on the wire, without a wire.

use jiff::civil::date;

use super::*;
use crate::approve::{AuthenticatedKeyIn, UnauthenticatedKeyIn};
use crate::card::{Card, CardNumber, Expiry, HolderNo, HolderProof, PasswordPrefix};
use crate::code::ResultCode;
use crate::money::Amount;
use crate::order::{BuyerMail, BuyerName, BuyerPhone, GoodsName};

const TNO: &str = "23542357804508";
/// A real answer's shape, with made-up numbers.
const ANSWER: &str = r#"{"order_no":"TEST1234567890","card_bin_length":"6","partcanc_yn":"Y","noinf":"N","res_msg":"정상처리","coupon_mny":"0","card_bin_type_01":"0","trace_no":"T00000RBWE0McICk","card_mny":"1000","acqu_name":"신한카드","card_no":"4518420000001234","quota":"00","acqu_cd":"CCLG","amount":"1000","cert_no":"23542357804508","van_apptime":"20231019133645","pay_method":"PACA","card_bin_bank_cd":"0301","res_cd":"0000","app_time":"20231019133645","tno":"23542357804508","card_bin_type_02":"1","card_cd":"CCLG","res_en_msg":"processing completed","card_name":"신한카드","app_no":"48253349","odd":"4111111111111111"}"#;

fn order() -> Order {
    let mut order = Order::new(
        OrderNo::parse("TEST1234567890").unwrap(),
        Money::won(1000).unwrap(),
    );
    order.goods_name = Some(GoodsName::parse("테스트 상품").unwrap());
    order.buyer.name = Some(BuyerName::parse("홍길동").unwrap());
    order.buyer.mail = Some(BuyerMail::parse("test@kcp.co.kr").unwrap());
    order.buyer.phone = Some(BuyerPhone::parse("01000000000").unwrap());
    order
}

fn card() -> Card {
    let number = CardNumber::parse("1234567800000000").unwrap();
    Card::new(number, Expiry::from_yymm("2607").unwrap())
}

fn json(body: Body) -> Vec<(String, String)> {
    let bytes = body.into_bytes();
    let text = std::str::from_utf8(&bytes).unwrap();
    // Order matters here, so the text is read by hand; the values hold no escapes.
    let inside = text
        .strip_prefix("{\"")
        .and_then(|text| text.strip_suffix("\"}"))
        .unwrap();
    inside
        .split("\",\"")
        .map(|pair| pair.split_once("\":\"").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn answered(body: &str) -> Result<Approval, ApproveError> {
    super::read(body.as_bytes(), &Asked::of(&order()))
}

fn why(body: &str) -> (LostWhy, Option<String>) {
    match answered(body) {
        Err(ApproveError::Unknown(lost)) => (lost.why, lost.tno.map(String::from)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_guides_example_is_written_field_by_field() {
    let proof = HolderProof::new(
        HolderNo::parse("951010").unwrap(),
        PasswordPrefix::parse("00").unwrap(),
    );
    let site = SiteCode::parse("T1234").unwrap();
    let request = AuthenticatedKeyIn::new(order(), card(), proof, date(2026, 7, 31)).unwrap();
    let expected = [
        ("site_cd", "T1234"),
        (
            "kcp_cert_info",
            "-----BEGIN CERTIFICATE-----MIID=-----END CERTIFICATE-----",
        ),
        ("pay_method", "CARD"),
        ("cust_ip", ""),
        ("amount", "1000"),
        ("card_mny", "1000"),
        ("currency", "410"),
        ("quota", "00"),
        ("ordr_idxx", "TEST1234567890"),
        ("good_name", "테스트 상품"),
        ("buyr_name", "홍길동"),
        ("buyr_mail", "test@kcp.co.kr"),
        ("buyr_tel2", "01000000000"),
        ("card_tx_type", "11121000"),
        ("card_no", "1234567800000000"),
        ("card_expiry", "2607"),
        ("card_taxno", "951010"),
        ("card_pwd", "00"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(json(write(&site, &expected[1].1, &request)), expected);

    let request = UnauthenticatedKeyIn::new(order(), card(), date(2026, 7, 31)).unwrap();
    let mut without = expected[..16].to_vec();
    without[13].1 = "11111000".to_owned();
    assert_eq!(json(write(&site, &expected[1].1, &request)), without);
}

#[test]
fn optional_parts_are_written_when_there() {
    let mut order = Order::new(
        OrderNo::parse("A").unwrap(),
        Money::usd_cents(1055).unwrap(),
    );
    order.client_ip = Some("::ffff:10.1.2.3".parse().unwrap());
    order.tax = Some(TaxSplit::Mixed(TaxParts {
        supply: 900,
        vat: 90,
        free: 65,
    }));
    let site = SiteCode::parse("T0000").unwrap();
    let fields = |order: &Order| {
        let request = UnauthenticatedKeyIn::new(order.clone(), card(), date(2026, 7, 1)).unwrap();
        json(write(&site, "c", &request))
    };
    let has = |fields: &[(String, String)], name: &str, value: &str| {
        fields.contains(&(name.to_owned(), value.to_owned()))
    };
    let written = fields(&order);
    for (name, value) in [
        ("cust_ip", "10.1.2.3"),
        ("currency", "840"),
        ("amount", "1055"),
        ("tax_flag", "TG03"),
        ("comm_tax_mny", "900"),
        ("comm_vat_mny", "90"),
        ("comm_free_mny", "65"),
    ] {
        assert!(has(&written, name, value), "{name}");
    }
    assert!(
        !written
            .iter()
            .any(|(name, _)| name.starts_with("buyr_") || name == "good_name")
    );
    order.client_ip = Some("2001:db8::1".parse().unwrap());
    assert!(has(&fields(&order), "cust_ip", ""));
}

#[test]
fn requests_are_whole_or_not_at_all() {
    let today = date(2026, 8, 1);
    let expired = UnauthenticatedKeyIn::new(order(), card(), today).unwrap_err();
    assert_eq!(expired.kcp_field(), "card_expiry");
    let mut order = order();
    order.installments = crate::Installments::new(3).unwrap();
    let small = UnauthenticatedKeyIn::new(order, card(), date(2026, 7, 1)).unwrap_err();
    assert_eq!(small.kcp_field(), "quota");
}

#[test]
fn an_approval_is_read_whole() {
    let approval = answered(ANSWER).unwrap();
    assert_eq!(approval.tno.as_str(), TNO);
    assert_eq!(approval.amount.get(), 1000);
    assert_eq!(approval.card_amount.map(Amount::get), Some(1000));
    assert_eq!(approval.card.unwrap().to_string(), "451842******1234");
    assert_eq!(approval.issuer.as_ref().unwrap().name, "신한카드");
    assert_eq!(approval.app_no.as_deref(), Some("48253349"));
    assert_eq!(approval.app_time.unwrap().to_string(), "20231019133645");
    assert_eq!(approval.installment_months, Some(0));
    assert_eq!(approval.interest, Some(Interest::Buyer));
    assert_eq!(approval.partial_cancel_allowed, Some(true));
    assert_eq!(
        (approval.corporate, approval.check_card),
        (Some(false), Some(true))
    );
    assert_eq!(approval.extra["odd"], "411111******1111");
    assert_eq!(approval.extra["van_apptime"], "20231019133645");
    assert!(!approval.extra.contains_key("card_no") && !approval.extra.contains_key("tno"));
    let stored = serde_json::to_string(&approval).unwrap();
    assert_eq!(serde_json::from_str::<Approval>(&stored).unwrap(), approval);
}

#[test]
fn anything_less_than_success_is_unknown() {
    let tno = Some(TNO.to_owned());
    let amount = |units| Amount::new(units).unwrap();
    for (from, to, expected) in [
        (
            r#""amount":"1000""#,
            r#""amount":"1001""#,
            (
                LostWhy::WrongAmount {
                    asked: amount(1000),
                    answered: amount(1001),
                },
                tno.clone(),
            ),
        ),
        (r#""amount":"1000","#, "", (LostWhy::NoAmount, tno.clone())),
        (
            r#""amount":"1000""#,
            r#""amount":"1,000""#,
            (LostWhy::NoAmount, tno.clone()),
        ),
        (
            r#""card_mny":"1000""#,
            r#""card_mny":"900""#,
            (LostWhy::WrongCardAmount, tno.clone()),
        ),
        (
            r#""card_mny":"1000""#,
            r#""card_mny":"null""#,
            (LostWhy::WrongCardAmount, tno.clone()),
        ),
        (r#""tno":"23542357804508","#, "", (LostWhy::NoTno, None)),
        (
            r#""tno":"23542357804508""#,
            r#""tno":"2354""#,
            (LostWhy::NoTno, None),
        ),
        (
            r#""order_no":"TEST1234567890""#,
            r#""order_no":"OTHER""#,
            (LostWhy::WrongOrder, None),
        ),
        (r#""res_cd":"0000","#, "", (LostWhy::NoCode, tno.clone())),
        (
            r#""res_cd":"0000""#,
            r#""res_cd":"000""#,
            (LostWhy::NoCode, tno.clone()),
        ),
        (
            r#""res_cd":"0000""#,
            r#""res_cd":"8041""#,
            (
                LostWhy::AmbiguousCode(ResultCode::parse("8041").unwrap()),
                tno.clone(),
            ),
        ),
        (
            r#""res_cd":"0000""#,
            r#""res_cd":"ZZZZ""#,
            (
                LostWhy::AmbiguousCode(ResultCode::parse("ZZZZ").unwrap()),
                tno.clone(),
            ),
        ),
        (
            r#""pay_method":"PACA""#,
            r#""currency":"840""#,
            (LostWhy::WrongCurrency, tno.clone()),
        ),
        (
            r#""quota":"00""#,
            r#""res_cd":"CC61""#,
            (LostWhy::RepeatedField, tno.clone()),
        ),
        (
            r#""amount":"1000""#,
            "\"amount\":\"1000\n\"",
            (LostWhy::Unreadable, tno.clone()),
        ),
        (
            r#""order_no":"TEST1234567890""#,
            "\"order_no\":\"TEST1234567890\r\"",
            (LostWhy::Unreadable, None),
        ),
        (
            r#""res_msg":"정상처리","#,
            r#""res_msg":"정"상","#,
            (LostWhy::NotJson, tno.clone()),
        ),
    ] {
        let body = ANSWER.replace(from, to);
        assert_ne!(body, ANSWER, "{from}");
        assert_eq!(why(&body), expected, "{from} -> {to}");
    }
    assert!(answered(&ANSWER.replace(r#""card_mny":"1000","#, "")).is_ok());
    assert!(answered(&ANSWER.replace("\"1000\"", "1000")).is_ok());
}

/// `body` with the letters of one text replaced by bytes that are none.
fn damaged(body: &str, text: &str, bytes: &[u8]) -> Vec<u8> {
    let at = body.find(text).unwrap();
    [
        &body.as_bytes()[..at],
        bytes,
        &body.as_bytes()[at + text.len()..],
    ]
    .concat()
}

/// The damages that occur: cut inside a letter, EUC-KR, a raw line end.
const DAMAGES: [&[u8]; 3] = [
    b"\xec\xa0\x95\xec\x83",
    b"\xc1\xa4\xbb\xf3\xc3\xb3\xb8\xae",
    b"\xec\xa0\x95\xec\x83\x81\r\n",
];

#[test]
fn an_unreadable_text_changes_nothing_but_itself() {
    let asked = Asked::of(&order());
    let whole = answered(ANSWER).unwrap();
    assert!(whole.damaged.is_empty());
    for bytes in DAMAGES {
        let read = super::read(&damaged(ANSWER, "정상처리", bytes), &asked).unwrap();
        assert_eq!(read.damaged, ["res_msg"]);
        assert!(read.message.ends_with('\u{fffd}'), "{}", read.message);
        let mended = Approval {
            message: whole.message.clone(),
            damaged: Vec::new(),
            ..read
        };
        assert_eq!(mended, whole);

        let no = ANSWER.replace("\"0000\"", "\"CC61\"");
        let read = super::read(&damaged(&no, "정상처리", bytes), &asked);
        let Err(ApproveError::Declined(no)) = read else {
            panic!("{read:?}")
        };
        assert_eq!(
            (no.code.as_str(), no.damaged),
            ("CC61", vec!["res_msg".to_owned()])
        );
    }
}

#[test]
fn a_cut_answer_is_never_a_decline_and_keeps_a_complete_tno() {
    let bodies = [ANSWER.to_owned(), ANSWER.replace("\"0000\"", "\"CC61\"")];
    for body in bodies {
        let complete = body.find(TNO).unwrap().max(body.find("\"tno\"").unwrap()) + TNO.len() + 8;
        for cut in 0..body.len() {
            let read = super::read(&body.as_bytes()[..cut], &Asked::of(&order()));
            let Err(ApproveError::Unknown(lost)) = read else {
                panic!("{cut}: {read:?}")
            };
            assert_eq!(lost.why, LostWhy::NotJson);
            assert_eq!(lost.tno.is_some(), cut >= complete, "{cut}");
        }
    }
}

#[test]
fn ruins_that_name_another_order_give_no_tno() {
    let body = ANSWER.replace("TEST1234567890", "OTHER");
    let cut = &body.as_bytes()[..body.len() - 1];
    let lost = lost(LostWhy::NotJson, cut, &Asked::of(&order()));
    assert_eq!(lost.tno, None);
}

#[test]
fn a_decline_is_a_code_that_moved_nothing() {
    let body = r#"{"res_cd":"CC61","res_msg":"한도초과 4111111111111111","trace_no":"T0000X"}"#;
    let Err(ApproveError::Declined(refusal)) = answered(body) else {
        panic!()
    };
    assert_eq!(refusal.code.as_str(), "CC61");
    assert_eq!(refusal.message, "한도초과 411111******1111");
    assert_eq!(refusal.trace_no.as_deref(), Some("T0000X"));
    assert_eq!(
        refusal.to_string(),
        "CC61 above the limit of the card (한도초과 411111******1111)"
    );
}
