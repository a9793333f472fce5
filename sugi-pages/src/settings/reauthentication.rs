//! Who it is that changes something, asked once more: whoever finds an open screen must not make themselves
//! someone at it.

use crate::{
    Pages, account, current_operator::CurrentOperator, error_page::ErrorPage, form::Form,
    lang::messages,
};

messages! {
    /// The question.
    OwnMessages {
        password "내 비밀번호" "Your own password"
        code "내 일회용 코드" "Your one-time code"
        hint "열린 화면을 발견한 다른 사람이 바꿀 수 없도록 한 번 더 확인합니다." "Asked once more, so that whoever finds an open screen changes nothing."
    }
}

/// The part of a form that asks.
pub(super) struct Own {
    pub(super) w: &'static OwnMessages,
    /// Whether a code is wanted besides the password.
    pub(super) code: bool,
}

impl Own {
    pub(super) fn of(current_operator: &CurrentOperator) -> Self {
        Self {
            w: OwnMessages::of(current_operator.lang),
            code: current_operator.operator().has_codes(),
        }
    }
}

/// What is wrong with the answer, if anything is.
pub(super) async fn answered(
    pages: &Pages,
    current_operator: &CurrentOperator,
    form: &Form,
) -> Result<Option<&'static str>, ErrorPage> {
    let (password, code) = (form.secret("own"), form.get("own_code"));
    account::reauthenticated(pages, current_operator, password, code).await
}
