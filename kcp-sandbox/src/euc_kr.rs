//! EUC-KR for the Korean that this crate itself writes: enough to send an answer in it.

/// Every Korean character of our own texts and card company names, with its two bytes; sorted.
#[rustfmt::skip]
const TABLE: &[(char, u16)] = &[
    ('·', 0xa1a4), ('가', 0xb0a1), ('간', 0xb0a3), ('감', 0xb0a8), ('값', 0xb0aa), ('개', 0xb0b3),
    ('거', 0xb0c5), ('건', 0xb0c7), ('검', 0xb0cb), ('게', 0xb0d4), ('결', 0xb0e1), ('경', 0xb0e6),
    ('계', 0xb0e8), ('과', 0xb0fa), ('관', 0xb0fc), ('광', 0xb1a4), ('구', 0xb1b8), ('국', 0xb1b9),
    ('권', 0xb1c7), ('규', 0xb1d4), ('금', 0xb1dd), ('기', 0xb1e2), ('나', 0xb3aa), ('난', 0xb3ad),
    ('남', 0xb3b2), ('내', 0xb3bb), ('년', 0xb3e2), ('농', 0xb3f3), ('는', 0xb4c2), ('능', 0xb4c9),
    ('다', 0xb4d9), ('단', 0xb4dc), ('답', 0xb4e4), ('당', 0xb4e7), ('대', 0xb4eb), ('데', 0xb5a5),
    ('도', 0xb5b5), ('되', 0xb5c7), ('된', 0xb5c8), ('듈', 0xb5e2), ('드', 0xb5e5), ('등', 0xb5ee),
    ('또', 0xb6c7), ('래', 0xb7a1), ('로', 0xb7ce), ('록', 0xb7cf), ('롯', 0xb7d4), ('료', 0xb7e1),
    ('류', 0xb7f9), ('리', 0xb8ae), ('마', 0xb8b6), ('만', 0xb8b8), ('말', 0xb8bb), ('매', 0xb8c5),
    ('맹', 0xb8cd), ('메', 0xb8de), ('멕', 0xb8df), ('명', 0xb8ed), ('모', 0xb8f0), ('무', 0xb9ab),
    ('문', 0xb9ae), ('므', 0xb9c7), ('미', 0xb9cc), ('민', 0xb9ce), ('밀', 0xb9d0), ('및', 0xb9d7),
    ('반', 0xb9dd), ('버', 0xb9f6), ('번', 0xb9f8), ('변', 0xbaaf), ('보', 0xbab8), ('복', 0xbab9),
    ('부', 0xbace), ('북', 0xbacf), ('분', 0xbad0), ('불', 0xbad2), ('비', 0xbaf1), ('사', 0xbbe7),
    ('산', 0xbbea), ('삼', 0xbbef), ('상', 0xbbf3), ('생', 0xbbfd), ('서', 0xbcad), ('석', 0xbcae),
    ('선', 0xbcb1), ('설', 0xbcb3), ('성', 0xbcba), ('세', 0xbcbc), ('소', 0xbcd2), ('송', 0xbcdb),
    ('수', 0xbcf6), ('스', 0xbdba), ('승', 0xbdc2), ('시', 0xbdc3), ('식', 0xbdc4), ('신', 0xbdc5),
    ('실', 0xbdc7), ('심', 0xbdc9), ('씨', 0xbebe), ('아', 0xbec6), ('않', 0xbeca), ('애', 0xbed6),
    ('액', 0xbed7), ('약', 0xbee0), ('어', 0xbeee), ('업', 0xbef7), ('없', 0xbef8), ('에', 0xbfa1),
    ('엔', 0xbfa3), ('역', 0xbfaa), ('연', 0xbfac), ('예', 0xbfb9), ('오', 0xbfc0), ('완', 0xbfcf),
    ('외', 0xbfdc), ('요', 0xbfe4), ('용', 0xbfeb), ('원', 0xbff8), ('월', 0xbff9), ('웨', 0xbffe),
    ('위', 0xc0a7), ('유', 0xc0af), ('으', 0xc0b8), ('은', 0xc0ba), ('음', 0xc0bd), ('응', 0xc0c0),
    ('의', 0xc0c7), ('이', 0xc0cc), ('인', 0xc0ce), ('일', 0xc0cf), ('입', 0xc0d4), ('있', 0xc0d6),
    ('자', 0xc0da), ('잔', 0xc0dc), ('잠', 0xc0e1), ('장', 0xc0e5), ('재', 0xc0e7), ('전', 0xc0fc),
    ('절', 0xc0fd), ('점', 0xc1a1), ('정', 0xc1a4), ('제', 0xc1a6), ('조', 0xc1b6), ('족', 0xc1b7),
    ('좌', 0xc1c2), ('주', 0xc1d6), ('중', 0xc1df), ('증', 0xc1f5), ('지', 0xc1f6), ('진', 0xc1f8),
    ('차', 0xc2f7), ('처', 0xc3b3), ('청', 0xc3bb), ('체', 0xc3bc), ('초', 0xc3ca), ('총', 0xc3d1),
    ('최', 0xc3d6), ('출', 0xc3e2), ('취', 0xc3eb), ('치', 0xc4a1), ('칙', 0xc4a2), ('카', 0xc4ab),
    ('켓', 0xc4cf), ('코', 0xc4da), ('타', 0xc5b8), ('태', 0xc5c2), ('터', 0xc5cd), ('테', 0xc5d7),
    ('템', 0xc5db), ('통', 0xc5eb), ('트', 0xc6ae), ('티', 0xc6bc), ('패', 0xc6d0), ('폰', 0xc6f9),
    ('품', 0xc7b0), ('프', 0xc7c1), ('필', 0xc7ca), ('하', 0xc7cf), ('한', 0xc7d1), ('할', 0xc7d2),
    ('합', 0xc7d5), ('해', 0xc7d8), ('행', 0xc7e0), ('허', 0xc7e3), ('현', 0xc7f6), ('협', 0xc7f9),
    ('형', 0xc7fc), ('호', 0xc8a3), ('화', 0xc8ad), ('확', 0xc8ae), ('환', 0xc8af), ('회', 0xc8b8),
    ('횟', 0xc8bd), ('효', 0xc8bf), ('후', 0xc8c4), ('휴', 0xc8de),
];

/// `text` in EUC-KR. A character outside the table (from a shop's own text) becomes `?`.
pub(crate) fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            bytes.extend(u8::try_from(c));
        } else {
            let found = TABLE.binary_search_by_key(&c, |(known, _)| *known);
            match found {
                Ok(at) => bytes.extend(TABLE[at].1.to_be_bytes()),
                Err(_) => bytes.push(b'?'),
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cards, codes};

    #[test]
    fn every_text_of_ours_can_be_written() {
        let texts = codes::CODES.iter().map(|(_, korean, _)| *korean);
        let names = cards::ISSUERS
            .iter()
            .flat_map(|issuer| [issuer.card_name, issuer.acqu_name]);
        for text in texts.chain(names) {
            assert!(!encode(text).contains(&b'?'), "{text}");
        }
        // "정상처리" as it was seen in a real EUC-KR message.
        assert_eq!(
            encode("정상처리"),
            [0xc1, 0xa4, 0xbb, 0xf3, 0xc3, 0xb3, 0xb8, 0xae]
        );
    }
}
