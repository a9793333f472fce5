//! `sugi show`.

use sugi_core::PaymentId;

use crate::{
    cli::Failure,
    ledger_location::{self, LedgerLocation},
    print, view,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: LedgerLocation,
    /// The payment
    payment: PaymentId,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let ledger = args.place.ledger().await?;
    let payment = ledger_location::payment(ledger.store(), &args.payment)
        .await?
        .payment;
    let journal = ledger.store().journal(&args.payment).await?;
    if args.json {
        print::json(&sugi_api::show::payment_with_history(&payment, &journal));
        return Ok(());
    }
    let request = &payment.request;
    print::data(&view::sentence(&payment));
    print::data("");
    let money = request.order.money;
    let months = request.order.installments.months();
    let how = if months == 0 {
        "lump sum".to_owned()
    } else {
        format!("{months} months")
    };
    let text = |value: Option<String>| value.unwrap_or_else(|| "–".into());
    for (name, value) in [
        ("payment", payment.id.to_string()),
        ("order", request.order_no.to_string()),
        ("order at KCP", request.order.order_no.to_string()),
        ("shop", format!("{} ({})", request.shop, request.site_cd)),
        (
            "amount",
            format!(
                "{}, {how}",
                print::money(money.amount.get(), money.currency.as_str())
            ),
        ),
        (
            "given back",
            print::money(payment.cancelled_amount(), money.currency.as_str()),
        ),
        ("card", request.card.to_string()),
        (
            "buyer",
            text(request.order.buyer.name.as_ref().map(ToString::to_string)),
        ),
        (
            "product",
            text(request.order.goods_name.as_ref().map(ToString::to_string)),
        ),
        (
            "tno",
            text(payment.approval().map(|approval| approval.tno.to_string())),
        ),
        (
            "approval no",
            text(
                payment
                    .approval()
                    .and_then(|approval| approval.app_no.clone()),
            ),
        ),
    ] {
        print::data(&format!("{name:<12} {value}"));
    }
    print::data("");
    for entry in &journal {
        print::data(&format!(
            "{:>3}  {}  {}",
            entry.seq,
            print::time(entry.at),
            sugi_api::show::event(&entry.event, money.currency)
        ));
    }
    Ok(())
}
