//! Sales that are split for tax.

use super::*;

/// A sale of 1,004 won, split for tax: 800 supply, 80 VAT, 124 tax-free.
pub(super) fn split_sale() -> Payment {
    let mut request = request();
    request.order.tax = Some(TaxSplit::Mixed(parts(800, 80, 124)));
    let journal = [
        Event::Requested(Box::new(request)),
        Event::ApproveSent,
        Event::Approved(approval(1004)),
    ];
    Payment::fold(
        "pay_00000000000000000000000000000001".parse().unwrap(),
        journal.map(|event| (at(0), event)),
    )
    .unwrap()
}

pub(super) fn parts(supply: u64, vat: u64, free: u64) -> TaxParts {
    TaxParts { supply, vat, free }
}

pub(super) fn cancel(amount: u64, tax: Option<TaxParts>) -> Event {
    Event::CancelAsked(CancelOrder {
        id: "can_00000000000000000000000000000001".parse().unwrap(),
        amount: Amount::new(amount).unwrap(),
        reason: "고객 변심".parse().unwrap(),
        by: "lee".parse().unwrap(),
        all: false,
        tax,
    })
}

#[test]
fn tax_parts_are_sent_as_asked_and_then_are_not_left() {
    let asked = split_sale().evolve(at(3), cancel(320, Some(parts(200, 20, 100))));
    let asked = asked.unwrap();
    let Todo::Call(Call::Cancel { send, mode, .. }) = todo(&asked, at(3), WAITING, &policy())
    else {
        panic!("{asked:?}");
    };
    let Mode::Partial { tax, .. } = mode else {
        panic!("{mode:?}");
    };
    assert_eq!(tax, Some(parts(200, 20, 100)));
    let done = asked
        .evolve(at(3), Event::CancelSent { send, mode })
        .and_then(|sent| sent.evolve(at(4), sugi_core::decode::cancelled(send, mode)))
        .unwrap();
    assert_eq!(done.tax_left(), Some(parts(600, 60, 24)));
}

#[test]
fn tax_parts_that_cannot_be_are_refused() {
    let sale = split_sale();
    for wrong in [(101, parts(80, 8, 12)), (125, parts(0, 0, 125))] {
        let refused = sale.clone().evolve(at(3), cancel(wrong.0, Some(wrong.1)));
        assert!(
            matches!(refused, Err(Illegal::TaxParts(_))),
            "{wrong:?}: {refused:?}"
        );
    }
    let unsplit = after([Event::Approved(approval(1004))]);
    assert_eq!(unsplit.tax_left(), None);
    let refused = unsplit.evolve(at(3), cancel(100, Some(parts(80, 8, 12))));
    assert_eq!(refused, Err(Illegal::NotSplit));
}

#[test]
fn what_is_left_of_each_part_is_not_known_once_somebody_gave_back_past_us() {
    let sale = split_sale().evolve(at(3), found(1004, 104)).unwrap();
    // 104 won are left, and no one here knows of which kind.
    assert_eq!(sale.tax_left(), Some(parts(104, 80, 104)));
}
