//! The words that every page has around it, and the words for states and roles.

use sugi_access::Role;
use sugi_core::Status;

use crate::lang::{Lang, messages};

messages! {
    /// Around every page.
    Common {
        product "수기결제" "Key-in payments"
        nav "메뉴" "Menu"
        keyin "카드 결제" "Key in"
        payments "결제 내역" "Payments"
        doubts "확인 필요" "In doubt"
        approval_requests "동료 확인 대기" "To confirm"
        day "일별 집계" "The day"
        settings "설정" "Settings"
        sign_out "로그아웃" "Sign out"
        skip "본문으로 건너뛰기" "Skip to the content"
        doubt_alarm "확인되지 않은 결제 {}건: 다시 결제하지 마십시오" "{} in doubt: do not charge again"
        doubt_since "{} 전부터" "for {}"
        doubt_look "확인하기" "Look"
        test_mode "테스트 상점: 실제 돈이 움직이지 않습니다" "Test shop: no real money moves"
        back "돌아가기" "Back"
        home "첫 화면으로" "To the first page"
        reload "다시 열기" "Reload"
        all "전체" "All"
        none "없음" "None"
        keys_title "단축키" "Keys"
        key_search "검색창으로" "Go to the search box"
        key_close "닫기" "Close"
        second "초" "s"
        minute "분" "min"
        hour "시간" "h"
        days "일" "d"
        ending "오래 사용하지 않아 1분 안에 자동으로 로그아웃됩니다. 입력하신 내용은 카드 정보를 빼고 보관됩니다." "You will be signed out within a minute, because nothing was typed for a while. What you entered is kept, all but the card."
        ending_for_good "로그인 유지 시간이 끝나 1분 안에 로그아웃됩니다. 하던 일을 마치고 다시 로그인해 주세요." "Your session has lasted as long as it may and ends within a minute. Finish, and sign in again."
        stay "계속 사용하기" "Stay signed in"
        offline "서버와 연결이 끊겼습니다. 연결되면 자동으로 새로고침됩니다." "The server cannot be reached. This page refreshes when it can."
    }
}

/// A state in a word.
pub(crate) fn state(lang: Lang, status: Status) -> &'static str {
    match status {
        Status::Requested => lang.pick("접수", "Requested"),
        Status::Approving => lang.pick("승인 중", "Approving"),
        Status::Approved => lang.pick("승인", "Approved"),
        Status::Declined => lang.pick("거절", "Declined"),
        Status::InDoubt => lang.pick("확인 필요", "In doubt"),
        Status::Reversing => lang.pick("망취소 중", "Reversing"),
        Status::Reversed => lang.pick("망취소", "Reversed"),
        Status::PartiallyCancelled => lang.pick("부분취소", "Partly cancelled"),
        Status::Cancelled => lang.pick("취소", "Cancelled"),
        Status::Void => lang.pick("승인 안 됨", "Void"),
    }
}

/// How a state looks: a class of the style sheet.
pub(crate) fn tone(status: Status) -> &'static str {
    match status {
        Status::Approved => "good",
        Status::Declined => "bad",
        Status::InDoubt | Status::Reversing => "doubt",
        Status::Requested | Status::Approving => "busy",
        Status::Reversed | Status::PartiallyCancelled | Status::Cancelled | Status::Void => "quiet",
    }
}

/// A role in a few words.
pub(crate) fn role(lang: Lang, role: Role) -> &'static str {
    match role {
        Role::KeyIn => lang.pick("카드 결제", "Key cards in"),
        Role::Cancel => lang.pick("결제 취소", "Cancel payments"),
        Role::Close => lang.pick("확인 필요 종결·내보내기", "Close doubts and export"),
        Role::Administer => lang.pick("관리", "Administer"),
    }
}
