//! The way KCP encrypts a merchant's private key: PKCS#12 password-based encryption with three-key
//! triple DES (`pbeWithSHA1And3-KeyTripleDES-CBC`, OID 1.2.840.113549.1.12.1.3) inside a PKCS#8
//! `ENCRYPTED PRIVATE KEY`, 20 bytes of salt and 2,048 rounds. RFC 7292, appendix B.
//!
//! The cipher is old and weak. It is here because client code must be able to read such a key.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

/// 1.2.840.113549.1.12.1.3, as the bytes of an OBJECT IDENTIFIER.
const OID: [u8; 10] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x03];
/// Bytes of salt in the keys that KCP issues.
pub(super) const SALT_LEN: usize = 20;
const ROUNDS: u16 = 2048;

/// The `EncryptedPrivateKeyInfo` of `pkcs8_der` under `password`.
pub(super) fn encrypt(pkcs8_der: &[u8], password: &str, salt: &[u8; SALT_LEN]) -> Vec<u8> {
    let (key, iv) = key_and_iv(password, salt, u32::from(ROUNDS));
    let cipher = cbc::Encryptor::<des::TdesEde3>::new(&(*key).into(), &iv.into());
    let sealed = cipher.encrypt_padded_vec::<Pkcs7>(pkcs8_der);
    let parameters = sequence(&[tlv(0x04, salt), tlv(0x02, &ROUNDS.to_be_bytes())].concat());
    let algorithm = sequence(&[tlv(0x06, &OID), parameters].concat());
    sequence(&[algorithm, tlv(0x04, &sealed)].concat())
}

/// The PKCS#8 DER inside `encrypted`, or nothing when the form or the password is another.
pub(super) fn decrypt(encrypted: &[u8], password: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (outer, rest) = read(encrypted, 0x30)?;
    if !rest.is_empty() {
        return None;
    }
    let (algorithm, outer) = read(outer, 0x30)?;
    let (sealed, _) = read(outer, 0x04)?;
    let (oid, algorithm) = read(algorithm, 0x06)?;
    let (parameters, _) = read(algorithm, 0x30)?;
    let (salt, parameters) = read(parameters, 0x04)?;
    let (rounds, _) = read(parameters, 0x02)?;
    let rounds = rounds
        .iter()
        .try_fold(0_u32, |n, b| n.checked_mul(256)?.checked_add((*b).into()))?;
    // A file may claim any number of rounds; more than this would only stall the start.
    if oid != OID || rounds == 0 || rounds > 10_000_000 {
        return None;
    }
    let (key, iv) = key_and_iv(password, salt, rounds);
    let cipher = cbc::Decryptor::<des::TdesEde3>::new(&(*key).into(), &iv.into());
    cipher
        .decrypt_padded_vec::<Pkcs7>(sealed)
        .ok()
        .map(Zeroizing::new)
}

fn key_and_iv(password: &str, salt: &[u8], rounds: u32) -> (Zeroizing<[u8; 24]>, [u8; 8]) {
    let mut key = Zeroizing::new([0; 24]);
    derive(password, salt, rounds, 1, key.as_mut());
    let mut iv = [0; 8];
    derive(password, salt, rounds, 2, &mut iv);
    (key, iv)
}

/// RFC 7292, B.2, for SHA-1 (`u` = 20 bytes, `v` = 64 bytes).
fn derive(password: &str, salt: &[u8], rounds: u32, purpose: u8, out: &mut [u8]) {
    const V: usize = 64;
    // The password as UTF-16, high byte first, with two zero bytes behind.
    let password: Zeroizing<Vec<u8>> = Zeroizing::new(
        password
            .encode_utf16()
            .chain([0])
            .flat_map(u16::to_be_bytes)
            .collect(),
    );
    let fill = |bytes: &[u8]| -> Vec<u8> {
        let len = bytes.len().div_ceil(V) * V;
        bytes.iter().copied().cycle().take(len).collect()
    };
    let mut block = Zeroizing::new([fill(salt), fill(&password)].concat());
    for chunk in out.chunks_mut(20) {
        let mut hash = Sha1::new();
        hash.update([purpose; V]);
        hash.update(&*block);
        let mut a = hash.finalize();
        for _ in 1..rounds {
            a = Sha1::digest(a);
        }
        chunk.copy_from_slice(&a[..chunk.len()]);
        // Every 64-byte part of the block becomes itself plus the repeated hash plus one.
        for part in block.chunks_mut(V) {
            let mut carry = 1_u16;
            for (i, byte) in part.iter_mut().enumerate().rev() {
                carry += u16::from(*byte) + u16::from(a[i % 20]);
                *byte = carry.to_le_bytes()[0];
                carry >>= 8;
            }
        }
    }
}

fn sequence(content: &[u8]) -> Vec<u8> {
    tlv(0x30, content)
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let used = len
        .iter()
        .skip_while(|b| **b == 0)
        .copied()
        .collect::<Vec<_>>();
    let mut out = vec![tag];
    match used.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            // At most eight bytes of length, so this never truncates.
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}

/// The content of the element with `tag` at the front of `der`, and what follows it.
fn read(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (len, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (len, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if len.len() > 4 {
            return None;
        }
        (len.iter().fold(0, |n, b| n << 8 | usize::from(*b)), rest)
    };
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_can_be_read_with_the_password_alone() {
        let salt = [7; SALT_LEN];
        for password in ["changeit", "비밀번호", ""] {
            let sealed = encrypt(
                b"a private key of some length, not a multiple of 8",
                password,
                &salt,
            );
            let opened = decrypt(&sealed, password).unwrap();
            assert_eq!(
                &**opened,
                b"a private key of some length, not a multiple of 8"
            );
            // A wrong password leaves garbage whose padding is wrong but for one case in 256.
            assert_ne!(decrypt(&sealed, "wrong").as_deref(), Some(&*opened));
        }
        assert!(decrypt(b"", "changeit").is_none());
        assert!(decrypt(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], "changeit").is_none());
    }

    #[test]
    fn the_derivation_agrees_with_published_values() {
        // From the test suites of other implementations of RFC 7292 B.2 ("smeg", "queeg").
        let check = |password, salt: &[u8], rounds, purpose, expected: &[u8]| {
            let mut out = vec![0; expected.len()];
            derive(password, salt, rounds, purpose, &mut out);
            assert_eq!(out, expected);
        };
        check(
            "smeg",
            &[0x0a, 0x58, 0xcf, 0x64, 0x53, 0x0d, 0x82, 0x3f],
            1,
            1,
            &[
                0x8a, 0xaa, 0xe6, 0x29, 0x7b, 0x6c, 0xb0, 0x46, 0x42, 0xab, 0x5b, 0x07, 0x78, 0x51,
                0x28, 0x4e, 0xb7, 0x12, 0x8f, 0x1a, 0x2a, 0x7f, 0xbc, 0xa3,
            ],
        );
        check(
            "smeg",
            &[0x0a, 0x58, 0xcf, 0x64, 0x53, 0x0d, 0x82, 0x3f],
            1,
            2,
            &[0x79, 0x99, 0x3d, 0xfe, 0x04, 0x8d, 0x3b, 0x76],
        );
        check(
            "queeg",
            &[0x05, 0xde, 0xc9, 0x59, 0xac, 0xff, 0x72, 0xf7],
            1000,
            1,
            &[
                0xed, 0x20, 0x34, 0xe3, 0x63, 0x28, 0x83, 0x0f, 0xf0, 0x9d, 0xf1, 0xe1, 0xa0, 0x7d,
                0xd3, 0x57, 0x18, 0x5d, 0xac, 0x0d, 0x4f, 0x9e, 0xb3, 0xd4,
            ],
        );
    }
}
