//! `sugi pay`.

use std::time::Duration;

use nhn_kcp::{
    Amount, Buyer, BuyerMail, BuyerName, BuyerPhone, Currency, GoodsName, Installments, Money,
    Order, OrderNo, TaxSplit, pan::Rule,
};
use sugi_core::{ShopId, Status};
use sugi_engine::{Outcome, PayError, Sale};

use crate::{
    card_input,
    cli::{Failure, audit_entry, tax::Parts},
    ledger_location::LedgerLocation,
    print, view,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: LedgerLocation,
    /// For which shop
    #[arg(long, default_value = "main")]
    shop: ShopId,
    /// Your order number
    #[arg(long, value_name = "NUMBER")]
    order: OrderNo,
    /// In the currency's smallest unit: won, or US cents
    #[arg(long, value_name = "DIGITS", value_parser = Amount::parse)]
    amount: Amount,
    /// KRW, or USD where the shop's contract takes it
    #[arg(long, default_value = "KRW", value_parser = currency)]
    currency: Currency,
    /// Instalments: 0, or 2 to 12 months
    #[arg(long, default_value = "0", value_parser = months)]
    months: Installments,
    /// What is sold, up to 100 bytes
    #[arg(long, value_name = "NAME")]
    product: Option<GoodsName>,
    /// The buyer's name
    #[arg(long, value_name = "NAME")]
    buyer: Option<BuyerName>,
    /// The buyer's e-mail address; KCP mails the result to it
    #[arg(long, value_name = "ADDRESS")]
    mail: Option<BuyerMail>,
    /// The buyer's mobile phone
    #[arg(long, value_name = "NUMBER")]
    phone: Option<BuyerPhone>,
    /// Asking twice with one key makes one payment
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// How many seconds to wait for a lost answer to be settled
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    wait: u64,
    /// Print the payment as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tax: Parts,
}

/// Exit codes beyond 0: 3 declined, 4 in doubt or being reversed, 5 void or reversed.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    no_card(&args)?;
    let split = |parts| TaxSplit::of(args.amount, parts);
    let tax = args.tax.given().map(split).transpose();
    let tax = tax.map_err(|why| Failure::new(why).code(2))?;
    let engine = args.place.engine().await?;
    let (card, proof) = card_input::read()?;
    if !card.number.passes_luhn() {
        print::talk(
            "warning: the card number's check digit does not fit; KCP will say whether it is right",
        );
    }
    let sale = Sale {
        shop: args.shop,
        order: Order {
            installments: args.months,
            goods_name: args.product,
            buyer: Buyer {
                name: args.buyer,
                mail: args.mail,
                phone: args.phone,
            },
            tax,
            ..Order::new(
                args.order,
                Money {
                    amount: args.amount,
                    currency: args.currency,
                },
            )
        },
        card,
        proof,
        by: "cli".parse()?,
        from: None,
        key: args.key.map(|key| ("cli".into(), key)),
    };
    // The audit is never erased: nothing of the order goes there before it is known not to repeat the card.
    sale.check().map_err(|why| explain(why.into()))?;
    // Before, because a command can be ended while it waits; and after, how it went.
    let order = sale.order.order_no.to_string();
    audit_entry::noted(&engine, "pay", &order, "begun").await;
    let begun = engine.pay(sale).await;
    if begun.is_err() {
        audit_entry::noted(&engine, "pay", &order, "refused").await;
    }
    let payment = match begun.map_err(explain)? {
        Outcome::Begun(payment_handle) => {
            let (last, first) = tokio::join!(
                payment_handle.final_outcome(Duration::from_secs(args.wait)),
                payment_handle.first_result()
            );
            if last.seq < first.seq { first } else { last }
        }
        Outcome::Replayed(payment) => {
            print::talk("this key was used before; this is the payment that it made");
            (*payment).into()
        }
    };
    if args.json {
        print::json(&sugi_api::show::payment(&payment));
    } else {
        print::data(&format!("{}  {}", payment.id, view::sentence(&payment)));
    }
    engine.settle(Duration::from_secs(2)).await;
    let state = payment.status().as_str();
    audit_entry::noted(&engine, "pay", payment.id.as_str(), state).await;
    let code = match payment.status() {
        Status::Declined => 3,
        Status::InDoubt | Status::Reversing | Status::Requested | Status::Approving => 4,
        Status::Void | Status::Reversed => 5,
        Status::Approved | Status::PartiallyCancelled | Status::Cancelled => return Ok(()),
    };
    let what = format!("the payment is {}", print::status(payment.status()));
    let hint = if code == 4 {
        "`sugi show` tells how it goes on; do not charge again"
    } else {
        "nothing is charged; ask again with a new --key if you use one"
    };
    Err(Failure::new(what).hint(hint).code(code))
}

fn no_card(args: &Args) -> Result<(), Failure> {
    audit_entry::no_card(&[
        ("--order", Rule::Stored, Some(args.order.as_str())),
        (
            "--product",
            Rule::Text,
            args.product.as_ref().map(GoodsName::as_str),
        ),
        (
            "--buyer",
            Rule::Text,
            args.buyer.as_ref().map(BuyerName::as_str),
        ),
        (
            "--mail",
            Rule::Text,
            args.mail.as_ref().map(BuyerMail::as_str),
        ),
        (
            "--phone",
            Rule::Text,
            args.phone.as_ref().map(BuyerPhone::as_str),
        ),
        ("--key", Rule::Stored, args.key.as_deref()),
    ])
}

fn explain(why: PayError) -> Failure {
    let hint = match &why {
        PayError::OrderLive { payment, .. } => {
            Some(format!("`sugi show {payment}` tells how it stands"))
        }
        PayError::UnknownShop(_) => Some("the configuration names the shops".into()),
        PayError::Currency { shop, .. } => Some(format!(
            "ask with another --currency, or name it in `currencies` of [shop.{shop}.contract] once KCP has agreed to it"
        )),
        _ => None,
    };
    let failure = Failure::new(why).code(2);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn currency(text: &str) -> Result<Currency, String> {
    match text {
        "KRW" => Ok(Currency::Krw),
        "USD" => Ok(Currency::Usd),
        _ => Err("write KRW or USD".into()),
    }
}

fn months(text: &str) -> Result<Installments, String> {
    let months = text.parse().map_err(|_| "write 0, or 2 to 12".to_owned())?;
    Installments::new(months).map_err(|why| why.to_string())
}
