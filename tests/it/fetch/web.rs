//! nginx, fcgiwrap and git's http-backend on loopback, with a certificate of an authority of our own.

use std::fs;
use std::path::{Path, PathBuf};

use rmqgit::sys::remote::{Remote, RemoteOptions};

use super::origin::Origin;
use super::server::{Server, program, run};

/// A web server that serves the origin at `/v2/`, without version 2 at `/v0/`, and with a password at `/private/`.
pub(super) struct Web {
    pub(super) server: Server,
    /// Ends after the server that asks it.
    _backend: Server,
    pub(super) dir: PathBuf,
}

impl Web {
    pub(super) fn start(origin: &Origin) -> Self {
        let dir = origin.dir.path().join("web");
        fs::create_dir(&dir).unwrap();
        authority(&dir, "ca");
        authority(&dir, "stranger");
        certificate(&dir);
        fs::write(dir.join("passwords"), "ci:{PLAIN}s3cret\n").unwrap();
        fs::write(dir.join("token"), "ci:s3cret\n").unwrap();
        fs::write(dir.join("wrong"), "ci:guess\n").unwrap();
        let backend = Server::start(|port| {
            let mut fcgiwrap = program("/usr/sbin/fcgiwrap");
            fcgiwrap.args(["-s", &format!("tcp:127.0.0.1:{port}")]);
            fcgiwrap
        });
        let server = Server::start(|port| {
            fs::write(dir.join("nginx.conf"), config(&dir, origin.dir.path(), port, backend.port)).unwrap();
            let mut nginx = program("/usr/sbin/nginx");
            nginx.arg("-c").arg(dir.join("nginx.conf")).arg("-e").arg(dir.join("error.log"));
            nginx
        });
        Self { server, _backend: backend, dir }
    }

    pub(super) fn options(&self) -> RemoteOptions {
        RemoteOptions { ca_file: Some(self.dir.join("ca.pem")), timeout: 20, ..RemoteOptions::default() }
    }

    pub(super) fn remote(&self, place: &str, options: RemoteOptions) -> Remote {
        self.remote_at("127.0.0.1", place, options)
    }

    pub(super) fn remote_at(&self, name: &str, place: &str, options: RemoteOptions) -> Remote {
        Remote::parse(&format!("https://{name}:{}/{place}/origin.git", self.server.port), options).unwrap()
    }
}

fn config(dir: &Path, root: &Path, port: u16, backend: u16) -> String {
    let exec = run("git", &["--exec-path"]);
    let (user, exec, dir, root) = (run("id", &["-un"]), exec.trim(), dir.display(), root.display());
    let git = format!(
        "fastcgi_pass 127.0.0.1:{backend}; fastcgi_param SCRIPT_FILENAME {exec}/git-http-backend; \
         fastcgi_param GIT_PROJECT_ROOT {root}; fastcgi_param GIT_HTTP_EXPORT_ALL 1; fastcgi_param PATH_INFO $path; \
         fastcgi_param REQUEST_METHOD $request_method; fastcgi_param QUERY_STRING $query_string; \
         fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;"
    );
    let v2 = "fastcgi_param GIT_PROTOCOL $http_git_protocol;";
    format!(
        "daemon off; worker_processes 1; user {}; pid {dir}/pid; error_log {dir}/error.log;\n\
         events {{}}\n\
         http {{ access_log off;\n\
           client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;\n\
           uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;\n\
           server {{ listen 127.0.0.1:{port} ssl; listen 127.0.0.2:{port} ssl; ssl_certificate {dir}/server.pem; ssl_certificate_key {dir}/server.key;\n\
             location ~ ^/v2(?<path>/.*) {{ {git} {v2} }}\n\
             location ~ ^/v0(?<path>/.*) {{ {git} fastcgi_pass_request_headers off; }}\n\
             location ~ ^/private(?<path>/.*) {{ auth_basic x; auth_basic_user_file {dir}/passwords; {git} {v2} }}\n\
             location ~ ^/moved(?<path>/.*) {{ return 301 /private$path$is_args$args; }}\n\
             location ~ ^/elsewhere(?<path>/.*) {{ return 302 https://127.0.0.2:{port}/private$path$is_args$args; }}\n\
             location ~ ^/plain(?<path>/.*) {{ return 302 http://127.0.0.1:{port}/v2$path$is_args$args; }}\n\
             location ~ ^/login {{ return 302 /page; }}\n\
             location /round {{ return 302 $request_uri; }}\n\
             location /page {{ default_type text/html; return 200 '<html>'; }}\n\
             location /broken {{ return 503; }}\n\
           }} }}\n",
        user.trim()
    )
}

pub(crate) fn authority(dir: &Path, name: &str) {
    let (key, pem) = (dir.join(format!("{name}.key")), dir.join(format!("{name}.pem")));
    fs::write(dir.join("openssl.cnf"), "[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n").unwrap();
    let config = dir.join("openssl.cnf");
    let subject = format!("/CN={name}");
    run(
        "openssl",
        &[
            "req",
            "-x509",
            "-config",
            text(&config),
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &subject,
            "-keyout",
            text(&key),
            "-out",
            text(&pem),
        ],
    );
}

/// Makes the server's certificate, for two addresses and no name.
pub(crate) fn certificate(dir: &Path) {
    fs::write(dir.join("openssl.cnf"), "[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1,IP:127.0.0.2\n").unwrap();
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    run(
        "openssl",
        &[
            "req",
            "-x509",
            "-config",
            &path("openssl.cnf"),
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=server",
            "-CA",
            &path("ca.pem"),
            "-CAkey",
            &path("ca.key"),
            "-keyout",
            &path("server.key"),
            "-out",
            &path("server.pem"),
        ],
    );
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are ASCII")
}
