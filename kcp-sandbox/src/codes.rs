//! Result codes of the key-in set, with texts of our own (KCP's wording is KCP's).

use std::fmt;

/// A result code: four digits or capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ResCd([u8; 4]);

impl ResCd {
    pub(crate) const OK: Self = Self(*b"0000");
    /// The message could not be read.
    pub(crate) const FORMAT: Self = Self(*b"0902");

    /// A code written in this source; use [`ResCd::parse`] for one from outside.
    pub(crate) const fn new(code: &'static str) -> Self {
        let b = code.as_bytes();
        Self([b[0], b[1], b[2], b[3]])
    }

    /// A code from outside, if it has the shape of one.
    pub(crate) fn parse(code: &str) -> Option<Self> {
        let bytes: [u8; 4] = code.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
            .then_some(Self(bytes))
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII gets in.
        std::str::from_utf8(&self.0).unwrap_or("0902")
    }

    /// The Korean and the English text of this code.
    pub(crate) fn texts(self) -> (&'static str, &'static str) {
        CODES
            .binary_search_by(|(code, ..)| code.as_bytes().cmp(&self.0))
            .map_or(("기타 오류", "other error"), |at| {
                (CODES[at].1, CODES[at].2)
            })
    }
}

impl fmt::Display for ResCd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ResCd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The format error that belongs to a request field.
pub(crate) fn format_code(field: &str) -> ResCd {
    ResCd::new(match field {
        "site_cd" => "8001",
        "kcp_cert_info" => "8002",
        "pay_method" => "8024",
        "cust_ip" => "8055",
        "amount" => "8051",
        "card_mny" => "8105",
        "currency" => "8052",
        "quota" => "8106",
        "ordr_idxx" => "8501",
        "good_name" => "8502",
        "buyr_name" => "8506",
        "buyr_mail" => "8509",
        "buyr_tel2" => "8508",
        "card_tx_type" => "8104",
        "card_no" => "8107",
        "card_expiry" => "8109",
        "card_taxno" => "8110",
        "card_pwd" => "8111",
        "tax_flag" | "comm_tax_mny" | "comm_vat_mny" | "comm_free_mny" => "8011",
        "mod_tax_mny" => "8078",
        "mod_vat_mny" => "8080",
        "mod_free_mny" => "8079",
        "tno" => "8072",
        "mod_type" => "8073",
        "mod_mny" => "8082",
        "rem_mny" => "8084",
        "pay_type" => "8511",
        "kcp_sign_data" => "S034",
        _ => "0902",
    })
}

/// Code, Korean text, English text; sorted by code. Every one can be had by a magic card.
#[rustfmt::skip]
pub(crate) const CODES: &[(&str, &str, &str)] = &[
    ("0000", "정상처리", "processing completed"),
    ("0900", "기타 일반 오류", "other general error"),
    ("0902", "전문 해석 오류", "message cannot be read"),
    ("2204", "유효하지 않은 카드번호", "card number not valid"),
    ("3001", "사용자 취소", "cancelled by the user"),
    ("3008", "응답 수신 시간 초과", "receive timeout"),
    ("5704", "필수 값이 비어 있음", "a required value is empty"),
    ("7101", "이미 등록된 승인 내역", "approval already recorded"),
    ("7512", "게이트웨이 처리 시간 초과", "gateway processing timeout"),
    ("8001", "상점코드 설정 오류", "unknown site code"),
    ("8002", "상점 인증 정보 오류", "site certificate does not fit"),
    ("8003", "상점 설정 확인 필요", "site set-up needs checking"),
    ("8005", "이용 가능한 결제 서비스 없음", "no usable payment service"),
    ("8011", "복합과세 금액 오류", "mixed-tax amounts wrong"),
    ("8012", "취소 불가: 서버 IP 미등록", "cancel refused: server address not registered"),
    ("8015", "주문번호 없음", "order number missing"),
    ("8023", "이미 취소된 승인", "approval already cancelled"),
    ("8024", "지원하지 않는 결제수단", "payment method not supported"),
    ("8026", "변경요청 주문번호 불일치", "order number of the change does not match"),
    ("8035", "부분취소 최소금액 미만", "partial cancel below the minimum"),
    ("8036", "부분취소 가능금액 초과", "partial cancel above the cancellable amount"),
    ("8037", "부분취소 남은금액 불일치", "remaining amount does not match"),
    ("8038", "변경요청 취소가능금액 불일치", "cancellable amount does not match"),
    ("8039", "변경요청 취소가능금액 초과", "cancellable amount exceeded"),
    ("8040", "부분취소된 거래는 전체취소 불가", "full cancel refused after a partial cancel"),
    ("8041", "시간 초과: 결제 엔진", "timeout in the payment engine"),
    ("8042", "시간 초과: 데이터 수신 전", "timeout before data arrived"),
    ("8043", "시간 초과: 서버 전송 전", "timeout before sending to the server"),
    ("8044", "시간 초과: 서버 수신 전", "timeout before receiving from the server"),
    ("8045", "기관 점검 중", "institution under maintenance"),
    ("8046", "기관 점검 중: 이중 VAN 시간 초과", "institution under maintenance: VAN timeout"),
    ("8047", "기관 응답 수신 오류", "error while receiving from the institution"),
    ("8048", "기관 응답 형식 오류", "reply of the institution malformed"),
    ("8051", "결제금액 오류", "amount malformed"),
    ("8052", "통화코드 오류", "currency code wrong"),
    ("8055", "IP 주소 형식 오류", "network address malformed"),
    ("8058", "총 결제금액 오류", "total amount wrong"),
    ("8059", "결제금액 불일치", "amounts do not match"),
    ("8061", "원거래 없음", "original transaction not found"),
    ("8063", "최소 결제금액 미만", "below the minimum payment amount"),
    ("8072", "거래번호 오류", "transaction number malformed"),
    ("8073", "변경요청 정보 오류", "change information malformed"),
    ("8074", "복합과세 원거래 조회 오류", "mixed-tax original cannot be read"),
    ("8078", "부분취소 과세금액 오류", "taxable part of the cancel malformed"),
    ("8079", "부분취소 비과세금액 오류", "tax-free part of the cancel malformed"),
    ("8080", "부분취소 부가세금액 오류", "VAT part of the cancel malformed"),
    ("8082", "변경금액 오류", "amount of the change malformed"),
    ("8084", "변경 전 남은금액 오류", "remaining amount malformed"),
    ("8094", "중복 거래 요청", "duplicate transaction request"),
    ("8098", "과세·부가세 취소가능금액 초과", "taxable part above the cancellable amount"),
    ("8099", "비과세 취소가능금액 초과", "tax-free part above the cancellable amount"),
    ("8102", "신용카드 이용 불가 상점", "merchant may not take cards"),
    ("8103", "카드 거래유형 없음", "card transaction type missing"),
    ("8104", "카드 거래유형 오류", "card transaction type wrong"),
    ("8105", "카드 금액 오류", "card amount malformed"),
    ("8106", "할부개월 형식 오류", "instalment months malformed"),
    ("8107", "카드번호 형식 오류", "card number malformed"),
    ("8108", "카드번호 오류", "card number wrong"),
    ("8109", "유효기간 형식 오류", "expiry malformed"),
    ("8110", "카드 인증정보 형식 오류", "birth date or business number malformed"),
    ("8111", "카드 비밀번호 형식 오류", "password digits malformed"),
    ("8121", "카드 가맹점 미등록", "card merchant not registered"),
    ("8122", "상점 월 한도 초과", "monthly limit of the merchant exceeded"),
    ("8123", "일 한도 초과", "daily limit exceeded"),
    ("8124", "건당 한도 초과", "per-transaction limit exceeded"),
    ("8125", "허용 할부개월 초과", "more instalments than allowed"),
    ("8126", "이 상점에서 이용 불가한 카드", "card not usable at this shop"),
    ("8127", "미등록 가맹점", "merchant not registered"),
    ("8128", "카드 중복 거래 거절", "duplicate card transaction refused"),
    ("8129", "테스트 거래 금액 규칙 위반", "outside the amounts for test transactions"),
    ("8130", "해외카드 이용 불가", "overseas card not allowed"),
    ("8132", "카드 원거래 없음", "card original not found"),
    ("8133", "이미 취소된 카드 거래", "card transaction already cancelled"),
    ("8134", "취소할 수 없는 상태", "state does not allow a cancel"),
    ("8135", "건당 최소금액 미만", "below the per-transaction minimum"),
    ("8168", "무이자 구분 오류", "interest-free type wrong"),
    ("8169", "무이자 정보 불일치", "interest-free information does not match"),
    ("8171", "카드사 통신: 소켓 오류", "card network: socket"),
    ("8172", "카드사 통신: 연결 오류", "card network: connect"),
    ("8173", "카드사 통신: 전송 시간 초과", "card network: send timeout"),
    ("8174", "카드사 통신: 전송 오류", "card network: send error"),
    ("8175", "통신 오류, 잠시 후 다시 시도", "communication error, try later"),
    ("8176", "승인할 수 없는 통화", "currency cannot be approved"),
    ("8178", "정산 예정금액 부족으로 취소 불가", "settlement amount too small for the cancel"),
    ("8181", "이용 제한 카드번호", "card number on a black list"),
    ("8182", "부정거래 의심", "suspected fraud"),
    ("8186", "카드 일 한도금액 초과", "daily amount limit of the card"),
    ("8187", "카드 일 한도건수 초과", "daily count limit of the card"),
    ("8188", "카드 월 한도금액 초과", "monthly amount limit of the card"),
    ("8189", "카드 월 한도건수 초과", "monthly count limit of the card"),
    ("8338", "주문번호 중복", "order number duplicated"),
    ("8344", "취소금액 불일치", "cancel amount does not match"),
    ("8346", "단말기에서 취소할 거래", "to be cancelled at the terminal"),
    ("8347", "거절 대상 카드", "card on the refusal list"),
    ("8379", "선불·기프트카드 환불 불가", "prepaid or gift card cannot be refunded"),
    ("8381", "부분취소 가능금액 불일치", "partially cancellable amount does not match"),
    ("8382", "부분취소 가능금액 초과", "partially cancellable amount exceeded"),
    ("8385", "부분취소 불가 기관", "institution takes no partial cancel"),
    ("8386", "부분취소 횟수 초과", "too many partial cancels"),
    ("8387", "부분취소 진행 중", "partial cancel in progress"),
    ("8388", "취소 진행 중", "cancel in progress"),
    ("8392", "부분취소 미계약 상점", "merchant may not cancel partially"),
    ("8393", "이미 조회한 거래", "transaction already looked up"),
    ("8501", "주문번호 형식 오류", "order number malformed"),
    ("8502", "상품명 형식 오류", "product name malformed"),
    ("8506", "주문자명 형식 오류", "buyer name malformed"),
    ("8508", "휴대폰번호 형식 오류", "buyer phone malformed"),
    ("8509", "이메일 형식 오류", "buyer mail malformed"),
    ("8511", "조회 결제수단 오류", "payment type of the inquiry wrong"),
    ("8586", "이미 등록된 주문번호", "order number already registered"),
    ("8642", "취소요청 권한 없음", "no right to request a cancel"),
    ("8786", "부정거래 의심 차단", "blocked on suspicion of fraud"),
    ("8885", "일 승인한도 초과", "daily approval limit"),
    ("8886", "일 승인횟수 초과", "daily approval count"),
    ("8995", "기관 통신 오류, 5분 후 재시도", "institution communication error, retry after 5 minutes"),
    ("8996", "시스템 시간 초과, 5분 후 재시도", "system timeout, retry after 5 minutes"),
    ("8997", "시스템 시간 초과, 5분 후 재시도", "system timeout, retry after 5 minutes"),
    ("8998", "서비스 중지", "service not open"),
    ("8999", "결제사 확인 필요", "ask the gateway"),
    ("9200", "등록되지 않은 상점", "no such shop"),
    ("9502", "모듈 호출 오류", "module call error"),
    ("CC01", "카드사 확인 필요", "ask the card company"),
    ("CC03", "카드사 거절", "declined by the card company"),
    ("CC04", "분실 또는 사용 불가 카드", "lost or unusable card"),
    ("CC07", "건당 한도 초과", "over the per-transaction limit"),
    ("CC08", "일 한도 초과", "over the daily limit"),
    ("CC10", "계좌 잔액 부족", "account balance too low"),
    ("CC14", "카드번호 오류", "card number error"),
    ("CC16", "할부개월 오류", "instalment months error"),
    ("CC34", "할부 불가 가맹점", "merchant may not take instalments"),
    ("CC35", "수기결제 불가 가맹점", "merchant may not take key-in payments"),
    ("CC37", "인증거래 미계약 가맹점", "merchant has no contract for authenticated payments"),
    ("CC39", "사용 불가 카드", "card not usable"),
    ("CC43", "도난 카드", "stolen card"),
    ("CC44", "연체 카드", "overdue card"),
    ("CC45", "정지 카드", "suspended card"),
    ("CC46", "사용 불가 카드", "card not usable"),
    ("CC47", "할부 불가 카드", "card may not use instalments"),
    ("CC54", "유효기간 경과 또는 불일치", "card expired, or expiry does not match"),
    ("CC55", "유효기간 오류", "expiry error"),
    ("CC61", "한도 초과", "over the limit"),
    ("CC62", "가맹점 한도 초과", "limit of the merchant exceeded"),
    ("CC63", "카드 비밀번호 불일치", "card password wrong"),
    ("CC66", "생년월일 불일치", "birth date wrong"),
    ("CC67", "사업자번호 오류", "business number wrong"),
    ("CC68", "사업자번호 불일치", "business number does not match"),
    ("CC69", "인증 3회 실패", "three failed authentications"),
    ("CC72", "카드사 응답 시간 초과", "card company timeout"),
    ("CC75", "은행 점검 중", "bank under maintenance"),
    ("CC98", "카드사 시스템 장애", "failure at the card company"),
    ("CC99", "결제사 시스템 장애", "failure at the gateway"),
    ("CCA1", "원거래 없음", "original not found"),
    ("CCA2", "승인 상태이므로 매입취소 불가", "only approved: acquisition cannot be cancelled"),
    ("CCA3", "매입 완료 거래", "already acquired"),
    ("CCA4", "이미 매입취소된 거래", "acquisition already cancelled"),
    ("CCA5", "매입 완료 및 마감", "acquired and closed"),
    ("CCA6", "이미 승인취소된 거래", "approval already cancelled"),
    ("CCA7", "매입취소 및 마감", "acquisition cancelled and closed"),
    ("CCA8", "남은금액 불일치", "remaining amount does not match"),
    ("CCA9", "부분취소 거래 전체취소 불가", "full cancel refused: partially cancelled"),
    ("CCAA", "매입요청 중", "acquisition requested"),
    ("CCAB", "매입취소 요청 중", "acquisition cancel requested"),
    ("CCAC", "승인취소 불가 상태", "state does not allow cancelling the approval"),
    ("CCAD", "매입요청 불가 상태", "state does not allow acquisition"),
    ("CCAE", "매입취소 불가 상태", "state does not allow cancelling the acquisition"),
    ("CCAF", "카드 상태 이상", "card state abnormal"),
    ("CCC0", "카드사 점검 중", "card company under maintenance"),
    ("S032", "인증서 확인 오류", "certificate refused"),
    ("S034", "서명 검증 오류", "signature does not verify"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_well_formed() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (code, korean, english) in CODES {
            assert!(ResCd::parse(code).is_some(), "{code}");
            assert!(
                !korean.is_empty() && english.is_ascii() && !english.is_empty(),
                "{code}"
            );
            // KCP's own tables give the texts 100 characters.
            assert!(
                korean.chars().count() <= 60 && english.len() <= 60,
                "{code}"
            );
            assert_eq!(ResCd::new(code).texts(), (*korean, *english));
        }
    }

    #[test]
    fn codes_from_outside_are_checked() {
        assert_eq!(ResCd::parse("CC63").unwrap().as_str(), "CC63");
        for bad in ["", "CC6", "CC633", "cc63", "8-12", "한"] {
            assert!(ResCd::parse(bad).is_none(), "{bad}");
        }
    }
}
