// The way of the guide's Java sample: a JSON text, and then replace(",", ",\r\n") over all of it.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

public class Sample {
    public static void main(String[] args) throws Exception {
        String certificate = Files.readString(Path.of(args[1])).replaceAll("[\\r\\n]", "");
        String[][] fields = {
            {"site_cd", "T0000"}, {"kcp_cert_info", certificate}, {"pay_method", "CARD"},
            {"cust_ip", ""}, {"amount", "1004"}, {"card_mny", "1004"}, {"currency", "410"},
            {"quota", "00"}, {"ordr_idxx", "JAVA-1"},
            {"good_name", "\uc0ac\uacfc, \ubc30"}, {"buyr_name", "\ud64d\uae38\ub3d9"},
            {"buyr_mail", "test@kcp.co.kr"}, {"buyr_tel2", "01000000000"},
            {"card_tx_type", "11111000"}, {"card_no", "4111111111111111"}, {"card_expiry", "3012"},
        };
        // What json-simple's toString() writes: it escapes the slash.
        StringBuilder json = new StringBuilder("{");
        for (String[] field : fields) {
            if (json.length() > 1) {
                json.append(',');
            }
            json.append('"').append(field[0]).append("\":\"");
            json.append(field[1].replace("/", "\\/")).append('"');
        }
        String temp_req_data = json.append('}').toString();
        String req_data = temp_req_data.replace(",", ",\r\n");

        URL url = new URL(args[0] + "/gw/hub/v1/payment");
        HttpURLConnection conn = (HttpURLConnection) url.openConnection();
        conn.setDoOutput(true);
        conn.setRequestMethod("POST");
        conn.setRequestProperty("Content-Type", "application/json");
        conn.setRequestProperty("Accept-Charset", "UTF-8");
        OutputStream os = conn.getOutputStream();
        os.write(req_data.getBytes("UTF-8"));
        os.flush();
        BufferedReader in =
            new BufferedReader(new InputStreamReader(conn.getInputStream(), "UTF-8"));
        StringBuilder outResult = new StringBuilder();
        String inputLine;
        while ((inputLine = in.readLine()) != null) {
            outResult.append(inputLine);
        }
        conn.disconnect();
        new PrintStream(System.out, true, StandardCharsets.UTF_8).println(outResult);
    }
}
