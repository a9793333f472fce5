//! The stories of the demo, each a real payment.

use std::{sync::PoisonError, time::Duration};

use jiff::SignedDuration;
use kcp_sandbox::{Fault, FaultKind, magic_card};
use nhn_kcp::{
    Amount, Buyer, Card, CardNumber, Expiry, HolderNo, HolderProof, Installments, Money, Order,
    PasswordPrefix, UnauthenticatedKeyIn,
};
use sugi_clock::Clock;
use sugi_core::{Payment, PaymentId, ShopId, Status, todo::ClockDoubt};
use sugi_engine::{CancelAsk, Outcome, Resolution, ResolveAsk, Sale};

use super::Demo;
use crate::{cli::Failure, print, view};

/// A test card that every issuer's sandbox knows.
const CARD: &str = "4111111111111111";

/// Tells all of them, in order.
pub(crate) async fn tell(demo: &Demo) -> Result<(), Failure> {
    // Orders of an earlier demo in the same folder keep their numbers.
    let run = sugi_clock::new_payment_id().as_str()[14..20].to_owned();
    let order = |n: u8| format!("DEMO-{run}-{n}");

    let proven = demo
        .pay(Ask {
            proof: true,
            won: 1_004,
            ..Ask::of(&order(1))
        })
        .await?;
    demo.say("authenticated sale (인증)", &proven);

    let plain = demo
        .pay(Ask {
            won: 150_000,
            months: 3,
            ..Ask::of(&order(2))
        })
        .await?;
    demo.say("unauthenticated sale (비인증), 3 months", &plain);

    let broke = magic_card(99, "CC61").ok_or_else(|| Failure::new("no test card for CC61"))?;
    let declined = demo
        .pay(Ask {
            card: &broke,
            ..Ask::of(&order(3))
        })
        .await?;
    demo.say("the card company says no", &declined);

    let part = demo.cancel(&plain.id, Some(50_000)).await?;
    demo.say("part of the second sale is given back", &part);

    let all = demo.cancel(&proven.id, None).await?;
    demo.say("the first sale is given back whole", &all);

    demo.fault(FaultKind::LoseAnswer)?;
    let lost = demo.pay(Ask::of(&order(4))).await?;
    demo.say("the answer is lost", &lost);
    let lost = demo.settled(&lost.id).await?;
    demo.say("  found by its order, and given back", &lost);

    demo.fault(FaultKind::LoseRequest)?;
    let never = demo.pay(Ask::of(&order(5))).await?;
    demo.say("the request is lost", &never);
    let never = demo.settled(&never.id).await?;
    demo.say("  not there after the uncertainty window", &never);

    let tno = demo.stranger_sells(&order(10)).await?;
    demo.tell(
        "a stranger sells under the same site code, order number, card and amount",
        &format!("KCP has it as {tno}; sugi knows nothing of it"),
    );
    demo.fault(FaultKind::LoseRequest)?;
    let beside = demo.pay(Ask::of(&order(10))).await?;
    demo.say("  our request is lost beside it", &beside);
    let beside = demo.settled(&beside.id).await?;
    demo.say(
        "  not there, and the stranger's sale is not touched",
        &beside,
    );

    demo.fault(FaultKind::WrongAmount {
        amount: None,
        books_too: false,
    })?;
    let wrong = demo.pay(Ask::of(&order(6))).await?;
    demo.say("the answer names another amount", &wrong);
    let wrong = demo.settled(&wrong.id).await?;
    demo.say("  looked up by its number, and given back", &wrong);

    wrong_clock(demo, &order(8), &order(9)).await?;

    demo.fault(FaultKind::LoseAnswer)?;
    let doubt = demo
        .pay(Ask {
            shop: "no-lookup",
            ..Ask::of(&order(7))
        })
        .await?;
    demo.say("lost, at a shop whose contract has no look-up", &doubt);
    let doubt = demo.person_finds_it(&doubt).await?;
    demo.say("  a person finds its number, and KCP confirms", &doubt);
    Ok(())
}

/// Our clock stands half a day behind KCP's, which here is the sandbox's that is set ahead.
async fn wrong_clock(demo: &Demo, before: &str, order: &str) -> Result<(), Failure> {
    let half_a_day = SignedDuration::from_hours(12);
    demo.sandbox.set_clock(demo.sandbox.now() + half_a_day);
    demo.pay(Ask::of(before)).await?;
    demo.fault(FaultKind::LoseRequest)?;
    let lost = demo.pay(Ask::of(order)).await?;
    let window = Duration::from_secs(4);
    let is_closed = |payment: &Payment| payment.status() != Status::InDoubt;
    let lost = demo.engine.watch(&lost.id, window, is_closed).await?;
    let lost = lost.ok_or_else(|| Failure::new(format!("{order} is gone")))?;
    demo.say(
        "the request is lost while our clock is 12 hours behind KCP's",
        &lost,
    );
    let why = demo.engine.clock_doubt(&lost);
    let Some(ClockDoubt::Wrong(_)) = why else {
        return Err(Failure::new(format!(
            "a wrong clock was not noticed: {why:?}"
        )));
    };
    demo.sandbox.set_clock(demo.sandbox.now() - half_a_day);
    let what = Resolution::Absent {
        note: "not on the partner site".into(),
    };
    let (by, key) = ("demo".parse()?, None);
    let ask = ResolveAsk { what, by, key };
    demo.engine.resolve(&lost.id, ask).await?;
    let closed = demo.settled(&lost.id).await?;
    demo.say("  so no time closes it; a person who looked does", &closed);
    Ok(())
}

/// A sale of the demo.
struct Ask<'a> {
    shop: &'a str,
    order: &'a str,
    card: &'a str,
    proof: bool,
    won: u64,
    months: u8,
}

impl<'a> Ask<'a> {
    fn of(order: &'a str) -> Self {
        Self {
            shop: "main",
            order,
            card: CARD,
            proof: false,
            won: 30_000,
            months: 0,
        }
    }
}

impl Demo {
    async fn pay(&self, ask: Ask<'_>) -> Result<Payment, Failure> {
        let proof = ask.proof.then(|| {
            Ok::<_, nhn_kcp::Invalid>(HolderProof::new(
                HolderNo::parse("951010")?,
                PasswordPrefix::parse("00")?,
            ))
        });
        let shop: ShopId = ask.shop.parse()?;
        let sale = Sale {
            shop,
            order: Order {
                goods_name: Some("테스트 상품, \"특가\" 🎁".parse()?),
                buyer: Buyer {
                    name: Some("홍길동".parse()?),
                    mail: None,
                    phone: Some("010-0000-0000".parse()?),
                },
                installments: Installments::new(ask.months)?,
                ..Order::new(ask.order.parse()?, Money::won(ask.won)?)
            },
            card: Card::new(CardNumber::parse(ask.card)?, Expiry::new(2030, 12)?),
            proof: proof.transpose()?,
            by: "demo".parse()?,
            from: None,
            key: None,
        };
        match self.engine.pay(sale).await? {
            Outcome::Begun(payment_handle) => {
                Ok(Payment::clone(&*payment_handle.first_result().await))
            }
            Outcome::Replayed(payment) => Ok(*payment),
        }
    }

    async fn cancel(&self, id: &PaymentId, won: Option<u64>) -> Result<Payment, Failure> {
        let amount = won.map(Amount::new).transpose()?;
        let (reason, by) = ("고객 변심".parse()?, "demo".parse()?);
        self.engine
            .cancel(
                id,
                CancelAsk {
                    amount,
                    seen: None,
                    tax: None,
                    reason,
                    by,
                    key: None,
                },
            )
            .await?;
        self.settled(id).await
    }

    async fn settled(&self, id: &PaymentId) -> Result<Payment, Failure> {
        self.engine.settle(Duration::from_secs(30)).await;
        let payment_snapshot = self.engine.store().load(id).await?;
        Ok(payment_snapshot
            .ok_or_else(|| Failure::new(format!("{id} is gone")))?
            .payment)
    }

    /// Someone looks the order up on KCP's partner site, which here are the sandbox's books.
    async fn person_finds_it(&self, payment: &Payment) -> Result<Payment, Failure> {
        let at_kcp = payment.request.order.order_no.as_str();
        let books = self.sandbox.books_of(at_kcp);
        let seen = books
            .transactions
            .first()
            .ok_or_else(|| Failure::new(format!("{at_kcp} is not in the books")))?;
        let note = "seen on the partner site".into();
        let what = Resolution::Live {
            tno: seen.tno.parse()?,
            note,
            keep: true,
        };
        let (by, key) = ("demo".parse()?, None);
        self.engine
            .resolve(&payment.id, ResolveAsk { what, by, key })
            .await?;
        self.settled(&payment.id).await
    }

    /// Another program of the same merchant's, say a web shop, sells past sugi. Says by which number.
    async fn stranger_sells(&self, order: &str) -> Result<String, Failure> {
        let shops = self.engine.shops();
        let shop = shops.first().ok_or_else(|| Failure::new("no shop"))?;
        let ask = Ask::of(order);
        let order = Order::new(ask.order.parse()?, Money::won(ask.won)?);
        let card = Card::new(CardNumber::parse(ask.card)?, Expiry::new(2030, 12)?);
        let today = nhn_kcp::korean_date(Clock::real().now());
        let sale = UnauthenticatedKeyIn::new(order, card, today)?;
        let sold = shop.client.approve(sale).await;
        let tno = sold
            .map_err(|why| Failure::new(why.to_string()))?
            .tno
            .to_string();
        let mut strangers = self
            .strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        strangers.insert(tno.clone());
        Ok(tno)
    }

    fn fault(&self, kind: FaultKind) -> Result<(), Failure> {
        Ok(self.sandbox.fault(Fault::new(kind))?)
    }

    fn say(&self, story: &str, payment: &Payment) {
        self.tell(story, &view::sentence(payment));
    }

    fn tell(&self, story: &str, told: &str) {
        if !self.json {
            print::data(&format!("{story}\n    {told}"));
        }
    }
}
