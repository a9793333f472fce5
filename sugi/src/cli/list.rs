//! `sugi list`.

use nhn_kcp::normal;
use sugi_core::{PaymentId, ShopId, Shops, Status};
use sugi_store::Filter;

use crate::{cli::Failure, ledger_location::LedgerLocation, print};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: LedgerLocation,
    /// Only of this shop
    #[arg(long)]
    shop: Option<ShopId>,
    /// Only in this state (`in_doubt`, `approved`, `declined`, …); may be given again
    #[arg(long, value_parser = status)]
    state: Vec<Status>,
    /// Only of this order
    #[arg(long, value_name = "NUMBER")]
    order: Option<String>,
    /// Only with this order number at KCP
    #[arg(long, value_name = "NUMBER")]
    kcp_order: Option<String>,
    /// Only with this KCP transaction number
    #[arg(long)]
    tno: Option<String>,
    /// Only with this approval number
    #[arg(long, value_name = "NUMBER")]
    app_no: Option<String>,
    /// Only with a card that ends so
    #[arg(long, value_name = "DIGITS")]
    last4: Option<String>,
    /// Only those made before this one
    #[arg(long, value_name = "PAYMENT")]
    before: Option<PaymentId>,
    /// How many, up to 200
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print each payment as a line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let ledger = args.place.ledger().await?;
    let filter = Filter {
        shops: args.shop.map_or(Shops::All, |shop| [shop].into()),
        statuses: args.state,
        order_nos: args
            .order
            .iter()
            .map(|order| normal::text(order).into_owned())
            .collect(),
        kcp_order_no: args.kcp_order,
        tno: args.tno,
        app_no: args.app_no,
        last4: args.last4,
        before: args.before,
        limit: args.limit,
        ..Filter::default()
    };
    let page = ledger.store().list(filter).await?;
    if args.json {
        for line in page.payments.iter().cloned() {
            print::json(&sugi_api::show::summary(line));
        }
    } else {
        let rows = page.payments.iter().map(|line| {
            vec![
                print::time(line.created_at),
                line.id.to_string(),
                line.order_no.clone(),
                line.kcp_order_no.clone(),
                print::status(line.status).into(),
                print::money(line.amount, &line.currency),
                print::money(line.cancelled, &line.currency),
                line.last4.clone(),
                line.buyer_name.clone().unwrap_or_default(),
            ]
        });
        print::table(
            &[
                "time (KST)",
                "payment",
                "order",
                "order at KCP",
                "state",
                "amount",
                "given back",
                "card",
                "buyer",
            ],
            &[5, 6],
            rows,
        );
    }
    if page.more {
        let last = page
            .payments
            .last()
            .map(|line| line.id.to_string())
            .unwrap_or_default();
        print::talk(&format!("there are more: --before {last}"));
    }
    Ok(())
}

fn status(text: &str) -> Result<Status, String> {
    let all = || Status::ALL.map(Status::as_str).join(", ");
    text.parse()
        .map_err(|()| format!("a state is one of {}", all()))
}
