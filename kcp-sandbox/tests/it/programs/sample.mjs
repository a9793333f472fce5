// The way of the guide's Node sample.
import { readFileSync } from 'node:fs';

const [url, certificate] = process.argv.slice(2);
const KCP_CERT_INFO = readFileSync(certificate, 'utf8').replace(/\n/g, '');
const req_data = {
  site_cd: 'T0000',
  kcp_cert_info: KCP_CERT_INFO,
  pay_method: 'CARD',
  cust_ip: '',
  amount: '1004',
  card_mny: '1004',
  currency: '410',
  quota: '00',
  ordr_idxx: 'NODE-1',
  good_name: '테스트 상품',
  buyr_name: '홍길동',
  buyr_mail: 'test@kcp.co.kr',
  buyr_tel2: '01000000000',
  card_tx_type: '11121000',
  card_no: '4111111111111111',
  card_expiry: '3012',
  card_taxno: '951010',
  card_pwd: '00',
};
const response = await fetch(`${url}/gw/hub/v1/payment`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(req_data),
});
const data = await response.json();
console.log(data.res_cd, data.res_msg);
