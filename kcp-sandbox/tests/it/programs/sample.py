# The way of the guide's Python sample, with the standard library's HTTP in place of requests.
import json
import sys
from urllib.request import Request, urlopen

url, certificate = sys.argv[1:]
with open(certificate, encoding="utf8") as file:
    kcp_cert_info = file.read().replace("\n", "")
headers = {"Content-Type": "application/json", "charset": "UTF-8"}
req_data = {
    "site_cd": "T0000",
    "kcp_cert_info": kcp_cert_info,
    "ordr_idxx": "PYTHON-1",
    "buyr_name": "홍길동",
    "good_name": "테스트 상품",
    "buyr_mail": "test@kcp.co.kr",
    "buyr_tel2": "01000000000",
    "currency": "410",
    "amount": "1004",
    "card_mny": "1004",
    "quota": "00",
    "pay_method": "CARD",
    "card_tx_type": "11121000",
    "card_no": "4111111111111111",
    "card_expiry": "3012",
    "card_taxno": "951010",
    "card_pwd": "00",
}
data = json.dumps(req_data, ensure_ascii=False, indent="\t").encode("utf8")
with urlopen(Request(url + "/gw/hub/v1/payment", data=data, headers=headers), timeout=20) as res:
    json_res = json.loads(res.read().decode("utf8"))
sys.stdout.buffer.write((json_res["res_cd"] + " " + json_res["res_msg"] + "\n").encode("utf8"))
