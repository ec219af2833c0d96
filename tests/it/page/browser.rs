//! A browser that a test talks to through a pipe: Chromium's DevTools protocol, messages that end in a zero byte.
//!
//! Source: the protocol's own description, <https://chromedevtools.github.io/devtools-protocol/>.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A browser with one page open; it ends with the value.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    next: u64,
    /// What the page did since it was opened: requests, words on the console, faults.
    events: Vec<(String, Value)>,
    _profile: tempfile::TempDir,
}

/// How somebody looks at a page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The browser reads from descriptor 3 and writes to 4. Root's sandbox would need a kernel that allows it; the pages are ours.
        let script = "exec chromium-headless-shell --no-sandbox --disable-gpu --remote-debugging-pipe --no-first-run \
                      --disable-background-networking --disable-component-update --force-color-profile=srgb \
                      --user-data-dir=\"$0\" about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut browser = Self { child, to, from, session: None, next: 0, events: Vec::new(), _profile: profile };
        let target = browser.ask("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].clone();
        let session = browser.ask("Target.attachToTarget", &json!({"targetId": target, "flatten": true}));
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Sends a command and returns its result; what happens meanwhile is remembered.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        self.to.flush().unwrap();
        loop {
            let mut answer = self.read();
            if answer["id"] == json!(self.next) {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.note(answer);
        }
    }

    fn read(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "chromium-headless-shell ended; `tests/install` installs it");
        serde_json::from_slice(&bytes).unwrap()
    }

    fn note(&mut self, mut event: Value) {
        if let Some(method) = event["method"].as_str().map(str::to_owned) {
            self.events.push((method, event["params"].take()));
        }
    }

    /// Opens a file as somebody sees it, and waits until it is there.
    pub(crate) fn open(&mut self, file: &Path, view: View) {
        let View { width, height, dark } = view;
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.ask("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.ask("Emulation.setEmulatedMedia", &media);
        self.events.clear();
        self.ask("Page.navigate", &json!({"url": format!("file://{}", file.display())}));
        while !self.events.iter().any(|(method, _)| method == "Page.loadEventFired") {
            let event = self.read();
            self.note(event);
        }
    }

    /// Returns what an expression says in the page.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let how = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.ask("Runtime.evaluate", &how);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Presses a key: its name, the number that Windows gives it, and the letter that it types.
    pub(crate) fn press(&mut self, (key, code, text): (&str, u32, &str)) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" {
                event["text"] = json!(text);
            }
            self.ask("Input.dispatchKeyEvent", &event);
        }
    }

    /// Returns what a page does that needs nothing and has no fault never does: requests but the one for itself, words on the
    /// console, violations, exceptions.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        // An answer comes after what happened before the question.
        self.eval("1");
        let loud = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"];
        let mut complaints = Vec::new();
        for (method, params) in &self.events {
            let request = method == "Network.requestWillBeSent" && params["type"] != "Document";
            if request || loud.contains(&method.as_str()) {
                complaints.push(format!("{method}: {params}"));
            }
        }
        complaints
    }

    /// Takes a picture of the whole page for a person to look at.
    pub(crate) fn picture(&mut self, to: &Path) {
        use base64::Engine as _;
        let height = self.eval("document.documentElement.scrollHeight").as_f64().unwrap_or(800.0);
        let width = self.eval("innerWidth").as_f64().unwrap_or(800.0);
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height.min(12_000.0), "scale": 1});
        let shot = self.ask("Page.captureScreenshot", &json!({"captureBeyondViewport": true, "clip": clip}));
        let bytes = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        std::fs::write(to, bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends when nobody listens; what was started is waited for either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
