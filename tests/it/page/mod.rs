//! The pages of a review, in a real browser: they load nothing, have no fault, fit a telephone, can be read in light and dark,
//! by keyboard, by ear and without a script.
//!
//! `RMQGIT_SCREENSHOTS=DIR` keeps pictures of them for a person to look at.

mod browser;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::git::git;
use crate::{rmqgit, run};
use browser::{Browser, View};

const PHONE: View = View { width: 360, height: 740, dark: false };
const DESK: View = View { width: 1280, height: 900, dark: false };

/// A repository in which the tutorial's cluster changes in many ways, and its review in every format.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "--quiet"]);
        let spec =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tutorial/rmqgit.yaml")).unwrap();
        commit(dir.path(), &spec);
        let edits = [
            ("hosts: [rabbit1, rabbit2]               #", "hosts: [rabbit2, rabbit1] #"),
            ("port: 5673, balance: leastconn", "port: 5674, balance: roundrobin"),
            (
                "rabbit3: {address: 192.168.1.221}",
                "rabbit3: {address: 192.168.1.221}\n    rabbit4: {address: 192.168.1.223}",
            ),
            ("nodes: [rabbit1, rabbit2, rabbit3] ", "nodes: [rabbit1, rabbit2, rabbit3, rabbit4] "),
            ("high_watermark.relative: 0.6", "high_watermark.relative: 0.5"),
            ("      shop:\n", "      \"</script><img src=x onerror=alert(1)>\":\n"),
        ];
        let new = edits.iter().fold(spec, |spec, (from, to)| {
            assert!(spec.contains(from), "{from}");
            spec.replace(from, to)
        });
        commit(dir.path(), &new);
        Self { dir }
    }

    /// Writes the review in a format; returns its file.
    fn page(&self, format: &str) -> PathBuf {
        let mut command = rmqgit();
        command.args(["review", "HEAD~1", "HEAD", "--format", format]).current_dir(self.dir.path());
        let (status, page, errors) = run(&mut command);
        assert_eq!((status, errors.contains("error")), (0, false), "{errors}");
        let path = self.dir.path().join(format!("review.{format}"));
        fs::write(&path, page).unwrap();
        path
    }
}

fn commit(dir: &Path, spec: &str) {
    fs::write(dir.join("rmqgit.yaml"), spec).unwrap();
    git(dir, &["add", "--all"]);
    git(dir, &["commit", "--quiet", "--message", "Change"]);
}

/// Returns a program that `tests/install` took from npm.
fn script(name: &str) -> String {
    let path = Path::new("/usr/local/lib/rmqgit-tests").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; `tests/install` installs it", path.display()))
}

fn keep(browser: &mut Browser, name: &str) {
    if let Some(dir) = std::env::var_os("RMQGIT_SCREENSHOTS") {
        browser.picture(&Path::new(&dir).join(format!("{name}.png")));
    }
}

/// Measures in a page what leaves the screen, and texts of a picture that leave their boxes.
const OVERFLOW: &str = r#"(() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  const out = wide > 0 ? ["the page is " + wide + " pixels too wide"] : [];
  for (const box of document.querySelectorAll("g.box")) {
    const edge = box.querySelector("rect").getBoundingClientRect();
    if (edge.width === 0) continue;
    for (const text of box.querySelectorAll("text")) {
      if (text.getBoundingClientRect().right > edge.right - 2) out.push(text.textContent);
    }
  }
  const paper = document.querySelector(".paper");
  for (const text of document.querySelectorAll("svg text")) {
    const own = text.closest("svg").querySelector(".paper").getBoundingClientRect();
    if (own.width > 0 && text.getBoundingClientRect().right > own.right) out.push(text.textContent);
  }
  return out;
})()"#;

/// Measures how well each text of a picture, and each sign, stands out from what is painted below it: 4.5 to 1 at least, says
/// WCAG 2.2, 1.4.3. axe leaves those open.
const CONTRAST: &str = include_str!("contrast.js");

/// Returns the faults that [`CONTRAST`] finds, which it must have looked for.
fn pale(browser: &mut Browser) -> Value {
    let mut found = browser.eval(CONTRAST);
    assert!(found["count"].as_u64() > Some(50), "{found}");
    found["faults"].take()
}

/// Says what of the diffs does not reach somebody who listens: each is a table of rows of cells, whatever it looks like, and
/// what comes and goes is told in words.
fn unheard(browser: &mut Browser) -> Vec<String> {
    let tree = browser.ask("Accessibility.getFullAXTree", &json!({}));
    let nodes: Vec<&Value> = tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false).collect();
    let with = |role: &str| nodes.iter().filter(|node| node["role"]["value"] == role).count();
    let mut faults = Vec::new();
    for (role, selector) in [("table", "table"), ("row", "table tr"), ("columnheader", "table th")] {
        let seen = browser.eval(&format!("document.querySelectorAll('{selector}').length"));
        if json!(with(role)) != seen {
            faults.push(format!("{seen} times {selector}, {} times {role}", with(role)));
        }
    }
    for (word, selector) in [("removed: ", "td.del"), ("added: ", "td.ins")] {
        let seen = browser.eval(&format!("document.querySelectorAll('{selector}').length"));
        let begins = |node: &&&Value| node["name"]["value"].as_str().is_some_and(|name| name.starts_with(word));
        let heard = nodes.iter().filter(|node| node["role"]["value"] == "cell").filter(begins).count();
        if json!(heard) != seen {
            faults.push(format!("{seen} times {selector}, {heard} times {word}"));
        }
    }
    faults
}

#[test]
fn a_page_is_for_everybody() {
    let (site, axe) = (Site::new(), script("axe.min.js"));
    let page = site.page("html");
    let mut browser = Browser::start();
    for (name, size) in [("phone", PHONE), ("desk", DESK)] {
        for (scheme, dark) in [("light", false), ("dark", true)] {
            let name = format!("{name}-{scheme}");
            browser.open(&page, View { dark, ..size });
            browser.eval("document.querySelectorAll('.file').forEach((file) => { file.open = true; }); 1");
            assert_eq!(browser.eval(OVERFLOW), json!([]), "{name}");
            keep(&mut browser, &name);
            browser.eval(&axe);
            let found = browser.eval(
                "axe.run().then((found) => found.violations.map((one) => [one.id, one.nodes.map((node) => node.html + ': ' + node.failureSummary)]))",
            );
            assert_eq!(found, json!([]), "{name}: {found:#}");
            let open = browser.eval(
                "axe.run({runOnly: ['color-contrast']}).then((found) => found.incomplete.flatMap((one) => one.nodes).filter((node) => !document.querySelector(node.target[0]).closest('svg, span.sign, span.to')).map((node) => node.html))",
            );
            assert_eq!(open, json!([]), "{name}: nobody judges these");
            assert_eq!(pale(&mut browser), json!([]), "{name}");
            assert_eq!(browser.complaints(), Vec::<String>::new(), "{name}");
            assert_eq!(unheard(&mut browser), Vec::<String>::new(), "{name}");
        }
    }
    // The judges see what they are there for.
    browser.eval("document.querySelectorAll('h3').forEach((title) => { title.style.color = '#777'; title.style.width = '9000px'; }); 1");
    assert_eq!(
        browser.eval("axe.run().then((found) => found.violations.map((one) => one.id))"),
        json!(["color-contrast"])
    );
    assert_ne!(browser.eval(OVERFLOW), json!([]));
    browser.eval("document.querySelectorAll('svg .line').forEach((line) => { line.style.fill = '#555'; }); 1");
    assert_ne!(pale(&mut browser), json!([]));
    browser.eval("document.querySelector('.diff tbody tr').setAttribute('role', 'presentation'); 1");
    assert_ne!(unheard(&mut browser), Vec::<String>::new());
    browser.eval("fetch('https://example.invalid/').catch(() => 1)");
    assert_ne!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_page_can_be_filtered_and_read_by_keyboard() {
    let site = Site::new();
    let page = site.page("html");
    let mut browser = Browser::start();
    browser.open(&page, DESK);
    let shown = "document.querySelectorAll('.file:not([hidden])').length";
    let all = browser.eval(shown).as_u64().unwrap();
    let filter = |text: &str| {
        format!(
            "(() => {{ const find = document.getElementById('find'); find.value = {text:?}; \
                 find.dispatchEvent(new Event('input', {{bubbles: true}})); }})()"
        )
    };
    browser.eval(&filter("rabbit4"));
    let some = browser.eval(shown).as_u64().unwrap();
    assert!(0 < some && some < all, "{some} of {all}");
    assert_eq!(browser.eval("document.getElementById('shown').textContent"), json!(format!("{some} of {all} files")));
    browser.eval(&filter("orders/rabbit1"));
    assert!(browser.eval(shown).as_u64().unwrap() < all);
    browser.eval(&filter("nowhere"));
    assert_eq!(browser.eval("document.querySelectorAll('.cluster:not([hidden])').length"), json!(0));
    browser.eval(&filter(""));
    browser.eval("document.querySelector('input[value=rolling]').click()");
    let classes = "Array.from(document.querySelectorAll('.file:not([hidden])'), (file) => file.dataset.class)";
    let Value::Array(classes) = browser.eval(classes) else { panic!("a list") };
    assert!(!classes.is_empty() && !classes.contains(&json!("rolling")), "{classes:?}");

    browser.open(&page, DESK);
    browser.press(("Tab", 9, ""));
    assert_eq!(browser.eval("document.activeElement.className"), json!("skip"));
    browser.press(("Enter", 13, "\r"));
    assert_eq!(browser.eval("document.activeElement.id"), json!("changes"));
    browser.eval("document.querySelector('.file').open = false; document.querySelector('.file summary').focus(); 1");
    browser.press((" ", 32, " "));
    assert_eq!(browser.eval("document.querySelector('.file').open"), json!(true));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_page_needs_no_script() {
    let site = Site::new();
    let page = site.page("html");
    let mut browser = Browser::start();
    browser.ask("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    browser.open(&page, PHONE);
    assert_eq!(browser.eval("document.querySelector('.filters').hidden"), json!(true));
    assert_ne!(browser.eval("document.querySelectorAll('.file:not([hidden])').length"), json!(0));
    assert_eq!(browser.eval(OVERFLOW), json!([]));
}

#[test]
fn a_picture_stands_alone() {
    let site = Site::new();
    let picture = site.page("svg");
    let mut browser = Browser::start();
    for (scheme, dark) in [("light", false), ("dark", true)] {
        browser.open(&picture, View { dark, ..DESK });
        keep(&mut browser, &format!("picture-{scheme}"));
        assert_ne!(browser.eval("document.querySelectorAll('g.box.changed').length"), json!(0));
        assert_eq!(browser.eval("document.querySelectorAll('parsererror').length"), json!(0));
        assert_eq!(browser.eval(OVERFLOW), json!([]), "{scheme}");
        assert_eq!(pale(&mut browser), json!([]), "{scheme}");
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

#[test]
fn mermaid_draws_every_chart() {
    let site = Site::new();
    let text = fs::read_to_string(site.page("markdown")).unwrap();
    let mut charts: Vec<String> =
        text.split("```mermaid\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect();
    let snapshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/review/picture/snapshots");
    for entry in fs::read_dir(snapshots).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains(".mmd") {
            let text = fs::read_to_string(&path).unwrap();
            charts.push(text.splitn(3, "---\n").nth(2).unwrap().to_owned());
        }
    }
    assert!(charts.len() > 4);
    let blank = site.dir.path().join("blank.html");
    fs::write(&blank, "<!DOCTYPE html><title>blank</title>").unwrap();
    let mut browser = Browser::start();
    browser.open(&blank, DESK);
    browser.eval(&format!(
        "{}; mermaid.initialize({{startOnLoad: false, securityLevel: 'strict'}}); 1",
        script("mermaid.min.js")
    ));
    for (n, chart) in charts.iter().enumerate() {
        let drawn = browser.eval(&format!(
            "mermaid.render('chart{n}', {}).then((drawn) => {{ document.body.innerHTML = drawn.svg; return document.querySelectorAll('.node').length; }})",
            json!(chart)
        ));
        let boxes = chart.lines().filter(|line| line.starts_with("    n")).count();
        assert_eq!(drawn, json!(boxes), "{chart}");
        keep(&mut browser, &format!("mermaid-{n}"));
    }
}
