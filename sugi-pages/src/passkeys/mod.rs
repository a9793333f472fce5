//! Passkeys: one's own on the account page, and the way in with one.
//!
//! A browser makes and shows them for a script only, so what is here answers the script: in JSON, with a
//! sentence for whoever sits there.

pub(crate) mod enter;
pub(crate) mod own;

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use serde_json::json;
use sugi_access::PasskeyError;

use crate::lang::messages;

messages! {
    /// Passkeys.
    PasskeyMessages {
        title "패스키" "Passkeys"
        lead "지문, 얼굴 또는 PIN으로 이 기기가 본인을 확인합니다. 비밀번호와 일회용 코드 없이 로그인합니다." "Your device recognises you by a fingerprint, a face or a PIN. You sign in without the password and without a code."
        none "등록된 패스키가 없습니다." "You have none."
        added "등록 {}" "added {}"
        used "마지막 사용 {}" "last used {}"
        unused "아직 쓰지 않음" "not used yet"
        add "패스키 추가" "Add a passkey"
        name "패스키 이름" "Name of the passkey"
        name_hint "어느 기기인지 알아볼 수 있는 이름" "By which you know the device again"
        remove "삭제" "Remove"
        remove_it "패스키 삭제" "Remove the passkey"
        not_offered "패스키를 쓸 수 없습니다: sugi.toml의 [access] passkey_host에 브라우저가 이 화면을 여는 호스트 이름을 적으십시오." "Passkeys are not offered: write the host at which browsers find these pages into sugi.toml, as passkey_host of [access]."
        no_script "패스키를 추가하려면 스크립트를 허용해야 합니다." "Adding one takes a browser that runs scripts."
        elsewhere "패스키는 {} 주소에서만 쓸 수 있습니다." "Passkeys can be used at {} only."
        unsupported "이 브라우저는 패스키를 지원하지 않습니다." "This browser has no passkeys."
        cancelled "기기에서 취소했거나 시간이 지났습니다. 다시 시도하십시오." "It was cancelled on the device, or it took too long. Try again."
        known "이 기기에는 이미 패스키가 있습니다." "This device has a passkey of yours already."
        lost "서버의 답을 받지 못했습니다. 화면을 새로 열고 다시 시도하십시오." "The server did not answer. Open the page again and try once more."
        enter "패스키로 로그인" "Sign in with a passkey"
        e_name "패스키 이름은 1~64자이며 카드번호를 담을 수 없습니다." "The name of a passkey has 1 to 64 characters and holds no card number."
        e_many "패스키는 10개까지입니다. 먼저 하나를 삭제하십시오." "There are at most 10 passkeys. Remove one first."
        e_stale "시간이 지났거나 다른 로그인에서 시작한 것입니다. 다시 시도하십시오." "It took too long, or was begun in another session. Try again."
        e_refused "이 패스키는 받을 수 없습니다. 다른 기기를 쓰거나 관리자에게 알리십시오." "This passkey is not taken. Use another device, or tell an administrator."
        e_wrong "이 패스키로 로그인할 수 없습니다. 비밀번호로 로그인하거나 관리자에게 알리십시오." "This passkey lets nobody in. Sign in with your password, or tell an administrator."
        e_copied "이 패스키가 복제되었을 수 있어 거부했습니다. 관리자에게 알리고 패스키를 새로 만드십시오." "This passkey may have been copied, so it was refused. Tell an administrator, and make a new one."
        e_often "너무 자주 요청했습니다. 잠시 후 다시 시도하거나 비밀번호로 로그인하십시오." "Asked too often. Try again in a while, or sign in with your password."
        e_ledger "원장을 읽거나 쓸 수 없습니다. 잠시 후 다시 시도하십시오." "The ledger cannot be used now. Try again later."
    }
}

/// What the script says to whoever sits there.
fn refused(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "text": text }))).into_response()
}

/// Where the script goes on.
fn go_on(to: &str) -> Response {
    Json(json!({ "to": to })).into_response()
}

/// Why a passkey is not taken.
fn said(why: PasskeyError, w: &'static PasskeyMessages) -> &'static str {
    match why {
        PasskeyError::NotOffered => w.not_offered,
        PasskeyError::Name => w.e_name,
        PasskeyError::TooMany => w.e_many,
        PasskeyError::Stale => w.e_stale,
        PasskeyError::Refused => w.e_refused,
    }
}
