"use strict";
// The page is whole without this; with it, it can be filtered.
(function () {
  const form = document.querySelector(".filters");
  const find = document.getElementById("find");
  const shown = document.getElementById("shown");
  const entries = Array.from(document.querySelectorAll(".cluster"));
  if (entries.length === 0) return;

  // A list of hosts has lines "CLUSTER CLUSTER...: HOST HOST...".
  function lists(entry) {
    return Array.from(entry.querySelectorAll("[data-hosts]"), function (list) {
      return list.textContent.split("\n").map(function (line) {
        const at = line.indexOf(": ");
        return [line.slice(0, at).split(" "), line.slice(at + 2).split(" ")];
      });
    });
  }

  function holds(list, words) {
    return list.some(function (line) {
      const [clusters, hosts] = line;
      return words.every(function (word) {
        const at = word.indexOf("/");
        const among = function (names, part) {
          return names.some(function (name) { return name.includes(part); });
        };
        if (at < 0) return among(clusters, word) || among(hosts, word);
        return among(clusters, word.slice(0, at)) && among(hosts, word.slice(at + 1));
      });
    });
  }

  const known = entries.map(lists);

  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const classes = new Set(Array.from(form.querySelectorAll("input[name=class]:checked"), function (box) { return box.value; }));
    let seen = 0, all = 0;
    entries.forEach(function (entry, n) {
      const hits = known[n].map(function (list) { return words.length === 0 || holds(list, words); });
      let any = false, filterable = false;
      entry.querySelectorAll("[data-class],[data-list]").forEach(function (item) {
        const list = item.dataset.list === undefined ? 0 : Number(item.dataset.list);
        const of = item.dataset.class === undefined || classes.has(item.dataset.class);
        const show = hits[list] && of;
        item.hidden = !show;
        any = any || show;
        filterable = true;
        if (item.matches(".file")) {
          all += 1;
          if (show) seen += 1;
        }
      });
      entry.hidden = filterable ? !any : !hits[0];
    });
    shown.textContent = seen === all ? (all === 1 ? "1 file" : all + " files") : seen + " of " + all + " files";
  }

  function toggle(open) {
    document.querySelectorAll(".file").forEach(function (file) {
      if (!file.hidden) file.open = open;
    });
  }

  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.addEventListener("input", filter);
  document.getElementById("open").addEventListener("click", function () { toggle(true); });
  document.getElementById("close").addEventListener("click", function () { toggle(false); });
  form.hidden = false;
  filter();
})();
