//! nginx's configuration and its home page.

pub(super) const INDEX: &str = "<!doctype html>\n<html lang=\"en\">\n\
    <head><meta charset=\"utf-8\"><title>The Store House of Curlew Rock</title></head>\n\
    <body>\n<h1>The Store House of Curlew Rock</h1>\n\
    <p>Heavy goods: <a href=\"/100m.bin\">by the barrel</a>, <a href=\"/100m-chunked.bin\">by the bucket</a>.</p>\n\
    </body>\n</html>\n";

/// All paths are relative to the directory given by `-p`.
pub(super) fn text(http: u16, https: u16, protocols: &str, asks_clients: bool, root: bool) -> String {
    // Workers become `nobody` otherwise, who may not enter our directory; without root the line only warns.
    let user = if root { "user root;" } else { "" };
    let clients =
        if asks_clients { "ssl_verify_client on;\n        ssl_client_certificate clients.pem;" } else { "" };
    format!(
        r#"{user}
worker_processes 1;
pid nginx.pid;
error_log error.log info;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path tmp/body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    uwsgi_temp_path tmp/uwsgi;
    scgi_temp_path tmp/scgi;
    types {{ text/html html; }}
    default_type application/octet-stream;
    log_format plain '$connection $connection_requests $request_method $request_uri $status';
    log_format tls '$ssl_protocol $ssl_session_reused $ssl_client_verify $ssl_client_s_dn';
    access_log access.log plain;
    access_log tls.log tls;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 75s;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{http};
        listen 127.0.0.1:{https} ssl;
        server_name localhost;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        ssl_protocols {protocols};
        ssl_session_cache shared:sessions:1m;
        {clients}
        root html;
        client_max_body_size 64m;

        # Server-side includes may change the length, so nginx announces none; the pattern holds no include.
        location = /100m-chunked.bin {{
            alias html/100m.bin;
            ssi on;
            ssi_types application/octet-stream;
        }}
        location /upload/ {{
            root .;
            dav_methods PUT DELETE;
            create_full_put_path on;
        }}
        # The proxy takes in the whole request before it passes it on, so its length is known there.
        location = /post {{
            proxy_pass http://127.0.0.1:{http}/received;
        }}
        location = /received {{
            access_log off;
            default_type text/plain;
            return 200 "$http_content_length\n";
        }}
        location = /broken {{
            default_type text/plain;
            return 500 "broken\n";
        }}
    }}
}}
"#
    )
}
