//! Approval, `/gw/hub/v1/payment`: judging a key-in request and writing its answer.

use crate::cards::{self, Behaviour, Issuer};
use crate::clock;
use crate::codes::ResCd;
use crate::gateway::Decision;
use crate::ledger::{Approval, Numbers};
use crate::lint::{Finding, LintKind};
use crate::message;
use crate::reply::{Refusal, Reply};
use crate::settings::Mask;
use crate::shop::Request;
use crate::tax;

/// Card companies take instalments from here (KCP's manual).
const INSTALMENTS_FROM_WON: u64 = 50_000;
/// Bytes or characters that KCP's tables allow to a text field.
const LENGTHS: [(&str, usize); 4] = [
    ("good_name", 100),
    ("buyr_name", 30),
    ("buyr_mail", 50),
    ("buyr_tel2", 20),
];

/// Judges a request. On success no card data but the mask goes on.
pub(crate) fn judge(mut request: Request<'_>) -> Result<Decision, Refusal> {
    let request = &mut request;
    let shop = request.shop()?;
    match request.get("pay_method") {
        "CARD" => {}
        "" => return Err(Refusal::new("5704", "pay_method is missing")),
        _ => return Err(Refusal::new("8024", "key-in takes pay_method CARD")),
    }
    let authenticated = kind(request)?;
    let order = order(request)?;
    let (amount, currency) = money(request)?;
    let quota = quota(request, amount, currency)?;
    let tax = tax::of_approval(request, amount)?;
    texts(request)?;
    let card = card(request, authenticated)?;
    limits(request, amount, currency, quota)?;
    let answered_with = match card.behaviour {
        Behaviour::Decline(code) => {
            return Err(Refusal {
                code,
                detail: "magic card".into(),
            });
        }
        Behaviour::DeclineButCharge(code) => Some(code),
        _ => None,
    };
    let approval = Approval {
        site_cd: shop.site_cd.clone(),
        order: order.into(),
        amount,
        currency,
        quota,
        authenticated,
        tax,
        seen: request.now,
        card,
    };
    Ok(Decision::Approve {
        approval,
        answered_with,
    })
}

/// Authenticated or not, and whether the shop may and the fields fit.
fn kind(request: &mut Request<'_>) -> Result<bool, Refusal> {
    let authenticated = match request.get("card_tx_type") {
        "11121000" => true,
        "11111000" => false,
        "" => return Err(Refusal::new("8103", "card_tx_type is missing")),
        _ => {
            return Err(Refusal::new(
                "8104",
                "card_tx_type takes 11121000 or 11111000",
            ));
        }
    };
    if authenticated && !request.settings.authenticated_contract {
        return Err(Refusal::new(
            "CC37",
            "the setting authenticated_contract is off",
        ));
    }
    if !authenticated {
        if !request.settings.unauthenticated_contract {
            return Err(Refusal::new(
                "CC35",
                "the setting unauthenticated_contract is off",
            ));
        }
        for field in ["card_taxno", "card_pwd"] {
            if !request.get(field).is_empty() {
                request.lint(Finding::of(LintKind::ProofOnUnauthenticated, field));
            }
        }
    }
    Ok(authenticated)
}

fn order<'r>(request: &mut Request<'r>) -> Result<&'r str, Refusal> {
    let order = request.get("ordr_idxx");
    if order.is_empty() {
        return Err(Refusal::new("8015", "ordr_idxx is missing"));
    }
    if order.chars().count() > 40 {
        return Err(Refusal::new("8501", "ordr_idxx takes 40 characters"));
    }
    for name in [
        "ordr_idxx",
        "good_name",
        "buyr_name",
        "buyr_mail",
        "buyr_tel2",
    ] {
        if message::repeats_card(request.get(name), request.get("card_no")) {
            request.lint(Finding::of(LintKind::CardNumberElsewhere, name));
            let refusal = Refusal::new("8501", "ordr_idxx holds the card number");
            if name == "ordr_idxx" {
                return Err(refusal);
            }
        }
    }
    if !order
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    {
        request.lint(Finding::of(LintKind::OrderNumberForm, "ordr_idxx"));
    }
    Ok(order)
}

fn money(request: &mut Request<'_>) -> Result<(u64, &'static str), Refusal> {
    let amount = request.amount("amount", "8051")?;
    if amount == 0 {
        return Err(Refusal::new("8058", "amount is zero"));
    }
    let card_mny = request.amount("card_mny", "8105")?;
    if amount != card_mny {
        return Err(Refusal::new("8059", "amount and card_mny differ"));
    }
    let currency = match request.get("currency") {
        "410" => "410",
        "840" if request.settings.dollars => "840",
        "840" => return Err(Refusal::new("8176", "the setting dollars is off")),
        "" => {
            request.lint(Finding::of(LintKind::EmptyCurrency, "currency"));
            return Err(Refusal::new("8052", "currency is empty"));
        }
        other => {
            if matches!(other, "WON" | "USD") {
                request.lint(Finding::of(LintKind::WindowCurrency, "currency"));
            }
            return Err(Refusal::new("8052", "currency takes 410 or 840"));
        }
    };
    Ok((amount, currency))
}

fn quota(request: &mut Request<'_>, amount: u64, currency: &str) -> Result<u8, Refusal> {
    let quota = request.get("quota");
    let months: u8 = match quota.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => (tens - b'0') * 10 + ones - b'0',
        _ => {
            return Err(Refusal::new(
                "8106",
                "quota takes two digits, 00 for one sum",
            ));
        }
    };
    match months {
        0 => {}
        1 => {
            return Err(Refusal::new(
                "8106",
                "quota 01 means nothing; one sum is 00",
            ));
        }
        2..=12 => {
            if currency == "410" && amount < INSTALMENTS_FROM_WON {
                request.lint(Finding::of(LintKind::InstalmentsBelowMinimum, "quota"));
            }
        }
        _ => return Err(Refusal::new("8125", "at most 12 months")),
    }
    Ok(months)
}

fn texts(request: &mut Request<'_>) -> Result<(), Refusal> {
    let cust_ip = request.get("cust_ip");
    if !cust_ip.is_empty() && cust_ip.parse::<std::net::IpAddr>().is_err() {
        return Err(Refusal::new(
            "8055",
            "cust_ip is no address; it may be empty",
        ));
    }
    for (name, limit) in LENGTHS {
        if request.get(name).len() > limit {
            request.lint(Finding::of(LintKind::TooLong, name));
        }
    }
    for name in ["good_name", "buyr_name"] {
        let forbidden = |c: char| {
            matches!(
                c,
                ',' | '&' | ';' | '\n' | '\\' | '|' | '\'' | '"' | '<' | '>'
            )
        };
        if request.get(name).contains(forbidden) {
            request.lint(Finding::of(LintKind::ForbiddenCharacter, name));
        }
    }
    if request.get("good_name").is_empty() {
        request.lint(Finding::of(LintKind::MissingGoodName, "good_name"));
    }
    let mail = request.get("buyr_mail");
    if !mail.is_empty()
        && mail
            .split_once('@')
            .is_none_or(|(who, host)| who.is_empty() || host.is_empty())
    {
        request.lint(Finding::of(LintKind::BadMail, "buyr_mail"));
    }
    let phone = request.get("buyr_tel2");
    if !phone
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+'))
    {
        request.lint(Finding::of(LintKind::BadPhone, "buyr_tel2"));
    }
    Ok(())
}

/// The card, its expiry and, for the authenticated kind, the holder's proof.
fn card(request: &mut Request<'_>, authenticated: bool) -> Result<cards::TestCard, Refusal> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let card_no = request.get("card_no");
    if !(13..=16).contains(&card_no.len()) || !digits(card_no) {
        return Err(Refusal::new(
            "8107",
            "card_no takes 13 to 16 digits and no other sign",
        ));
    }
    let Some(card) = cards::find(card_no) else {
        request.lint(Finding::of(LintKind::NotATestCard, "card_no"));
        return Err(Refusal::new(
            "8108",
            "only test cards are taken here, see GET /cards",
        ));
    };
    let expiry = request.get("card_expiry");
    if expiry.len() != 4 || !digits(expiry) {
        return Err(Refusal::new("8109", "card_expiry takes YYMM"));
    }
    let (year, month): (i16, i8) = (
        2000 + expiry[..2].parse::<i16>().unwrap_or(0),
        expiry[2..].parse().unwrap_or(0),
    );
    let looks_turned_round = matches!(expiry[..2].parse(), Ok(1_u8..=12));
    if !(1..=12).contains(&month) {
        if looks_turned_round {
            request.lint(Finding::of(LintKind::ExpiryOrder, "card_expiry"));
        }
        return Err(Refusal::new("8109", "card_expiry takes YYMM, year first"));
    }
    if authenticated {
        proof(request)?;
    }
    if (year, month) < clock::korean_month(request.now) {
        if looks_turned_round {
            request.lint(Finding::of(LintKind::ExpiryOrder, "card_expiry"));
        }
        return Err(Refusal::new("CC54", "card_expiry is past"));
    }
    Ok(card)
}

/// Birth date or business number, and password digits: any, but for the documented wrong ones.
fn proof(request: &Request<'_>) -> Result<(), Refusal> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let taxno = request.get("card_taxno");
    if !matches!(taxno.len(), 6 | 10) || !digits(taxno) {
        let rule = "card_taxno takes 6 digits (birth date) or 10 (business number)";
        return Err(Refusal::new("8110", rule));
    }
    let pwd = request.get("card_pwd");
    if pwd.len() != 2 || !digits(pwd) {
        return Err(Refusal::new("8111", "card_pwd takes the first two digits"));
    }
    let wrong = match (taxno, pwd) {
        ("000000", _) => "CC66",
        ("0000000000", _) => "CC67",
        ("1111111111", _) => "CC68",
        (_, "99") => "CC63",
        (_, "98") => "CC69",
        _ => return Ok(()),
    };
    Err(Refusal::new(wrong, "magic value"))
}

/// Rules that stand behind a switch.
fn limits(request: &Request<'_>, amount: u64, currency: &str, quota: u8) -> Result<(), Refusal> {
    if currency != "410" {
        return Ok(());
    }
    if request.settings.minimum_amount && amount < 1_000 {
        return Err(Refusal::new(
            "8135",
            "below 1,000 won, and minimum_amount is on",
        ));
    }
    let fits = if quota == 0 {
        (1_000..=5_004).contains(&amount)
    } else {
        amount == 50_004
    };
    if request.settings.test_amount_rule && !fits {
        return Err(Refusal::new(
            "8129",
            "1,000 to 5,004 won, instalments 50,004; test_amount_rule is on",
        ));
    }
    Ok(())
}

/// The answer to a booked approval: every field of the guide, and those real answers add.
pub(crate) fn answer(
    approval: &Approval,
    numbers: Numbers,
    booked: jiff::Timestamp,
    trace_no: String,
    mask: Mask,
) -> Reply {
    let Issuer {
        card_cd,
        card_name,
        acqu_cd,
        acqu_name,
        bank_cd,
    } = approval.card.issuer;
    let time = clock::kcp_time(booked);
    let tno = format!("{:014}", numbers.tno);
    let app_no = format!("{:08}", numbers.app_no);
    let amount = approval.amount.to_string();
    let quota = format!("{:02}", approval.quota);
    let tax = approval.tax.parts(approval.amount);
    let flag = |set: bool| if set { "1" } else { "0" };

    let mut reply = Reply::with_capacity(40);
    reply.put("order_no", approval.order.to_string());
    reply.put("card_bin_length", "6");
    reply.put("mall_taxno", "0000000000");
    reply.put(
        "partcanc_yn",
        if approval.card.partial_cancel {
            "Y"
        } else {
            "N"
        },
    );
    reply.put("noinf", "N");
    put_success(&mut reply);
    reply.put("coupon_mny", "0");
    reply.put("pg_txid", pg_txid(approval, &time, &tno, &app_no));
    reply.put("card_bin_type_01", flag(approval.card.corporate));
    reply.put("trace_no", trace_no);
    reply.put("card_mny", amount.clone());
    reply.put("res_vat_mny", tax.vat.to_string());
    reply.put("ca_order_id", approval.order.to_string());
    reply.put("res_tax_flag", approval.tax.flag());
    reply.put("acqu_name", *acqu_name);
    reply.put("card_no", approval.card.masked.with(mask.sign()));
    reply.put("quota", quota);
    reply.put("van_cd", "VNKC");
    reply.put("acqu_cd", *acqu_cd);
    reply.put("amount", amount);
    reply.put("van_apptime", time.clone());
    reply.put("use_point", "0");
    reply.put("res_free_mny", tax.free.to_string());
    reply.put("pay_method", "PACA");
    reply.put("card_bin_bank_cd", *bank_cd);
    reply.put("bizx_numb", "0000000000");
    reply.put("escw_yn", "N");
    reply.put("join_cd", "0000");
    reply.put("app_time", time);
    reply.put("tno", tno.clone());
    // The same number again; behind the first, so that an answer cut before `tno` holds neither.
    reply.put("cert_no", tno);
    reply.put("card_bin_type_02", flag(approval.card.check));
    reply.put("card_cd", *card_cd);
    reply.put("card_name", *card_name);
    reply.put("mcht_taxno", "0000000000");
    reply.put("res_green_deposit_mny", "0");
    reply.put("res_tax_mny", tax.tax.to_string());
    reply.put("app_no", app_no);
    reply
}

/// Code and texts of success.
pub(crate) fn put_success(reply: &mut Reply) {
    let (korean, english) = ResCd::OK.texts();
    reply.put("res_cd", "0000");
    reply.put("res_msg", korean);
    reply.put("res_en_msg", english);
}

/// 44 characters, as seen: MMDDhhmmss, a route, part of the tno, amount, months, approval number.
fn pg_txid(approval: &Approval, time: &str, tno: &str, app_no: &str) -> String {
    format!(
        "{}SBOX{}{:012}{:02}{app_no}",
        &time[4..],
        &tno[5..13],
        approval.amount,
        approval.quota
    )
}
